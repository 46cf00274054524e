"""The spool folder: taken in order, deleted last, and nothing in it trusted."""

import json
import os
import stat
import time
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from releasd.daemon.spool import Spool, create_spool
from releasd.errors import ConfigError, Permanent, Transient
from releasd.model import PushHint
from support.pushes import configure, pair, run_hook

NEW = "a" * 40


def line(branch: str, repository: str = "/srv/p.git") -> bytes:
    """Return a hook's line for that branch."""
    message = {
        "v": 1, "repository": repository, "ref": f"refs/heads/{branch}", "old": "0" * 40, "new": NEW,
        "options": ["k=v"], "source": "post-receive",
    }  # fmt: skip
    return json.dumps(message).encode() + b"\n"


@dataclass
class Daemon:
    """Keeps hints and complaints; refuses in the way that the repository's name says."""

    hints: list[PushHint] = field(default_factory=list)
    complaints: list[str] = field(default_factory=list)

    def handle(self, hint: PushHint, on_record: bool = True) -> str:  # noqa: FBT001, FBT002
        match hint.repository:
            case "/busy":
                raise Transient("the database is locked")
            case "/unknown":
                raise Permanent("no project has this repository")
            case "/fault":
                raise ZeroDivisionError
        self.hints.append(hint)
        return ""

    def drain(self, folder: Path) -> list[str]:
        """Drain and return the branches heard so far."""
        Spool(folder).drain(self.handle, self.complaints.append)
        return [hint.ref.removeprefix("refs/heads/") for hint in self.hints]


@pytest.fixture
def daemon() -> Daemon:
    return Daemon()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Return a spool folder that the daemon made."""
    create_spool(tmp_path / "spool", 0o666)
    return tmp_path / "spool"


def left(folder: Path) -> set[str]:
    """Return what lies in the spool folder itself."""
    return {path.name for path in folder.iterdir()} - {"bad"}


def test_files_are_taken_in_order_and_deleted(folder: Path, daemon: Daemon) -> None:
    """Every line of every file becomes a hint of the file's owner; nothing is left, and a second look finds nothing."""
    (folder / "2-b.json").write_bytes(line("third"))
    (folder / "1-a.json").write_bytes(line("first") + line("second"))
    assert daemon.drain(folder) == ["first", "second", "third"]
    assert {(hint.uid, hint.source, hint.options) for hint in daemon.hints} == {(os.getuid(), "spool", ("k=v",))}
    assert left(folder) == set()
    assert len(daemon.drain(folder)) == 3
    assert daemon.complaints == []


def test_a_file_is_deleted_only_after_its_hint_was_handled(folder: Path, daemon: Daemon) -> None:
    """A daemon that is killed in between finds the file again."""
    path = folder / "1.json"
    path.write_bytes(line("main"))
    seen: list[bool] = []

    def handle(hint: PushHint, on_record: bool) -> str:  # noqa: FBT001
        seen.append(path.exists())
        return ""

    Spool(folder).drain(handle, daemon.complaints.append)
    assert seen == [True]
    assert not path.exists()


def test_half_written_files_are_left_alone(folder: Path, daemon: Daemon) -> None:
    """The hook writes under another name first."""
    (folder / ".1.json.tmp").write_bytes(line("main")[:40])
    assert daemon.drain(folder) == []
    assert left(folder) == {".1.json.tmp"}


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (b"", "empty"),
        (b"\n\n", "empty"),
        (b"hello\n", "malformed"),
        (b"\xff\x00" * 1000, "malformed"),
        (b"[" * 60_000, "hook message"),
        (line("main").replace(b'"v": 1', b'"v": 9'), "version 9"),
        (b"x" * (4 * 1024 * 1024 + 1), "larger"),
    ],
    ids=["empty", "blank", "text", "binary", "deep", "version", "large"],
)
def test_malformed_files_are_set_aside_with_the_reason(folder: Path, daemon: Daemon, text: bytes, reason: str) -> None:
    """Never deleted, never looked at again, and the others are taken."""
    (folder / "1.json").write_bytes(text)
    (folder / "2.json").write_bytes(line("main"))
    assert daemon.drain(folder) == ["main"]
    assert left(folder) == set()
    assert [path.read_bytes() for path in (folder / "bad").iterdir()] == [text]
    assert len(daemon.complaints) == 1
    assert reason in daemon.complaints[0]
    assert "1.json" in daemon.complaints[0]


def test_two_bad_files_of_one_name_are_both_kept(folder: Path, daemon: Daemon) -> None:
    """A second never overwrites the first."""
    for text in (b"one", b"two"):
        (folder / "1.json").write_bytes(text)
        daemon.drain(folder)
    assert {path.read_bytes() for path in (folder / "bad").iterdir()} == {b"one", b"two"}


def test_good_lines_beside_a_bad_one_are_handled(folder: Path, daemon: Daemon) -> None:
    """The file is kept for a person, its pushes are not held up."""
    (folder / "1.json").write_bytes(line("a") + b"nonsense\n" + line("x", "/unknown") + line("b"))
    assert daemon.drain(folder) == ["a", "b"]
    assert left(folder) == set()
    assert len(list((folder / "bad").iterdir())) == 1


@pytest.mark.parametrize(("repository", "reason"), [("/busy", "locked"), ("/fault", "ZeroDivisionError")])
def test_what_may_go_well_later_stays(folder: Path, daemon: Daemon, repository: str, reason: str) -> None:
    """A locked database or a fault of ours loses no push, and holds up no other."""
    (folder / "1.json").write_bytes(line("main", repository))
    (folder / "2.json").write_bytes(line("other"))
    assert daemon.drain(folder) == ["other"]
    assert left(folder) == {"1.json"}
    assert reason in daemon.complaints[0]


@pytest.mark.parametrize("kind", ["symlink", "dangling", "fifo", "folder", "hard link"])
def test_nothing_but_a_plain_file_is_read(folder: Path, tmp_path: Path, daemon: Daemon, kind: str) -> None:
    """No link lends another's file or uid, no FIFO holds the daemon."""
    path, secret = folder / "1.json", tmp_path / "secret"
    secret.write_bytes(line("main"))
    match kind:
        case "symlink":
            path.symlink_to(secret)
        case "dangling":
            path.symlink_to(tmp_path / "nothing")
        case "fifo":
            os.mkfifo(path)
        case "folder":
            path.mkdir()
        case "hard link":
            path.hardlink_to(secret)
    assert daemon.drain(folder) == []
    assert left(folder) == set()
    assert secret.read_bytes() == line("main")
    assert len(daemon.complaints) == 1


@pytest.mark.skipif(os.getuid() != 0, reason="only root can give a file away")
def test_the_sender_is_the_files_owner(folder: Path, daemon: Daemon) -> None:
    """The uid comes from the file system, not from the text."""
    (folder / "1.json").write_bytes(line("main"))
    os.chown(folder / "1.json", 65534, -1)
    daemon.drain(folder)
    assert [hint.uid for hint in daemon.hints] == [65534]


@pytest.mark.skipif(os.getuid() != 0, reason="only root can become another user")
def test_another_users_hook_can_leave_a_file_that_the_daemon_takes(daemon: Daemon) -> None:
    """The whole drop box: written by user 65534's hook, who cannot list it, and taken by the daemon as his."""
    with pair() as made:
        configure(made)
        create_spool(made.spool, 0o666)
        made.spool.parent.chmod(0o755)
        run = run_hook(made, f"{NEW} {NEW} refs/heads/main\n".encode(), user=65534)
        assert "this push is noted" in run.said
        assert daemon.drain(made.spool) == ["main"]
        assert left(made.spool) == set()
    assert [hint.uid for hint in daemon.hints] == [65534]


def test_a_missing_folder_holds_nothing(tmp_path: Path, daemon: Daemon) -> None:
    """Nothing was spooled yet, which is no error."""
    assert daemon.drain(tmp_path / "none") == []
    assert daemon.complaints == []


@pytest.mark.parametrize(
    ("socket_mode", "folder_mode"), [(0o666, 0o1733), (0o660, 0o1730), (0o600, 0o1700), (0o622, 0o1733)]
)
def test_those_who_may_use_the_socket_may_leave_files(tmp_path: Path, socket_mode: int, folder_mode: int) -> None:
    """A drop box: write and enter, not list; sticky, so that no one takes another's file away."""
    previous = os.umask(0o077)
    try:
        create_spool(tmp_path / "a/spool", socket_mode)
        create_spool(tmp_path / "a/spool", socket_mode)
    finally:
        os.umask(previous)
    assert stat.S_IMODE((tmp_path / "a/spool").stat().st_mode) == folder_mode
    assert stat.S_IMODE((tmp_path / "a/spool/bad").stat().st_mode) == 0o700


def test_a_spool_folder_that_is_not_ours_is_refused(tmp_path: Path) -> None:
    """A link put there beforehand would send pushes, and our deletions, elsewhere."""
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "spool").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(ConfigError, match="not the daemon's own"):
        create_spool(tmp_path / "spool", 0o666)
    (tmp_path / "file").write_text("")
    with pytest.raises(ConfigError, match="file"):
        create_spool(tmp_path / "file/spool", 0o666)


def test_a_file_of_many_lines_is_taken_in_turns(folder: Path, daemon: Daemon) -> None:
    """One turn is short, each goes on where the last one ended, and the file is deleted after the last."""
    (folder / "1.json").write_bytes(b"".join(line(f"b{number}") for number in range(450)))
    spool = Spool(folder)
    assert spool.drain(daemon.handle, daemon.complaints.append) is True
    assert len(daemon.hints) < 450
    turns = 1
    while spool.drain(daemon.handle, daemon.complaints.append):
        assert left(folder) == {"1.json"}
        turns += 1
    assert turns >= 2
    assert [hint.ref for hint in daemon.hints] == [f"refs/heads/b{number}" for number in range(450)]
    assert left(folder) == set()
    assert daemon.complaints == []


def test_a_turn_ends_in_time(folder: Path, daemon: Daemon) -> None:
    """However slow each line is, the daemon gets back to its other work, and to its watchdog."""
    for number in range(9):
        (folder / f"{number}.json").write_bytes(line("main") * 9)

    def slow(hint: PushHint, on_record: bool) -> None:  # noqa: FBT001
        time.sleep(0.5)

    begun = time.monotonic()
    assert Spool(folder).drain(slow, daemon.complaints.append) is True
    assert time.monotonic() - begun < 20


def test_files_that_stay_do_not_starve_the_others(folder: Path, daemon: Daemon) -> None:
    """However many files wait for better times, what comes after them is taken too."""
    for number in range(450):
        (folder / f"1-{number}.json").write_bytes(line("main", "/busy"))
    (folder / "2.json").write_bytes(line("other"))
    spool = Spool(folder)
    for _ in range(5):
        spool.drain(daemon.handle, daemon.complaints.append)
    assert [hint.ref for hint in daemon.hints] == ["refs/heads/other"]


def test_one_refusal_of_a_file_is_put_on_record(folder: Path, daemon: Daemon) -> None:
    """A file with thousands of lines does not fill the audit log: the first refusal tells of it, over all turns."""
    (folder / "1.json").write_bytes(line("main", "/unknown") * 450)
    (folder / "2.json").write_bytes(line("main", "/unknown"))
    asked: list[bool] = []

    def handle(hint: PushHint, on_record: bool) -> str:  # noqa: FBT001
        asked.append(on_record)
        return daemon.handle(hint)

    spool = Spool(folder)
    while spool.drain(handle, daemon.complaints.append):
        pass
    assert (len(asked), sum(asked)) == (451, 2)
    assert len(daemon.complaints) == 2
    assert left(folder) == set()
