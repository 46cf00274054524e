"""Publishing and verifying twelve files, and a hundred releases to an index that answers 502 now and then.

Beside releasd stand `uv publish`, which it uses, and `twine upload`, in turns, on the same index (tests' own, by the
public one's rules) and the same kind of files. The faults are the same for all three: seeded, one in ten uploads.
"""

import itertools
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from random import Random

from benchmarks import peers
from benchmarks.figures import Figure
from releasd.adapters.index import HttpIndex
from releasd.core.retry import BUDGET_AFTER_TAG
from releasd.errors import ReleasdError, Transient
from releasd.ports import Secret
from support.pypirules import Fault, PypiRules
from support.wheels import make_wheel

FILES = 12
ROUNDS = 7
RELEASES = 100
SIZE = 200_000  # bytes of each file, before it is packed
LARGE = 4_000_000  # so that a release is worth several uploads at a time
THOUGHT = 0.4  # seconds
FAULTY = 0.1  # of the uploads
TOKEN = "pypi-benchmark"
TWINE = peers.Python(title="twine", requirement="twine==7.0.0", program="twine", arguments=())
Publisher = Callable[[PypiRules, Sequence[Path]], bool]  # says whether it ended well


class Unreliable(PypiRules):
    """An index that answers 502 to one upload in ten, the same ones in each run of the same seed."""

    def __init__(self, folder: Path, seed: int) -> None:
        super().__init__(folder, token=TOKEN)
        self._random = Random(seed)

    def next_fault(self, method: str) -> Fault | None:
        """Return a 502 for one upload in ten, before anything is stored."""
        bad = method == "POST" and self._random.random() < FAULTY
        return Fault(kind="status", status=502) if bad else None


class Far(PypiRules):
    """An index that thinks about each upload, as one behind a network does."""

    def accept(self, fields: Mapping[str, str], filename: str, content: bytes) -> None:
        """Store an upload after `THOUGHT` seconds."""
        time.sleep(THOUGHT)
        super().accept(fields, filename, content)


def run() -> Iterator[Figure]:
    """Measure all; what cannot be installed is left out loudly."""
    publishers = dict(_publishers())
    yield from _speed(publishers, PypiRules, SIZE, "an index of this machine")
    yield from _speed(publishers, Far, LARGE, f"an index that takes {THOUGHT:g} s to answer each upload")
    yield from _reliability(publishers)


def _publishers() -> Iterator[tuple[str, Publisher]]:
    yield "releasd", _releasd
    yield "uv publish", _uv
    try:
        program = str(peers.installed(TWINE))
    except (subprocess.SubprocessError, OSError) as error:
        peers.left_out(TWINE.title, error)
        return
    yield "twine upload", lambda index, files: _twine(program, index, files)


def _speed(publishers: dict[str, Publisher], make: type[PypiRules], size: int, where: str) -> Iterator[Figure]:
    taken: dict[str, list[float]] = {name: [] for name in publishers}
    verified: list[float] = []
    for number, name in itertools.product(range(ROUNDS), publishers):
        with tempfile.TemporaryDirectory() as folder, make(Path(folder, "index"), token=TOKEN) as index:
            files = _files(Path(folder), number, size)
            begun = time.perf_counter()
            assert publishers[name](index, files), name
            taken[name].append(time.perf_counter() - begun)
            assert len(index.files) == FILES, name
            if name == "releasd":
                begun = time.perf_counter()
                _verify(index, number)
                verified.append(time.perf_counter() - begun)
    ours = taken.pop("releasd")
    what = f"{FILES} files of {size // 1000} kB"
    how = f"{where}; the first round is left out"
    beside = {name: tuple(samples[1:]) for name, samples in taken.items()}
    yield Figure(what=f"publish {what}", unit="s", samples=tuple(ours[1:]), beside=beside, how=how)
    both = tuple(up + down for up, down in zip(ours[1:], verified[1:], strict=True))
    how = "list, download and hash each file beside; the peers verify nothing, so theirs is the upload alone"
    yield Figure(what=f"publish and verify {what}", unit="s", samples=both, beside=beside, how=how)


def _reliability(publishers: dict[str, Publisher]) -> Iterator[Figure]:
    whole: dict[str, int] = dict.fromkeys(publishers, 0)
    for number, name in itertools.product(range(RELEASES), publishers):
        with tempfile.TemporaryDirectory() as folder, Unreliable(Path(folder, "index"), number) as index:
            publishers[name](index, _files(Path(folder), number, size=1000))
            whole[name] += len(index.files) == FILES
    ours = float(whole.pop("releasd"))
    beside = {name: (float(count),) for name, count in whole.items()}
    what = f"of {RELEASES} releases complete by themselves, one 502 in ten"
    yield Figure(
        what=what, unit="", samples=(ours,), beside=beside, how="releasd's pauses between attempts are left out"
    )


def _files(folder: Path, number: int, size: int = SIZE) -> list[Path]:
    noise = Random(number)
    tags = (f"cp3{minor}-cp3{minor}-manylinux_2_17_x86_64" for minor in range(FILES))
    body = f"DATA = {noise.randbytes(size // 2).hex()!r}\n"
    return [make_wheel(folder, "demo", f"1.{number}.0", tag=tag, body=body) for tag in tags]


def _index(index: PypiRules) -> HttpIndex:
    urls = {"publish_url": index.publish_url, "simple_url": index.simple_url}
    return HttpIndex(name="here", **urls, token=lambda: Secret(TOKEN))


def _releasd(index: PypiRules, files: Sequence[Path]) -> bool:
    """Do what the step does: send what lacks, look, and again while it may pass and the budget lasts."""
    ours = _index(index)
    version = files[0].name.split("-")[1]
    for _ in range(BUDGET_AFTER_TAG):
        listed = {file.filename for file in ours.files("demo", version)}
        lacking = [path for path in files if path.name not in listed]
        if not lacking:
            return True
        try:
            ours.upload(lacking, lambda _: None)
        except Transient:
            continue
        except ReleasdError:
            return False
    return False


def _verify(index: PypiRules, number: int) -> None:
    ours = _index(index)
    for file in ours.files("demo", f"1.{number}.0"):
        assert ours.download_sha256(file) == file.sha256


def _uv(index: PypiRules, files: Sequence[Path]) -> bool:
    options = ("--quiet", "--no-config", "--trusted-publishing", "never", "--no-attestations")
    urls = ("--publish-url", index.publish_url, "--check-url", index.simple_url)
    command = (peers.UV, "publish", *options, *urls, "--token", TOKEN, *map(str, files))
    return subprocess.run(command, capture_output=True, timeout=300, check=False).returncode == 0


def _twine(program: str, index: PypiRules, files: Sequence[Path]) -> bool:
    account = ("--username", "__token__", "--password", TOKEN, "--non-interactive", "--disable-progress-bar")
    command = (program, "upload", "--repository-url", index.publish_url, *account, *map(str, files))
    return subprocess.run(command, capture_output=True, timeout=300, check=False).returncode == 0
