"""The programs that a build names, and alternatives among them."""

from releasd.core.tools import lacking, programs


def test_every_alternative_is_looked_for() -> None:
    """A host is asked for each program once, whichever of them will do."""
    assert programs(("uv", "a|b")) == ("uv", "a", "b")


def test_any_alternative_will_do() -> None:
    """A tool is lacking only where none of its programs is there; the message names them all."""
    assert lacking(("uv", "a|b"), ("a",)) == ()
    assert lacking(("uv", "a|b"), ("a", "b", "uv")) == ("uv", "a or b")
