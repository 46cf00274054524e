"""The few tags that are asked about first are those that would decide."""

from hypothesis import given
from hypothesis import strategies as st

from releasd.core.version import highest, last_release
from releasd.model import Tag

NUMBER = st.sampled_from(
    ["0", "1", "2", "10", "01", "9007199254740991", "9007199254740992", "99999999999999999999", "x"]
)
AFTER = st.sampled_from(["", "", "", "-beta.1", "-rc.2", "+build", "-", ".4", "\n"])
NAME = st.builds(
    "{}{}.{}.{}{}".format, st.sampled_from(["v", "v", "v", "", "a-v", "vv"]), NUMBER, NUMBER, NUMBER, AFTER
)
NAMES = st.lists(NAME, unique=True, max_size=30).map(sorted)


@given(NAMES, st.data())
def test_the_best_of_them_that_is_reachable_is_the_last_release(names: list[str], data: st.DataObject) -> None:
    """Whichever tags are reachable: the first of the list that is one is what all of them together decide."""
    reachable = [name for name in names if data.draw(st.booleans())]
    best = next((name for name in highest(names, "v{version}", count=30) if name in reachable), None)
    last = last_release([Tag(name=name, commit="c") for name in reachable], "v{version}")
    assert best == (last and last.tag)


@given(NAMES, st.integers(0, 5))
def test_a_shorter_list_is_the_beginning_of_the_longer_one(names: list[str], count: int) -> None:
    """Asking for fewer leaves out the lower ones."""
    assert highest(names, "v{version}", count=count) == highest(names, "v{version}", count=99)[:count]
