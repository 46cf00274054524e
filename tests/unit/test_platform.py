"""Where the platforms differ: pure functions, so the macOS half is tested here too."""

import struct
from pathlib import Path

import pytest

from releasd.core.platform import Folders, default_folders, peer_option, peer_uid, socket_path_limit

HOME = Path("/home/anna")


def test_linux_credentials_give_the_uid_and_not_the_pid() -> None:
    """A struct ucred is pid, uid, gid; uids use all 32 bits."""
    assert peer_uid("linux", struct.pack("=iII", 42, 4_000_000_000, 7)) == 4_000_000_000


def test_macos_credentials_give_the_uid() -> None:
    """A struct xucred is version, uid, a count, padding and sixteen groups: 76 bytes."""
    answer = struct.pack("=IIhxx16I", 0, 501, 1, 20, *[0] * 15)
    assert len(answer) == 76
    assert peer_uid("darwin", answer) == 501


@pytest.mark.parametrize(
    ("system", "answer"),
    [
        ("linux", b""),
        ("linux", b"\0" * 11),
        ("darwin", b"\0" * 75),
        ("darwin", b"\1" + b"\0" * 75),
        ("plan9", b"\0" * 12),
    ],
)
def test_what_is_no_credential_gives_no_uid(system: str, answer: bytes) -> None:
    """A short answer, another version or another system never passes for user 0."""
    assert peer_uid(system, answer) is None


def test_each_system_is_asked_in_its_own_way() -> None:
    """The option's numbers are those of the systems' headers; an unknown system is not asked."""
    linux, darwin = peer_option("linux"), peer_option("darwin")
    assert linux is not None
    assert (linux.level, linux.name, linux.size) == (1, 17, 12)
    assert darwin is not None
    assert (darwin.level, darwin.name, darwin.size) == (0, 1, 76)
    assert peer_option("plan9") is None


def test_socket_paths_leave_room_for_the_closing_nul() -> None:
    """sun_path has 108 bytes on Linux and 104 on macOS."""
    assert (socket_path_limit("linux"), socket_path_limit("darwin")) == (107, 103)


@pytest.mark.parametrize(
    ("system", "uid", "environ", "folders"),
    [
        ("linux", 0, {"XDG_STATE_HOME": "/x"}, ("/var/lib/releasd", "/run/releasd", "/etc/releasd/releasd.toml")),
        (
            "linux", 1000, {},
            (
                "/home/anna/.local/state/releasd",
                "/home/anna/.local/state/releasd/run",
                "/home/anna/.config/releasd/releasd.toml",
            ),
        ),
        (
            "linux", 1000, {"XDG_STATE_HOME": "/s", "XDG_RUNTIME_DIR": "/run/user/1000", "XDG_CONFIG_HOME": "/c"},
            ("/s/releasd", "/run/user/1000/releasd", "/c/releasd/releasd.toml"),
        ),
        (
            "linux", 998, {"STATE_DIRECTORY": "/var/lib/releasd"},
            ("/var/lib/releasd", "/var/lib/releasd/run", "/home/anna/.config/releasd/releasd.toml"),
        ),
        (
            "darwin", 501, {"XDG_STATE_HOME": "/s"},
            (
                "/home/anna/Library/Application Support/releasd",
                "/home/anna/Library/Application Support/releasd/run",
                "/home/anna/Library/Application Support/releasd/releasd.toml",
            ),
        ),
        (
            "darwin", 0, {},
            (
                "/Library/Application Support/releasd",
                "/var/run/releasd",
                "/Library/Application Support/releasd/releasd.toml",
            ),
        ),
    ],
)  # fmt: skip
def test_folders_follow_the_custom_of_the_system(
    system: str, uid: int, environ: dict[str, str], folders: tuple[str, str, str]
) -> None:
    """Root gets the system's folders, a service what systemd made, all others their own; XDG is for Linux."""
    state, runtime, config = map(Path, folders)
    expected = Folders(state=state, runtime=runtime, config=config)
    assert default_folders(system, home=HOME, uid=uid, environ=environ) == expected


def test_a_relative_xdg_folder_is_ignored() -> None:
    """The XDG specification says so; the daemon must not depend on where it was started."""
    environ = {"XDG_STATE_HOME": "state", "XDG_RUNTIME_DIR": "", "XDG_CONFIG_HOME": "./c"}
    assert default_folders("linux", home=HOME, uid=1, environ=environ) == default_folders(
        "linux", home=HOME, uid=1, environ={}
    )
