"""Judges built files as an index and its users will: names, size, structure, metadata, contents, platform tags.

Works on open files handed in; nothing is unpacked to disk, and no file makes it use much memory. Sources of the rules:
the binary distribution format (RECORD, WHEEL), PEP 625 and 721 for sdists, PEP 639 for licences, and what PyPI rejects
(publishing-facts.md §0.3 and §2). The subjects are in core/judging/; crates are judged there altogether.
"""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import BinaryIO

from packaging.utils import (
    InvalidSdistFilename,
    InvalidWheelFilename,
    canonicalize_name,
    parse_sdist_filename,
    parse_wheel_filename,
)
from packaging.version import Version

from releasd.core import simplepage
from releasd.core.crates import ENDING, split_filename
from releasd.core.judging import crates, sdists, wheels
from releasd.core.judging.names import platforms
from releasd.core.judging.verdict import Expected, Problem


def problems(filename: str, file: BinaryIO, expected: Expected) -> tuple[Problem, ...]:
    """Return everything that is wrong with one built file, empty when it is as planned."""
    return tuple(replace(problem, what=f"{filename}: {problem.what}") for problem in _judge(filename, file, expected))


def too_many_sdists(filenames: Sequence[str]) -> tuple[Problem, ...]:
    """Return the problem that a release has with more than one sdist."""
    found = [name for name in filenames if not name.endswith((".whl", ENDING))]
    if len(found) <= 1:
        return ()
    what = f"an index takes one sdist for a release, these are {len(found)}: {', '.join(found)}"
    return (Problem(what, 'let one build make it: give the others artifacts = ["*.whl"]'),)


def release_of(filename: str) -> tuple[str, str] | None:
    """Return the normalised project and the version that a file's own name tells; None where it tells neither."""
    if filename.endswith(ENDING):
        return split_filename(filename)
    found = simplepage.split(filename)
    return (found[0], str(found[1])) if found else None


def _judge(filename: str, file: BinaryIO, expected: Expected) -> tuple[Problem, ...]:
    try:
        if filename.endswith(ENDING):
            return tuple(crates.judge(filename, file, expected))
        too_large = tuple(_size(file, expected))
        if too_large:
            return too_large
        judge = wheels.judge if filename.endswith(".whl") else sdists.judge
        return (*_named(filename, expected), *judge(filename, file, expected))
    except (InvalidWheelFilename, InvalidSdistFilename) as error:
        fix = "name it as its build backend does"
        return (Problem(f"not a valid distribution file name: {error}", fix),)
    except Exception as error:  # noqa: BLE001 (zipfile, tarfile, zlib and csv raise a dozen kinds on damaged bytes)
        return (Problem(f"not a readable archive: {type(error).__name__}: {error}", "build it again"),)


def _size(file: BinaryIO, expected: Expected) -> Iterator[Problem]:
    size, limit = file.seek(0, 2), expected.rules.max_file_size
    file.seek(0)
    if size > limit:
        what = f"it has {size / (1 << 20):.1f} MB, the index takes {limit >> 20}"
        yield Problem(what, "make it smaller, or have the index raise its limit and set max_file_mb to it")


def _named(filename: str, expected: Expected) -> Iterator[Problem]:
    is_wheel = filename.endswith(".whl")
    name, version = parse_wheel_filename(filename)[:2] if is_wheel else parse_sdist_filename(filename)
    if name != canonicalize_name(expected.distribution):
        fix = "let the build leave this project's files alone in $RELEASD_OUT"
        yield Problem(f"its name says {name}, the plan says {expected.distribution}", fix)
    if version != Version(expected.version):
        fix = "name the file that the version is built from in version_files"
        yield Problem(f"its name says version {version}, the plan says {expected.version}", fix)
    if is_wheel and expected.rules.pypi_rules:
        yield from _plain_linux(filename)


def _plain_linux(filename: str) -> Iterator[Problem]:
    for platform in sorted(platforms(filename)):
        if platform.startswith("linux_"):
            yield Problem(
                f"platform tag {platform} is refused by package indexes",
                "build in a manylinux image, with maturin --zig, or run auditwheel repair",
            )
