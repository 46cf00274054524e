"""Every difference between Linux and macOS that the trigger and the daemon's folders have, as pure functions.

Nothing here looks at the machine: `system` is `sys.platform` ("linux" or "darwin"), handed in. The macOS half was
never run by this project's tests on a Mac; its constants come from `sys/un.h` and `sys/ucred.h`.
"""

import struct
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

# What a recipe can build for: names, and the labels that a host of that kind has by nature.
TARGETS: Mapping[str, tuple[str, str]] = {
    "linux-x86_64": ("linux", "x86_64"),
    "linux-aarch64": ("linux", "aarch64"),
    "macos-arm64": ("macos", "arm64"),
    "macos-x86_64": ("macos", "x86_64"),
}

_SOL_SOCKET_LINUX = 1
_SO_PEERCRED = 17  # struct ucred {pid_t pid; uid_t uid; gid_t gid;}
_SOL_LOCAL = 0
_LOCAL_PEERCRED = 1  # struct xucred {u_int version; uid_t uid; short ngroups; gid_t groups[16];}
_XUCRED_VERSION = 0
_LINUX_UCRED = struct.Struct("=iII")
_DARWIN_XUCRED = struct.Struct("=IIhxx16I")


@dataclass(frozen=True, slots=True, kw_only=True)
class PeerOption:
    """The socket option that tells who is at the other end: the arguments of `getsockopt`; `size` in bytes."""

    level: int
    name: int
    size: int


def peer_option(system: str) -> PeerOption | None:
    """Return how to ask the kernel for the peer of a Unix socket, or None where we do not know."""
    match system:
        case "linux":
            return PeerOption(level=_SOL_SOCKET_LINUX, name=_SO_PEERCRED, size=_LINUX_UCRED.size)
        case "darwin":
            return PeerOption(level=_SOL_LOCAL, name=_LOCAL_PEERCRED, size=_DARWIN_XUCRED.size)
        case _:
            return None


def peer_uid(system: str, credentials: bytes) -> int | None:
    """Return the user id in what the kernel answered to `peer_option`, or None where it holds none."""
    match system:
        case "linux" if len(credentials) == _LINUX_UCRED.size:
            return int(_LINUX_UCRED.unpack(credentials)[1])
        case "darwin" if len(credentials) == _DARWIN_XUCRED.size:
            version, uid, *_ = _DARWIN_XUCRED.unpack(credentials)
            return int(uid) if version == _XUCRED_VERSION else None
        case _:
            return None


def socket_path_limit(system: str) -> int:
    """Return how many bytes the path of a Unix socket may have, without the closing NUL (`sun_path`)."""
    return 107 if system == "linux" else 103


@dataclass(frozen=True, slots=True, kw_only=True)
class Folders:
    """Where the daemon keeps what must last (`state`), its sockets (`runtime`), and its configuration file."""

    state: Path
    runtime: Path
    config: Path


def default_folders(system: str, *, home: Path, uid: int, environ: Mapping[str, str]) -> Folders:
    """Return where things are unless the operator says otherwise.

    Linux: the system folders (FHS) for root, the XDG base directories for everyone else, but for the
    state folder that systemd made for a service (systemd.exec(5), StateDirectory=). macOS: Application Support.
    """
    if system == "darwin":
        return _darwin_folders(home, uid)
    if uid == 0:
        return Folders(
            state=Path("/var/lib/releasd"), runtime=Path("/run/releasd"), config=Path("/etc/releasd/releasd.toml")
        )
    state = _folder(environ, "STATE_DIRECTORY", _folder(environ, "XDG_STATE_HOME", home / ".local/state") / "releasd")
    runtime = Path(environ["XDG_RUNTIME_DIR"]) / "releasd" if _is_set(environ, "XDG_RUNTIME_DIR") else state / "run"
    return Folders(
        state=state,
        runtime=runtime,
        config=_folder(environ, "XDG_CONFIG_HOME", home / ".config") / "releasd/releasd.toml",
    )


def _darwin_folders(home: Path, uid: int) -> Folders:
    library = Path("/Library") if uid == 0 else home / "Library"
    state = library / "Application Support/releasd"
    return Folders(
        state=state,
        runtime=Path("/var/run/releasd") if uid == 0 else state / "run",
        config=state / "releasd.toml",
    )


def _is_set(environ: Mapping[str, str], name: str) -> bool:
    # "All paths must be absolute; a relative path is to be ignored" (XDG Base Directory Specification).
    return environ.get(name, "").startswith("/")


def _folder(environ: Mapping[str, str], name: str, default: Path) -> Path:
    return Path(environ[name]) if _is_set(environ, name) else default


def natural_labels(system: str, machine: str) -> frozenset[str]:
    """Return the labels that a host has by nature, from what `uname` says of it: its system and its architecture."""
    return frozenset({"macos" if system == "Darwin" else system.lower(), machine})


def derived_labels(system: str, machine: str, facts: Mapping[str, Any]) -> frozenset[str]:
    """Return the labels that a host can be registered with: by nature, its C library, and its container engines.

    `facts` are those of a surveying probe (ports.Probe). An engine counts where it answers, not where it is installed.
    """
    libc, _, version = str(facts.get("libc", "")).partition(" ")
    library = {"glibc": f"glibc{version}", "musl": "musl"}.get(libc)
    engines = facts.get("images", {})
    return natural_labels(system, machine) | frozenset(engines) | ({library} if library else frozenset())
