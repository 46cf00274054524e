"""Debian's Rust with the standard library of another processor, as `rustup target add` would put it there.

The library is in Debian's package for that processor, which is fetched and unpacked beside the installed ones: the
system's own list of architectures and packages stays as it is.
"""

import shutil
import subprocess
from pathlib import Path

from support import cache
from support.tools import lacking, require_tool

_LIBRARY = "libstd-rust-dev"  # Debian's name for it
_SECONDS = 150
# apt's own folders and no hooks: those are for the system's.
_APT = """\
#clear APT::Update::Post-Invoke;
#clear APT::Update::Post-Invoke-Success;
APT::Architecture "arm64";
APT::Architectures {{ "arm64"; }};
APT::Sandbox::User "root";
Dir::State "{folder}/state";
Dir::State::status "/dev/null";
Dir::Cache "{folder}/cache";
"""
_RUSTC = """\
#!/bin/sh
exec /usr/bin/rustc --sysroot '{folder}/sysroot' "$@"
"""


def require_cross_rust(folder: Path) -> None:
    """Have a rustc that can compile for aarch64, and its cargo, in a folder of a PATH.

    Skips loudly, or fails under CI, where that cannot be had.
    """
    for program in ("apt-get", "dpkg-deb", "dpkg-query", "/usr/bin/cargo", "/usr/bin/rustc"):
        require_tool(program)
    try:
        version = _run("dpkg-query", "--show", "--showformat=${Version}", _LIBRARY)
        made = cache.kept(f"rust-{version}", lambda place: _fill(place, version))
    except (subprocess.SubprocessError, OSError) as error:
        lacking(f"NOTHING WAS COMPILED FOR aarch64: Debian's {_LIBRARY} for arm64 cannot be had: {error}")
    (folder / "cargo").symlink_to("/usr/bin/cargo")
    (folder / "rustc").symlink_to(made / "rustc")


def _fill(folder: Path, version: str) -> None:
    for name in ("state/lists/partial", "cache/archives/partial", "package", "sysroot/lib/rustlib"):
        (folder / name).mkdir(parents=True)
    (folder / "apt.conf").write_text(_APT.format(folder=folder))
    apt = ("apt-get", "--quiet", "--quiet", f"--config-file={folder}/apt.conf")
    _run(*apt, "update")
    _run(*apt, "download", f"{_LIBRARY}={version}", cwd=folder)
    (package,) = folder.glob("*.deb")
    _run("dpkg-deb", "--extract", package, folder / "package")
    libraries = folder / "sysroot/lib/rustlib"
    for base in (Path("/usr"), folder / "package/usr"):
        for target in (base / "lib/rustlib").glob("*-unknown-linux-gnu"):
            (libraries / target.name).symlink_to(target)
    (folder / "rustc").write_text(_RUSTC.format(folder=folder))
    (folder / "rustc").chmod(0o755)
    for name in ("state", "cache"):
        shutil.rmtree(folder / name)
    package.unlink()


def _run(*command: str | Path, cwd: Path | None = None) -> str:
    done = subprocess.run(command, cwd=cwd, capture_output=True, text=True, timeout=_SECONDS, check=False)
    if done.returncode:
        raise subprocess.SubprocessError(done.stderr)
    return done.stdout
