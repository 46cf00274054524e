"""The programs that a build names, and alternatives among them."""

from releasd.core.tools import lacking, lacks, programs


def test_every_alternative_is_looked_for() -> None:
    """A host is asked for each program once, whichever of them will do."""
    assert programs(("uv", "a|b")) == ("uv", "a", "b")


def test_any_alternative_will_do() -> None:
    """A tool is lacking only where none of its programs is there; the message names them all."""
    assert lacking(("uv", "a|b"), ("a",)) == ()
    assert lacking(("uv", "a|b"), ("a", "b", "uv")) == ("uv", "a or b")


def test_what_an_image_lacks_is_told_with_a_command_that_brings_it() -> None:
    """Python's tools by pip, Rust's toolchain by the file that we ship, all else by the image's own packages."""
    assert "lacks maturin, uv; " in lacks("img:1", ("maturin", "uv"))
    assert lacks("img:1", ("maturin", "uv")).endswith(
        r"printf 'FROM img:1\nRUN python3 -m pip install maturin uv\n' | docker build -t NAME -"
    )
    assert lacks("img:1", ("maturin", "cargo")).endswith("--build-arg BASE=img:1 -f manylinux.Containerfile .")
    assert "apt-get install -y PACKAGES" in lacks("img:1", ("cargo", "git"))
