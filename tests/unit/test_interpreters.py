"""Which interpreter uv is asked for, by a wheel's tags and its Requires-Python."""

import pytest
from packaging.specifiers import SpecifierSet

from releasd.core.judging.interpreters import requests
from support.dist import wheel_name


@pytest.mark.parametrize(
    ("tag", "required", "asked"),
    [
        ("py3-none-any", "", ["<4,>=3"]),
        ("py3-none-any", ">=3.13", ["<4,>=3,>=3.13"]),
        ("py39-none-any", "", ["<4,>=3.9"]),
        ("py2.py3-none-any", "", ["<4,>=3", "<3,>=2"]),
        ("cp313-abi3-manylinux_2_17_x86_64", "", ["cpython<4,>=3.13"]),
        ("cp39-abi3-manylinux_2_17_x86_64", ">=3.12", ["cpython<4,>=3.12,>=3.9"]),
        ("cp312-cp312-manylinux_2_17_x86_64", "", ["cpython==3.12.*"]),
        ("cp312-none-any", ">=3.9", ["cpython==3.12.*,>=3.9"]),
        ("cp312-cp312-any", ">=3.12.4", ["cpython==3.12.*,>=3.12.4"]),
        ("cp313-cp313t-manylinux_2_17_x86_64", ">=3.9", ["3.13t"]),
        ("pp310-pypy310_pp73-manylinux_2_17_x86_64", "", ["pypy==3.10.*"]),
        ("graalpy311-graalpy242_311_native-any", "", ["graalpy==3.11.*"]),
    ],
)
def test_the_interpreter_that_a_wheel_is_for(tag: str, required: str, asked: list[str]) -> None:
    """The default interpreter of a host is only right for a wheel that leaves it open."""
    assert list(requests(wheel_name(tag), SpecifierSet(required))) == asked


def test_a_wheel_that_its_own_metadata_excludes() -> None:
    """It is tried with the interpreter of its tag, so that it is seen not to install."""
    assert requests(wheel_name("cp38-cp38-any"), SpecifierSet(">=3.9")) == ("cpython==3.8.*",)
