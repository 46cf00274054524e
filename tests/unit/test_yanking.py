"""What is to be done to take a version out of use."""

from releasd.core.yanking import is_version, served, steps
from releasd.model import ListedFile

WHEEL = "demo-1.0.0-py3-none-any.whl"


def listed(sha256: str | None, *, yanked: bool = False) -> ListedFile:
    return ListedFile(filename=WHEEL, sha256=sha256, url="https://i/", yanked=yanked)


def test_a_version_is_known_in_any_spelling() -> None:
    """Files spell a version their own way; what is no version is none."""
    assert is_version(WHEEL, "1.0")
    assert not is_version(WHEEL, "1.0.1")
    assert not is_version("demo.exe", "1.0")
    assert not is_version(WHEEL, "nonsense")


def test_each_file_has_its_state_by_the_ledger() -> None:
    """An index that lists no digest cannot be contradicted; without a ledger nothing is said."""
    ledger = {WHEEL: frozenset({"a"})}
    found = [served([listed(digest)], ledger)[0].state for digest in ("a", "b", None)]
    assert found == ["released", "other bytes", "released"]
    assert served([listed("a")], {})[0].state == "foreign"
    assert served([listed("a")], None)[0].state == "unknown"


def test_the_steps_are_those_of_the_index() -> None:
    """The public index has its page; another its own manual; a version that is yanked needs none."""
    public = steps("pypi", "demo", "1.0.0", "bad", public=True, done=False)
    assert "Options, Yank" in public[-1]
    assert '"bad"' in public[-1]
    assert "PEP 592" in steps("own", "demo", "1.0.0", "", public=False, done=False)[0]
    assert steps("pypi", "demo", "1.0.0", "", public=True, done=True) == ()
