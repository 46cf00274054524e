"""Several files to one index: each is judged, whatever becomes of the others."""

import threading
from collections.abc import Sequence
from pathlib import Path

import pytest

from releasd.adapters.uploading import upload
from releasd.errors import Denied, Permanent, ReleasdError, Taken, Transient

PATHS = [Path(f"{n}.whl") for n in range(6)]


class Uploader:
    """Stops at the first file that is in `refused`, as uv does; `taken` are the files that went up."""

    def __init__(self, **refused: ReleasdError) -> None:
        self.refused = {f"{name.strip('_')}.whl": error for name, error in refused.items()}
        self.calls: list[tuple[str, ...]] = []
        self.taken: set[str] = set()

    def __call__(self, paths: Sequence[Path]) -> None:
        self.calls.append(tuple(path.name for path in paths))
        for path in paths:
            if path.name in self.refused:
                raise self.refused[path.name]
            self.taken.add(path.name)


def test_the_first_file_goes_alone_and_all_arrive() -> None:
    """It makes the version on the index; the others follow in as many batches as may run at once."""
    uploader = Uploader()
    upload(PATHS, uploader, batches=2)
    assert uploader.calls[0] == ("0.whl",)
    assert sorted(uploader.calls[1:]) == [("1.whl", "3.whl", "5.whl"), ("2.whl", "4.whl")]
    assert uploader.taken == {path.name for path in PATHS}


def test_a_rejected_file_does_not_keep_the_others() -> None:
    """All but the rejected ones go up, and both rejections are told together."""
    uploader = Uploader(_1=Permanent("too large"), _4=Permanent("bad tag"))
    with pytest.raises(Permanent) as caught:
        upload(PATHS, uploader, batches=2)
    assert uploader.taken == {"0.whl", "2.whl", "3.whl", "5.whl"}
    assert caught.value.by_file == {"1.whl": "too large", "4.whl": "bad tag"}


def test_a_batch_that_met_a_passing_fault_is_finished_file_by_file() -> None:
    """A fault that is over a moment later costs nothing but a second try."""
    uploader = Uploader(_3=Transient("502"))
    real = uploader.__call__

    def once(paths: Sequence[Path]) -> None:
        try:
            real(paths)
        except Transient:
            uploader.refused.clear()
            raise

    upload(PATHS, once, batches=1)
    assert uploader.taken == {path.name for path in PATHS}


def test_a_refused_credential_is_not_shown_again_and_again() -> None:
    """Denied at the first file: nothing else is tried, and every file is named as not taken."""
    uploader = Uploader(_0=Denied("403"))
    with pytest.raises(Denied) as caught:
        upload(PATHS, uploader, batches=4)
    assert uploader.calls == [("0.whl",)]
    assert caught.value.by_file.keys() == {path.name for path in PATHS}


def test_a_token_that_expires_between_two_files_stops_its_batch() -> None:
    """Denied in the middle: what was sent before stays, what follows is not tried, and nobody loops."""
    uploader = Uploader(_3=Denied("403 expired"))
    with pytest.raises(Denied) as caught:
        upload(PATHS, uploader, batches=1)
    assert len(uploader.calls) == 1
    assert "3.whl" in caught.value.by_file


def test_a_small_release_is_one_call() -> None:
    """Starting an uploader for each file would take longer than sending them."""
    uploader = Uploader()
    upload(PATHS, uploader, batches=1)
    assert uploader.calls == [tuple(path.name for path in PATHS)]


def test_a_refused_file_is_not_sent_twice() -> None:
    """What the index refused for good is left out of what is sent after it (never 400 again)."""
    uploader = Uploader(_2=Permanent("Failed to publish `2.whl` to the index: 400"))
    with pytest.raises(Permanent) as caught:
        upload(PATHS, uploader, batches=1)
    assert sum("2.whl" in call for call in uploader.calls) == 1
    assert uploader.taken == {path.name for path in PATHS} - {"2.whl"}
    assert caught.value.by_file.keys() == {"2.whl"}


def test_batches_run_at_the_same_time() -> None:
    """Two batches meet inside of the uploader: one that ran after the other would never come there."""
    meeting = threading.Barrier(2, timeout=10)

    def send(paths: Sequence[Path]) -> None:
        if paths[0] is not PATHS[0]:
            meeting.wait()

    upload(PATHS[:3], send, batches=2)


def test_one_file_is_one_call() -> None:
    """Nothing is made of a release of a single file."""
    uploader = Uploader()
    upload(PATHS[:1], uploader, batches=4)
    assert uploader.calls == [("0.whl",)]


def test_an_index_that_asks_for_time_gets_it() -> None:
    """429 with Retry-After: no other file is sent meanwhile, and the whole waits that long."""
    uploader = Uploader(_1=Transient("429", retry_after=7.0))
    with pytest.raises(Transient) as caught:
        upload(PATHS, uploader, batches=1)
    assert len(uploader.calls) == 1
    assert caught.value.retry_after == 7.0


def test_an_index_that_asks_for_time_while_files_go_alone_gets_it() -> None:
    """A fault that passed, and then a 429: what follows is not sent."""
    errors = [Transient("502"), Transient("429", retry_after=7.0)]
    calls = []

    def send(paths: Sequence[Path]) -> None:
        calls.append(len(paths))
        raise errors.pop(0)

    with pytest.raises(Transient) as caught:
        upload(PATHS, send, batches=1)
    assert (calls, caught.value.retry_after) == ([len(PATHS), 1], 7.0)


def test_a_file_that_the_index_says_it_has_is_no_failure() -> None:
    """409 for bytes that an earlier try stored and that are not listed yet: the others go on, the listing decides."""
    uploader = Uploader(_1=Taken("409 for `1.whl`"), _4=Taken("409 for another"))
    upload(PATHS, uploader, batches=1)
    assert uploader.taken >= {"0.whl", "2.whl", "3.whl", "5.whl"}
