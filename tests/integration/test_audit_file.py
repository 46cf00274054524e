"""The audit file on a real disk: what a crash does to it, and that no edit goes unseen."""

import json
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from releasd.core.chain import GENESIS, canonical, link
from releasd.errors import Permanent
from releasd.log.audit import AuditFile, verify_file
from releasd.store import open_store
from support.events import BEGIN, chained
from support.smalldisk import run_on_small_disk

EVENTS = chained(6)
HEAD = EVENTS[-1].hash


@pytest.fixture
def path(tmp_path: Path) -> Path:
    file = tmp_path / "audit.jsonl"
    AuditFile(file).write(EVENTS)
    return file


def rewrite(path: Path, lines: list[bytes]) -> None:
    path.write_bytes(b"".join(lines))


def forged(lines: list[bytes], **changes: object) -> bytes:
    """Return a line that follows `lines` with everything right but its origin."""
    last = json.loads(lines[-1])
    fields = {**last, "seq": last["seq"] + 1, "prev": last["hash"], **changes}
    return canonical(fields | {"hash": link(fields["prev"], fields)}) + b"\n"


def test_what_was_written_is_verified(path: Path) -> None:
    """One line per event, in order, and the whole is in good order up to the store's head."""
    report = verify_file(path, HEAD, [EVENTS[2].hash, HEAD])
    assert report.ok
    assert (report.lines, report.head, report.line) == (6, HEAD, None)
    assert [json.loads(line)["seq"] for line in path.read_bytes().splitlines()] == [1, 2, 3, 4, 5, 6]


def test_a_file_that_is_not_there_is_empty(tmp_path: Path) -> None:
    """Before the first event there is nothing to find wrong, unless something must have been there."""
    none = tmp_path / "none"
    assert AuditFile(none).last_seq() == 0
    assert verify_file(none).head == GENESIS
    assert verify_file(none, GENESIS).ok
    assert "truncated" in (verify_file(none, HEAD).problem or "")


def test_only_owner_and_group_can_read_it(tmp_path: Path) -> None:
    """The mode is 0640 whatever the umask of the daemon."""
    before = os.umask(0)
    try:
        AuditFile(tmp_path / "a").write(EVENTS)
        os.umask(0o077)
        AuditFile(tmp_path / "b").write(EVENTS)
    finally:
        os.umask(before)
    assert [(tmp_path / name).stat().st_mode & 0o777 for name in "ab"] == [0o640, 0o640]


def test_a_batch_that_overlaps_is_not_doubled(path: Path) -> None:
    """A caller that repeats itself, whole or in part, adds only what is new."""
    before = path.read_bytes()
    assert AuditFile(path).write(EVENTS) == 6
    assert AuditFile(path).write(()) == 6
    assert path.read_bytes() == before
    assert AuditFile(path).write(chained(8)[3:]) == 8
    assert verify_file(path, chained(8)[-1].hash).ok


def test_a_batch_with_a_hole_is_refused(path: Path) -> None:
    """Events that do not follow are never written: the file would look tampered with for ever."""
    before = path.read_bytes()
    with pytest.raises(Permanent, match="ends at event 6, which event 8 does not follow"):
        AuditFile(path).write(chained(8)[7:])
    assert path.read_bytes() == before


def test_a_store_with_another_past_is_refused(path: Path) -> None:
    """After a database was set back, its new events are not glued to lines that it no longer knows."""
    before = path.read_bytes()
    with pytest.raises(Permanent, match="which event 7 does not follow") as caught:
        AuditFile(path).write(chained(8, other="past"))
    assert "move" in caught.value.advice
    assert path.read_bytes() == before


def test_what_the_store_has_is_what_the_file_proves(tmp_path: Path) -> None:
    """Real events of a real store, with every kind of JSON value, arrive and verify against the store's own head."""
    text = 'ß "\\" \u2028 \x00 😀'
    data = {"float": 0.1, "big": 1e300, "int": 2**53 + 1, "text": text, "list": [None, True, {}], "é": []}
    file = AuditFile(tmp_path / "audit.jsonl")
    with open_store(f"sqlite:///{tmp_path / 'releasd.db'}") as store:
        for seq in range(5):
            store.append_event("daemon.started", now=BEGIN, project=None if seq % 2 else "demo", data=data)
            file.write(store.events_after(file.last_seq()))
        seq, head = store.head()
    assert (file.last_seq(), verify_file(file.path, head).ok) == (seq, True)
    assert json.loads(file.path.read_bytes().splitlines()[-1])["data"] == data


def test_a_line_torn_at_any_byte_is_written_again(path: Path) -> None:
    """Wherever a crash cuts the file, the next write makes it whole: no line lost, none doubled."""
    whole = path.read_bytes()
    for end in range(len(whole) + 1):
        path.write_bytes(whole[:end])
        assert AuditFile(path).last_seq() == whole[:end].count(b"\n")
        assert AuditFile(path).write(EVENTS) == 6
        assert path.read_bytes() == whole


@pytest.mark.parametrize("torn", [b"\0" * 5000, b"\xff" * 70000, b'{"seq":7'])
def test_whatever_a_power_cut_left_behind_is_cut_off(path: Path, torn: bytes) -> None:
    """Zeros (a grown file whose data never came), garbage longer than a block, half a line: all go."""
    whole = path.read_bytes()
    path.write_bytes(whole + torn)
    assert AuditFile(path).write(EVENTS) == 6
    assert path.read_bytes() == whole


def test_lines_longer_than_a_block_are_found(tmp_path: Path) -> None:
    """The last line is found from the end even when it is larger than what is read at once."""
    file, events = AuditFile(tmp_path / "a"), chained(3, blob="x" * 200_000)
    for event in events:
        file.write([event])
    assert file.last_seq() == 3
    assert verify_file(file.path, events[-1].hash).ok


def test_a_killed_writer_neither_loses_nor_doubles_a_line(tmp_path: Path) -> None:
    """SIGKILL in the middle of real writes, several times: the file ends up complete and verified."""
    file, count = tmp_path / "audit.jsonl", 2000
    script = (
        "import sys; from pathlib import Path; from releasd.log.audit import AuditFile\n"
        "from support.events import chained\n"
        f"file, events = AuditFile(Path(sys.argv[1])), chained({count}, blob='x' * 3000)\n"
        "print('go', flush=True)\n"
        "for n in range(file.last_seq(), len(events)): file.write(events[:n + 1][-3:])\n"
    )
    environ = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}
    reached = []
    for delay in (0.002, 0.01, 0.03):
        with subprocess.Popen([sys.executable, "-c", script, str(file)], stdout=subprocess.PIPE, env=environ) as child:
            assert child.stdout is not None
            assert child.stdout.readline() == b"go\n"
            time.sleep(delay)
            child.send_signal(signal.SIGKILL)
        reached.append(AuditFile(file).last_seq())
        assert verify_file(file).lines == reached[-1]
    assert reached == sorted(reached)
    assert reached[0] < count, "the writer was never interrupted"
    events = chained(count, blob="x" * 3000)
    AuditFile(file).write(events)
    assert verify_file(file, events[-1].hash).lines == count


def test_a_full_disk_leaves_no_part_of_a_batch(tmp_path: Path) -> None:
    """With no space left the batch is taken back whole and the error names the file; earlier lines stay good."""
    script = (
        "import sys; from pathlib import Path; from releasd.log.audit import AuditFile, verify_file\n"
        "from releasd.errors import DiskFull; from support.events import chained\n"
        "file = AuditFile(Path(sys.argv[1]) / 'audit.jsonl'); file.write(chained(2))\n"
        "try: file.write(chained(2000))\n"
        "except DiskFull as error: print(error, '/', error.advice[:5])\n"
        "print(file.last_seq(), verify_file(file.path, chained(2)[-1].hash).ok)\n"
    )
    said = run_on_small_disk(tmp_path, script).splitlines()
    assert said == [f"no space left for the audit file {tmp_path / 'audit.jsonl'} / df -h", "2 True"]


def test_any_flipped_byte_is_found(path: Path) -> None:
    """Every single byte of the file, changed in two ways, is noticed without knowing anything else, at its line."""
    whole = path.read_bytes()
    for place in range(len(whole)):
        for mask in (0x01, 0x20):
            flipped = bytearray(whole)
            flipped[place] ^= mask
            path.write_bytes(flipped)
            report = verify_file(path)
            assert not report.ok, (place, mask)
            assert report.line == whole[:place].count(b"\n") + 1


def test_a_removed_line_is_found(path: Path) -> None:
    """Any line but the last is missed by the chain alone, the last one by the store's head."""
    lines = path.read_bytes().splitlines(keepends=True)
    for gone in range(6):
        rewrite(path, lines[:gone] + lines[gone + 1 :])
        assert verify_file(path).ok is (gone == 5)
        report = verify_file(path, HEAD)
        assert (report.line, report.seq is not None) == (gone + 1, True)


def test_exchanged_lines_are_found(path: Path) -> None:
    """Any two lines that changed places are noticed at the first of them."""
    lines = path.read_bytes().splitlines(keepends=True)
    for one in range(6):
        for other in range(one + 1, 6):
            mixed = list(lines)
            mixed[one], mixed[other] = mixed[other], mixed[one]
            rewrite(path, mixed)
            report = verify_file(path)
            assert report.line == one + 1
            assert "reordered" in (report.problem or "")


def test_a_doubled_line_is_found(path: Path) -> None:
    """Any line that is there twice is noticed where it is repeated."""
    lines = path.read_bytes().splitlines(keepends=True)
    for twice in range(6):
        rewrite(path, lines[: twice + 1] + lines[twice:])
        report = verify_file(path)
        assert report.line == twice + 2
        assert "duplicated" in (report.problem or "")


def test_a_cut_off_end_is_found(path: Path) -> None:
    """Cut at any byte: inside a line by the file alone, between lines by the store's head or a tag."""
    whole = path.read_bytes()
    for end in range(len(whole)):
        path.write_bytes(whole[:end])
        assert verify_file(path).ok is (end == 0 or whole[end - 1] == 0x0A)
        assert "truncated" in (verify_file(path, HEAD).problem or "")
        assert not verify_file(path, witnesses=[HEAD]).ok


def test_a_forged_line_at_the_end_is_found(path: Path) -> None:
    """A further line with a right hash fools the chain, but not the comparison with the store."""
    lines = path.read_bytes().splitlines(keepends=True)
    rewrite(path, [*lines, forged(lines)])
    assert verify_file(path).ok
    report = verify_file(path, HEAD)
    assert (report.line, report.seq) == (7, 7)
    assert (report.problem or "").startswith("added")


def test_a_rewritten_history_is_found(path: Path) -> None:
    """A line changed and every later hash made anew: the store's head and any tag's witness tell."""
    lines = path.read_bytes().splitlines(keepends=True)
    made = lines[:2]
    for old in lines[2:]:
        made.append(forged(made, data={**json.loads(old)["data"], "note": "nothing happened"}))
    rewrite(path, made)
    assert verify_file(path).ok
    assert verify_file(path, witnesses=[EVENTS[1].hash]).ok
    assert "rewritten" in (verify_file(path, HEAD).problem or "")
    assert "rewritten" in (verify_file(path, witnesses=[EVENTS[3].hash]).problem or "")


@pytest.mark.parametrize(
    ("line", "why"),
    [
        (b"\n", "not JSON"),
        (b"[]\n", "one form"),
        (b'{"seq": 7}\n', "one form"),
        (b'{"seq":7}\n', "changed"),
        (b"[" * 100_000 + b"\n", "not JSON"),
        (b'{"a":NaN}\n', "not JSON"),
        (b"\xff\n", "not JSON"),
    ],
)
def test_a_line_that_is_no_event_is_found_and_survived(path: Path, line: bytes, why: str) -> None:
    """Garbage is reported with its line, never a traceback."""
    path.write_bytes(path.read_bytes() + line)
    report = verify_file(path)
    assert report.line == 7
    assert why in (report.problem or "")


@pytest.mark.parametrize("line", [b"[]\n", b"garbage\n", b'{"seq":null}\n', b"\xff\n"])
def test_nothing_is_appended_to_a_line_that_is_no_event(path: Path, line: bytes) -> None:
    """Where the end was tampered with, writing stops with the command that shows it."""
    path.write_bytes(path.read_bytes() + line)
    before = path.read_bytes()
    with pytest.raises(Permanent, match="is no event") as caught:
        AuditFile(path).write(chained(8))
    assert caught.value.advice == "releasd audit verify"
    assert path.read_bytes() == before


def test_random_edits_are_found(path: Path) -> None:
    """Random insertions, deletions and replacements of bytes never pass unnoticed."""
    whole, dice = path.read_bytes(), random.Random(20260301)
    for _ in range(500):
        start = dice.randrange(len(whole))
        edited = whole[:start] + dice.randbytes(dice.randrange(9)) + whole[start + dice.randrange(9) :]
        if edited != whole:
            path.write_bytes(edited)
            assert not verify_file(path, HEAD).ok
