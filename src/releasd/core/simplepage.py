"""Pages of a simple index as files (PEP 503), and which files belong on them.

A destination that is no server writes one page for each project, beside its files. Their digests are read back from
the page, so that a new release costs no look at the bytes of all earlier ones.
"""

import html
import math
import re
from collections.abc import Iterable, Mapping
from urllib.parse import quote, unquote

from packaging.utils import (
    InvalidSdistFilename,
    InvalidWheelFilename,
    canonicalize_name,
    parse_sdist_filename,
    parse_wheel_filename,
)
from packaging.version import Version

PAGE = "index.html"
_LONGEST_NAME = 255  # characters; no file system has a longer one
_MANY_TAGS = 1000  # each combination of a wheel's tags is an object: some bytes of a name can mean millions
_LINK = re.compile(r'<a href="([^"#]+)#sha256=([0-9a-f]{64})">')


def split(filename: str) -> tuple[str, Version] | None:
    """Return the project and version that a wheel's or sdist's name says; None for any other file."""
    is_wheel = filename.endswith(".whl")
    if len(filename) > _LONGEST_NAME or (is_wheel and _tags(filename) > _MANY_TAGS):
        return None
    try:
        if is_wheel:
            name, version, _, _ = parse_wheel_filename(filename)
        else:
            name, version = parse_sdist_filename(filename)
    except (InvalidWheelFilename, InvalidSdistFilename):
        return None
    return name, version


def _tags(filename: str) -> int:
    """Return how many tags a wheel's name stands for."""
    return math.prod(each.count(".") + 1 for each in filename.removesuffix(".whl").split("-")[-3:])


def belongs(filename: str, distribution: str, version: str) -> bool:
    """Return whether the file's own name says that it is of this project and version."""
    return split(filename) == (canonicalize_name(distribution), Version(version))


def is_of(filename: str, project: str) -> bool:
    """Return whether the file's own name says that it is of this project, given normalised."""
    found = split(filename)
    return found is not None and found[0] == project


def render(project: str, files: Mapping[str, str | None]) -> bytes:
    """Return the page that links `files`, given as digests by name, beside it."""
    links = "".join(f"{_link(name, files[name])}<br>\n" for name in sorted(files))
    title = f"Links for {html.escape(project)}"
    head = f'<meta charset="utf-8"><meta name="pypi:repository-version" content="1.0"><title>{title}</title>'
    return f"<!DOCTYPE html>\n<html><head>{head}</head><body>\n<h1>{title}</h1>\n{links}</body></html>\n".encode()


def digests(page: bytes) -> dict[str, str]:
    """Return the digests by file name that a page written by `render` has; none of a page that is another's."""
    return {unquote(html.unescape(href)): digest for href, digest in _LINK.findall(page.decode("utf-8", "replace"))}


def kept(page: bytes, stored: Iterable[str]) -> dict[str, str | None]:
    """Return what a page has to list: each wheel and sdist of `stored`, with the digest that it had on `page`."""
    before = digests(page)
    return {name: before.get(name) for name in stored if split(name)}


def _link(filename: str, digest: str | None) -> str:
    href = html.escape(quote(filename) + (f"#sha256={digest}" if digest else ""))
    return f'<a href="{href}">{html.escape(filename)}</a>'
