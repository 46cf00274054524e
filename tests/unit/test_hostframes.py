"""The pure parts of running on a host: frames, names, and what a task may be called."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from releasd.adapters.hostrun import is_plain_name
from releasd.adapters.runner.leash import HEADER, MAX_FRAME, Frames, pack

FRAMES = st.lists(st.tuples(st.sampled_from([b"C", b"O", b"D", b"H"]), st.binary(max_size=200)), max_size=8)


@given(FRAMES, st.lists(st.integers(1, 50), min_size=1, max_size=60))
def test_frames_come_out_whole_however_the_stream_was_cut(frames: list[tuple[bytes, bytes]], cuts: list[int]) -> None:
    """Packing and feeding in pieces of any size gives the same frames in the same order."""
    stream = b"".join(pack(kind, payload) for kind, payload in frames)
    reader, out, turn = Frames(), [], 0
    while stream:
        size = cuts[turn % len(cuts)]
        out += reader.feed(stream[:size])
        stream, turn = stream[size:], turn + 1
    assert out == frames


def test_half_a_frame_is_kept_back() -> None:
    """Nothing comes out before a frame is whole."""
    reader = Frames()
    assert list(reader.feed(pack(b"O", b"abc")[:-1])) == []
    assert list(reader.feed(b"c")) == [(b"O", b"abc")]


def test_a_stream_of_something_else_is_not_waited_for() -> None:
    """A length that no runner sends is an error at once, not memory."""
    with pytest.raises(ValueError, match="a frame of"):
        list(Frames().feed(HEADER.pack(b"x", MAX_FRAME + 1)))


@pytest.mark.parametrize("name", ["demo-1.0.whl", "a b", ".hidden", "ä.whl"])
def test_a_plain_file_name_is_accepted(name: str) -> None:
    """What stays within its folder may be fetched."""
    assert is_plain_name(name)


@pytest.mark.parametrize("name", ["", ".", "..", "a/b", "../a", "/etc/passwd", "a\0b", "a\nb", "\udcff.whl"])
def test_a_path_or_an_unprintable_name_is_not(name: str) -> None:
    """A host that sends such a name does not get to choose where a file lands, nor what a log shows."""
    assert not is_plain_name(name)
