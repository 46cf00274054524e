"""The job log on a real disk: live, redacted across pieces, contained in its folder, pruned, and full."""

import os
import random
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from releasd.adapters.joblog import KEEP, LONGEST_LINE, JobLog
from releasd.model import JobId, StepName
from releasd.ports import Sink
from support.smalldisk import run_on_small_disk

SECRET = b"pypi-c4nary-0123456789"
JOB = JobId(7)


@pytest.fixture
def log(tmp_path: Path) -> JobLog:
    return JobLog(tmp_path / "logs", lambda data: data.replace(SECRET, b"[redacted]"))


def write(log: JobLog, job: JobId, step: StepName, part: str, *pieces: bytes) -> None:
    with log.outputs(job, step) as sink:
        append = sink(part)
        for piece in pieces:
            append(piece)


def written(log: JobLog, pieces: list[bytes]) -> bytes:
    write(log, JOB, StepName.BUILD, "wheel", *pieces)
    return log.path(JOB, StepName.BUILD, "wheel").read_bytes()


def test_output_can_be_read_while_it_comes(log: JobLog) -> None:
    """A complete line is on disk when the call returns, the rest when the build ends."""
    with log.outputs(JOB, StepName.BUILD) as sink:
        append = sink("wheel")
        append(b"one\ntw")
        assert log.read(JOB, StepName.BUILD, "wheel", limit=100) == b"one\n"
        append(b"o\rthree")
        assert log.read(JOB, StepName.BUILD, "wheel", offset=4, limit=100) == b"two\r"
    assert log.read(JOB, StepName.BUILD, "wheel", offset=8, limit=3) == b"thr"


def test_what_was_never_written_reads_as_nothing(log: JobLog) -> None:
    """`log --follow` may ask before the step begins, and past the end."""
    assert log.read(JOB, StepName.TAG, "tag", limit=10) == b""
    assert log.list(JOB) == ()
    written(log, [b"x"])
    assert log.read(JOB, StepName.BUILD, "wheel", offset=50, limit=10) == b""


def test_a_second_attempt_goes_on_in_the_same_file(log: JobLog) -> None:
    """Nothing that an earlier attempt said is lost."""
    written(log, [b"first\n"])
    assert written(log, [b"second\n"]) == b"first\nsecond\n"


def test_bytes_of_any_kind_pass_unchanged(log: JobLog) -> None:
    """Output is bytes: no encoding, no line ends are assumed, however it is cut into pieces."""
    dice = random.Random(7)
    data = dice.randbytes(300_000) + b"\r\n" + bytes(range(256))
    cuts = sorted(dice.randrange(len(data)) for _ in range(200))
    pieces = [data[a:b] for a, b in zip([0, *cuts], [*cuts, len(data)], strict=True)]
    assert written(log, pieces) == data


def test_a_secret_in_two_pieces_does_not_slip_through(log: JobLog) -> None:
    """Cut at any byte, the secret is found, because a line is written when it is whole."""
    for cut in range(len(SECRET) + 1):
        out = written(log, [b"token is " + SECRET[:cut], SECRET[cut:] + b" they say\n"])
        assert out.endswith(b"token is [redacted] they say\n")
        assert b"c4nary" not in out


def test_a_secret_on_an_endless_line_does_not_slip_through(log: JobLog) -> None:
    """Where no line end ever comes, output is still written, and a secret is found wherever the writer cuts."""
    for shift in range(len(SECRET) + 1):
        start = b"x" * (LONGEST_LINE - KEEP - shift)
        out = written(log, [start, SECRET, b"y" * (KEEP + shift + 5), b"z" * 10, SECRET, b"end"])
        assert b"c4nary" not in out
        assert out.count(b"[redacted]") == 2 * (shift + 1)
        assert out.endswith(b"z" * 10 + b"[redacted]end")


def test_an_endless_line_does_not_fill_memory(log: JobLog) -> None:
    """Most of a line without an end is on disk before the end comes."""
    with log.outputs(JOB, StepName.BUILD) as sink:
        append = sink("wheel")
        for _ in range(64):
            append(b"." * 65536)
        assert log.list(JOB)[0].size > 63 * 65536 - KEEP - LONGEST_LINE


def test_builds_that_run_at_once_do_not_mix(log: JobLog) -> None:
    """Each build has its file; parallel writers find their own lines there and nobody else's."""

    def build(append: Sink, name: str) -> None:
        for number in range(200):
            append(f"{name} {number}\n".encode())

    names = [f"wheel-{n}" for n in range(8)]
    with log.outputs(JOB, StepName.BUILD) as sink, ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda name: build(sink(name), name), names))
    for name in names:
        want = "".join(f"{name} {number}\n" for number in range(200)).encode()
        assert log.read(JOB, StepName.BUILD, name, limit=10_000) == want


def test_two_sinks_of_one_part_keep_their_lines_whole(log: JobLog) -> None:
    """A step may say something of its own while the build's line is not complete yet."""
    with log.outputs(JOB, StepName.BUILD) as sink:
        append = sink("wheel")
        append(b"comp")
        sink("wheel")(b"releasd: ready\n")
        append(b"iling\n")
    assert log.read(JOB, StepName.BUILD, "wheel", limit=100) == b"releasd: ready\ncompiling\n"


def test_what_was_said_before_an_error_is_kept(log: JobLog) -> None:
    """The last line of a step that fails is often the one that says why, with or without its end."""

    def step() -> None:
        with log.outputs(JOB, StepName.BUILD) as sink:
            sink("wheel")(b"no such compiler")
            raise RuntimeError

    with pytest.raises(RuntimeError):
        step()
    assert log.read(JOB, StepName.BUILD, "wheel", limit=100) == b"no such compiler"


def test_the_files_of_a_job_are_listed_in_the_order_of_the_steps(log: JobLog) -> None:
    """Step by step, then by part, with sizes and times."""
    for step, part in [
        (StepName.TAG, "remote"),
        (StepName.BUILD, "b"),
        (StepName.BUILD, "a-1"),
        (StepName.VERIFY, "i"),
    ]:
        write(log, JOB, step, part, b"12345\n")
    found = log.list(JOB)
    assert [(file.step, file.part) for file in found] == [
        (StepName.BUILD, "a-1"), (StepName.BUILD, "b"), (StepName.TAG, "remote"), (StepName.VERIFY, "i"),
    ]  # fmt: skip
    assert {file.size for file in found} == {6}
    assert all(abs(file.changed_at - datetime.now(UTC)) < timedelta(minutes=5) for file in found)


@pytest.mark.parametrize(
    "build", ["../../etc/passwd", "/abs", "..", "a/b", "a\0b", "größe", "x" * 500, "", "\n", "a b"]
)
def test_no_name_leads_out_of_the_jobs_folder(log: JobLog, tmp_path: Path, build: str) -> None:
    """A repository names its builds: whatever it thinks of stays inside the job's folder and is found again."""
    write(log, JOB, StepName.BUILD, build, b"here\n")
    (path,) = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert path.parent == tmp_path / "logs" / "7"
    assert log.read(JOB, StepName.BUILD, build, limit=10) == b"here\n"
    assert len(build) > 100 or log.list(JOB)[0].part == build


def test_different_names_have_different_files(log: JobLog) -> None:
    """No two builds share a file, odd as their names may be."""
    names = ["a/b", "a_b", "a%2Fb", "a b", "A/B", "x" * 500, "x" * 501, "x" * 499 + "y"]
    assert len({log.path(JOB, StepName.BUILD, name) for name in names}) == len(names)


def test_only_owner_and_group_can_read_the_files(log: JobLog, tmp_path: Path) -> None:
    """Build output is nobody else's business."""
    before = os.umask(0)
    try:
        written(log, [b"x"])
    finally:
        os.umask(before)
    assert (tmp_path / "logs/7").stat().st_mode & 0o007 == 0
    assert log.path(JOB, StepName.BUILD, "wheel").stat().st_mode & 0o777 == 0o640


def test_old_jobs_are_pruned_and_others_stay(log: JobLog, tmp_path: Path) -> None:
    """A job goes when all that it wrote is older than the limit; one late line keeps it."""
    limit = datetime(2026, 1, 1, tzinfo=UTC)
    for job, age in [(1, -10), (2, 10), (3, -10)]:
        write(log, JobId(job), StepName.BUILD, "wheel", b"x\n")
        folder = tmp_path / "logs" / str(job)
        for path in (*folder.iterdir(), folder):
            os.utime(path, times=(limit.timestamp() + age,) * 2)
    write(log, JobId(3), StepName.TAG, "remote", b"late\n")
    assert log.prune(limit) == 1
    assert sorted(path.name for path in (tmp_path / "logs").iterdir()) == ["2", "3"]
    assert log.prune(limit) == 0


def test_pruning_before_anything_was_written_finds_nothing(log: JobLog) -> None:
    """The folder is made when needed; its absence is no error."""
    assert log.prune(datetime.now(UTC)) == 0


def test_a_full_disk_is_told_with_the_files_name_and_earlier_output_stays(tmp_path: Path) -> None:
    """No space left is an error of its own class; what was written before can still be read."""
    script = (
        "import sys; from pathlib import Path; from releasd.adapters.joblog import JobLog\n"
        "from releasd.errors import OwnDiskFull; from releasd.model import JobId, StepName\n"
        "log = JobLog(Path(sys.argv[1]) / 'logs', lambda data: data)\n"
        "try:\n"
        "    with log.outputs(JobId(1), StepName.BUILD) as sink:\n"
        "        append = sink('w')\n"
        "        append(b'begin\\n')\n"
        "        for _ in range(100): append(b'x' * 4095 + b'\\n')\n"
        "except OwnDiskFull as error: print(error)\n"
        "print(log.read(JobId(1), StepName.BUILD, 'w', limit=6), log.list(JobId(1))[0].size > 4096)\n"
    )
    said = run_on_small_disk(tmp_path, script).splitlines()
    assert said == [f"no space left for the job log {tmp_path / 'logs/1/build-w.log'}", "b'begin\\n' True"]
