"""A project's page of a package index, as JSON (PEP 691) or as HTML (PEP 503): the files that it lists.

pypi_simple reads HTML alone. It brings an HTML parser and a client of its own, for half a second of a processor, and
most indexes speak JSON.
"""

import re
from collections.abc import Iterator
from urllib.parse import urljoin

import msgspec
from packaging.version import Version

from releasd.adapters import http
from releasd.errors import Transient
from releasd.model import ListedFile

_NEWEST = 1  # the major version of the repository API that is understood; minor ones only add
_DIGEST = re.compile(r"[0-9a-f]{64}")
_EMPTY = re.compile(
    rb"<title>[^<]*\b(?:links|index|packages?|simple)\b", re.IGNORECASE
)  # a page of a project without files


class _File(msgspec.Struct):
    filename: str
    url: str
    hashes: dict[str, str]
    yanked: bool | str = False
    size: int | None = None


class _Meta(msgspec.Struct, rename="kebab"):
    api_version: str


class _Page(msgspec.Struct):
    meta: _Meta
    files: list[_File]


def read_page(answer: http.Answer, project: str, *, index: str) -> tuple[ListedFile, ...]:
    """Return the files on a page; an index's page of a project without files has none.

    Raises:
        Transient: it is no page of an index, or of a newer kind: a proxy's, a login's or a half-deployed server's. The
            next look may be better.
    """
    kind = answer.headers.get("content-type", "text/html").partition(";")[0].strip().lower()
    try:
        return tuple(_from_json(answer) if kind.endswith("json") else _from_html(answer, project))
    except (ValueError, RecursionError) as error:
        why = (str(error).splitlines() or [type(error).__name__])[0]
    raise Transient(f"index {index} sent a page that cannot be read: {why}", advice="Check simple_url.")


def _from_json(answer: http.Answer) -> Iterator[ListedFile]:
    page = msgspec.json.decode(answer.body, type=_Page)
    if Version(page.meta.api_version).major > _NEWEST:
        raise ValueError(f"its version is {page.meta.api_version}, and {_NEWEST} is the newest that is known")
    for file in page.files:
        yield ListedFile(
            filename=file.filename,
            sha256=_sha256(file.hashes),
            url=urljoin(answer.url, file.url),
            yanked=file.yanked is not False,
            size=file.size,
        )


def _from_html(answer: http.Answer, project: str) -> Iterator[ListedFile]:
    from pypi_simple import ProjectPage, UnsupportedRepoVersionError  # noqa: PLC0415 - see the module

    try:
        page = ProjectPage.from_html(project, answer.body, answer.url)
    except UnsupportedRepoVersionError as error:
        raise ValueError(str(error)) from error
    if not page.packages and page.repository_version is None and not _EMPTY.search(answer.body):
        raise ValueError("it links no file, and is no page of an index")
    for package in page.packages:
        yield ListedFile(
            filename=package.filename,
            sha256=_sha256(package.digests),
            url=package.url,
            yanked=bool(package.is_yanked),
            size=package.size,
        )


def _sha256(digests: dict[str, str]) -> str | None:
    digest = digests.get("sha256", "").lower()
    return digest if _DIGEST.fullmatch(digest) else None
