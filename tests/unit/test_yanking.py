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
    """The public index has its page, another its own manual."""
    public = steps("pypi", "demo", "1.0.0", "bad", kind="public")
    assert "Options, Yank" in public[-1]
    assert '"bad"' in public[-1]
    assert "PEP 592" in steps("own", "demo", "1.0.0", "", kind="other")[0]


def test_a_crate_is_yanked_by_cargo() -> None:
    """A registry has an API for it, and cargo is its client: the command is shown whole."""
    (step,) = steps("crates", "demo-core", "1.3.0", "", kind="crates")
    assert "`cargo yank demo-core@1.3.0 --registry NAME`" in step
    assert is_version("demo-core-1.3.0.crate", "1.3.0")
    assert not is_version("demo-core-1.3.0-alpha.x.crate", "1.3.0")
