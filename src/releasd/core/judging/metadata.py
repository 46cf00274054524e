"""Core metadata as PyPI judges it on upload: the specification's rules (packaging), and the index's own on top.

The further rules are those of Warehouse's forklift/metadata.py and forklift/legacy.py: known classifiers, lengths,
addresses, no direct dependencies, no local version, a long description that renders, PEP 639's licence files.
"""

import io
import re
from collections.abc import Iterable, Iterator
from email.utils import parseaddr
from typing import Any
from urllib.parse import urlsplit

from packaging.metadata import InvalidMetadata, Metadata, RawMetadata, parse_email
from packaging.requirements import InvalidRequirement, Requirement
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name
from packaging.version import InvalidVersion, Version

from releasd.core.judging.verdict import Expected, Problem

LIMIT = 4 << 20  # bytes; a PKG-INFO larger than this is not metadata
_SUMMARY = 512  # characters
_LABEL = 32  # characters of a project URL's label
_RENDERED = 1 << 20  # characters of a description that is rendered to try it; longer ones nobody reads
_ADDRESS = re.compile(r"[^@\s]+@[^@\s]+\.[^@\s.]+")
_EDIT = "correct it in pyproject.toml"


def judge(text: bytes, expected: Expected) -> Iterator[Problem]:
    """Yield what is wrong with a METADATA or PKG-INFO file."""
    raw, _ = parse_email(text)
    yield from _identity(raw, expected)
    yield from _standard(text)
    yield from _texts(raw)
    yield from _classifiers(raw, expected)
    yield from _links(raw)
    if expected.rules.pypi_rules:
        yield from _dependencies(raw)
    yield from _description(raw)


def licence_files(text: bytes) -> tuple[str, ...]:
    """Return the licence files that have to be in the archive: PEP 639, from metadata version 2.4 on."""
    raw, _ = parse_email(text)
    version = _version(raw.get("metadata_version", ""))
    return tuple(raw.get("license_files", ())) if version and version >= Version("2.4") else ()


def requires_python(text: bytes) -> SpecifierSet:
    """Return the range of interpreters that valid metadata asks for: all where it says nothing."""
    raw, _ = parse_email(text)
    return SpecifierSet(raw.get("requires_python", ""))


def _identity(raw: RawMetadata, expected: Expected) -> Iterator[Problem]:
    name, version = raw.get("name", ""), raw.get("version", "")
    if canonicalize_name(name) != canonicalize_name(expected.distribution):
        yield Problem(
            f"its metadata names {name!r}, the plan {expected.distribution!r}",
            "let the build leave this project's files alone, or correct name in .releasd.toml",
        )
    found = _version(version)
    if found != _version(expected.version):
        yield Problem(
            f"its metadata has version {version}, the plan {expected.version}",
            "name the file that the version is built from in version_files",
        )
    if found is not None and found.local and expected.rules.pypi_rules:
        yield Problem(f"indexes refuse the local version {version}", "build without a local version part")


def _version(text: str) -> Version | None:
    try:
        return Version(text)
    except InvalidVersion:
        return None


def _standard(text: bytes) -> Iterator[Problem]:
    """Yield what packaging finds wrong; name and version are compared with the plan already."""
    try:
        Metadata.from_email(text)
    except ExceptionGroup as group:
        for error in group.exceptions:
            field = error.field if isinstance(error, InvalidMetadata) else ""
            if field not in {"name", "version"}:
                yield Problem(f"its metadata is not valid: {field}: {error}", _EDIT)


def _texts(raw: RawMetadata) -> Iterator[Problem]:
    if len(raw.get("summary", "")) > _SUMMARY:
        yield Problem(f"its summary has more than {_SUMMARY} characters", "shorten description in pyproject.toml")
    if raw.get("license") and raw.get("license_expression"):
        yield Problem("it has both License and License-Expression", "keep the expression alone (PEP 639)")
    for field, value in (("author-email", raw.get("author_email")), ("maintainer-email", raw.get("maintainer_email"))):
        address = parseaddr(value)[1] if value else ""
        if address and not _ADDRESS.fullmatch(address):
            yield Problem(f"{field}: {address!r} is no e-mail address", _EDIT)


def _classifiers(raw: RawMetadata, expected: Expected) -> Iterator[Problem]:
    own = () if expected.rules.pypi_rules else ("Private ::",)  # made to keep a package from the public index
    found = [name for name in raw.get("classifiers", []) if not name.startswith(own or "\0")]
    if not found:
        return
    from trove_classifiers import all_classifiers, deprecated_classifiers  # noqa: PLC0415 - only where one is named

    for name in sorted({*found}):
        if name in deprecated_classifiers:
            instead = " or ".join(map(repr, deprecated_classifiers[name]))
            yield Problem(f"the classifier {name!r} is deprecated", f"use {instead}" if instead else "remove it")
        elif name not in all_classifiers:
            yield Problem(f"the classifier {name!r} is not known", _EDIT)


def _links(raw: RawMetadata) -> Iterator[Problem]:
    for field, url in (("home-page", raw.get("home_page")), ("download-url", raw.get("download_url"))):
        if url and not _is_link(url):
            yield Problem(f"{field}: {url!r} is no web address", _EDIT)
    for label, url in raw.get("project_urls", {}).items():
        if not label or len(label) > _LABEL:
            yield Problem(f"the label {label!r} of a project URL needs 1 to {_LABEL} characters", _EDIT)
        if not _is_link(url):
            yield Problem(f"the project URL {label}: {url!r} is no web address", _EDIT)


def _is_link(url: str) -> bool:
    try:
        parts = urlsplit(url)
    except ValueError:
        return False
    return parts.scheme in {"http", "https"} and bool(parts.hostname) and not re.search(r"\s", url)


def _dependencies(raw: RawMetadata) -> Iterator[Problem]:
    for text in _all(raw, "requires_dist", "provides_dist", "obsoletes_dist"):
        try:
            direct = Requirement(text).url is not None
        except InvalidRequirement:
            continue  # packaging has told it
        if direct:
            fix = "depend on a published version of it"
            yield Problem(f"it depends on an address, which no public index takes: {text}", fix)


def _all(raw: RawMetadata, *fields: str) -> Iterable[str]:
    values: Any = raw
    return (text for field in fields for text in values.get(field, ()))


def _description(raw: RawMetadata) -> Iterator[Problem]:
    """Yield why the long description would not render. Markdown and plain text always do."""
    text = raw.get("description", "")
    kind = raw.get("description_content_type", "").partition(";")[0].strip().lower()
    if not text.strip() or kind not in {"", "text/x-rst"} or len(text) > _RENDERED:
        return
    from readme_renderer import rst  # noqa: PLC0415 - docutils costs 0.2 s, and most descriptions are Markdown

    said = io.StringIO()
    try:
        rendered = rst.render(text, stream=said)
    except Exception as error:  # noqa: BLE001 - docutils raises of many kinds on text it was not made for
        rendered = None
        said.write(f"{type(error).__name__}: {error}")
    if rendered is None:
        why = " ".join(said.getvalue().split())[:200] or "it renders to nothing"
        default = "" if kind else "; without a content type it is read as reStructuredText"
        fix = "mend the readme, or name its type in pyproject.toml: readme = {file, content-type}"
        yield Problem(f"its long description does not render{default}: {why}", fix)
