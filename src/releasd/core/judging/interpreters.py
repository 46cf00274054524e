"""Which interpreters a wheel is for, by its tags and its Requires-Python: in the words that uv is asked with."""

import re

from packaging.specifiers import SpecifierSet
from packaging.tags import Tag

from releasd.core.judging.names import tags_of

LAST = 99  # stands for the newest release of a minor version: a bound such as >=3.9.2 leaves the later ones in
_NAMES = {"py": "", "cp": "cpython", "pp": "pypy"}  # others are called as their tag begins
_PYTHON = re.compile(r"(?P<name>[a-z]+)(?P<major>\d)(?P<minor>\d*)")


def requests(filename: str, required: SpecifierSet) -> tuple[str, ...]:
    """Return what to ask uv for, such as `cpython>=3.9`: any of these interpreters can run the wheel.

    Args:
        filename: the wheel's.
        required: its metadata's Requires-Python.
    """
    return tuple(dict.fromkeys(_request(tag, required) for tag in sorted(tags_of(filename), key=str, reverse=True)))


def _request(tag: Tag, required: SpecifierSet) -> str:
    match = _PYTHON.fullmatch(tag.interpreter)
    if match is None:
        return tag.interpreter
    major, version = match["major"], ".".join(filter(None, (match["major"], match["minor"])))
    name = _NAMES.get(match["name"], match["name"])
    if tag.abi == "abi3" or not name:
        return f"{name}{required & SpecifierSet(f'>={version},<{int(major) + 1}')}"
    if tag.abi.endswith("t"):
        return f"{version}t"  # free-threaded: a name of uv's own, which takes no range
    # What its own metadata excludes installs nowhere: that is for uv to say, with the interpreter of the tag.
    allowed = required if required.contains(f"{version}.{LAST}") else SpecifierSet()
    return f"{name}{allowed & SpecifierSet(f'=={version}.*')}"
