"""What a file's name says of itself, whoever chose it."""

import pytest

from releasd.core import crates, simplepage


def _many(letter: str, count: int) -> str:
    return ".".join(f"{letter}{number}" for number in range(count))


@pytest.mark.parametrize(
    "name",
    [
        f"demo-1.0-{_many('a', 300)}-{_many('b', 300)}-{_many('c', 300)}.whl",  # 27 million tags in 4 kB
        f"demo-1.0-{_many('p', 11)}-{_many('a', 10)}-{_many('l', 10)}.whl",
        f"demo-1.0+{'a' * 256}.tar.gz",
    ],
)
def test_name_that_stands_for_millions_of_tags_is_no_files(name: str) -> None:
    """An index chooses the names that it lists: reading one must cost no memory."""
    assert simplepage.split(name) is None


def test_names_with_several_tags_are_read() -> None:
    """What build tools make is far below the bounds, and an sdist has no tags."""
    tags = "py2.py3-none-manylinux_2_17_x86_64.manylinux2014_x86_64.musllinux_1_2_x86_64"
    for name in (f"de_mo-1.0-{tags}.whl", "de.mo-1.0.tar.gz", f"de-mo-1.0+{'a.' * 60}a.tar.gz"):
        found = simplepage.split(name)
        assert found is not None, name
        assert found[0] == "de-mo"


def test_name_of_dashes_and_digits_is_soon_read() -> None:
    """A hundred thousand places where a crate's version could begin are not tried each to the end."""
    assert crates.split_filename("a" + "-1.1.1-a" * 100_000) is None
