"""A version in a file of any kind, on a line that a pattern or a marker comment names; setup.cfg.

A *pattern* is a regular expression with `{version}` in it, where the version stands; it is matched against each line
alone, with JavaScript's meaning and in bounded time (core/semrel/jsregex). A *marker* is a comment on the version's own
line, `x-releasd-version` or release-please's `x-release-please-version`, or a pair of them on lines around several.
Versions have three numbers, and may have a pre-release in either spelling, `1.2.0-beta.1` or `1.2.0b1`.
"""

import re
from collections.abc import Callable, Iterator, Sequence

from releasd.errors import ConfigError
from releasd.model import FileEdit

PLACE = "{version}"

_VERSION = r"\d+\.\d+\.\d+(?:-[A-Za-z][0-9A-Za-z-]*\.\d+|(?:a|b|rc)\d+|\.dev\d+)?"
_FIND = re.compile(_VERSION, re.ASCII)
_MARKED = re.compile(r"x-(?:releasd|release-please)-version\b")
_START = re.compile(r"x-(?:releasd|release-please)-start-version\b")
_END = re.compile(r"x-(?:releasd|release-please)-end\b")
_LINE = re.compile(r"[^\r\n]+")
_LONGEST = 2000  # characters of a line that is looked at
_MOST = 300  # lines with a version that a pattern is matched against
_SECTION = re.compile(r"^\[(?P<name>[^\]\r\n]+)\]")
_KEY = re.compile(r"^version[ \t]*[=:][ \t]*(?P<value>[^\r\n]*?)[ \t]*$", re.IGNORECASE)

Span = tuple[int, int]


def has_marker(text: str) -> bool:
    """Return whether any line of `text` is marked."""
    return bool(_MARKED.search(text) or _START.search(text))


def pattern_edit(path: str, pattern: str, text: str, spelled: Callable[[str], str]) -> FileEdit:
    """Return the edit of the lines that `pattern` matches. Raises `ConfigError` where none, or a bad one, does.

    `spelled` gives the new version's spelling for the one that stands there.
    """
    found = _found(path, text, _by_pattern(path, pattern, text))
    return FileEdit(path=path, kind=f"pattern:{pattern}", old=found[0], new=spelled(found[0]))


def marker_edit(path: str, text: str, spelled: Callable[[str], str]) -> FileEdit:
    """Return the edit of the marked lines. Raises `ConfigError` where there is no version on them."""
    found = _found(path, text, _by_marker(text))
    return FileEdit(path=path, kind="marker", old=found[0], new=spelled(found[0]))


def apply_pattern(edit: FileEdit, text: str, names: Sequence[str]) -> str:
    """Set the version on every line that the pattern matches."""
    return _replaced(edit, text, _by_pattern(edit.path, ",".join(names), text))


def apply_marker(edit: FileEdit, text: str, _names: Sequence[str]) -> str:
    """Set the version on every marked line."""
    return _replaced(edit, text, _by_marker(text))


def setup_cfg_version(path: str, text: str) -> str | None:
    """Return `version` of `[metadata]` as written, or None. Raises `ConfigError` for a malformed file."""
    return _setup_cfg(path, text).get("metadata", {}).get("version")


def apply_setup_cfg(edit: FileEdit, text: str, _names: Sequence[str]) -> str:
    """Set `version` of `[metadata]`."""
    before = _setup_cfg(edit.path, text)
    spans = list(_in_metadata(text))
    if len(spans) != 1 or before.get("metadata", {}).get("version") != edit.old:
        raise ConfigError(f"{edit.path}: version is not {edit.old}, in one line", advice="plan the release again")
    after = _put(text, spans, edit.new)
    before["metadata"]["version"] = edit.new
    if _setup_cfg(edit.path, after) != before:
        raise ConfigError(f"{edit.path}: version is not on one line of [metadata]", advice=f"edit {edit.path}")
    return after


def _setup_cfg(path: str, text: str) -> dict[str, dict[str, str]]:
    import configparser  # noqa: PLC0415 - for the speed of `releasd plan`

    parser = configparser.RawConfigParser()  # as setuptools reads it
    try:
        parser.read_string(text, path)
    except configparser.Error as error:
        raise ConfigError(f"{path} cannot be read", problems=(f"{path}: {error}",), advice=f"edit {path}") from error
    return {name: dict(parser.items(name)) for name in parser.sections()}


def _in_metadata(text: str) -> Iterator[Span]:
    """Yield where the value of `version` under `[metadata]` stands."""
    section = ""
    for line in _LINE.finditer(text):
        header = _SECTION.match(line[0])
        section = header["name"] if header else section
        key = _KEY.match(line[0]) if section == "metadata" else None
        if key:
            yield line.start() + key.start("value"), line.start() + key.end("value")


def _by_pattern(path: str, pattern: str, text: str) -> Iterator[Span]:
    """Yield where the version stands on each line that matches; the first match of a line counts."""
    from releasd.core.semrel import jsregex  # noqa: PLC0415 - for the speed of `releasd plan`

    before, _, after = pattern.partition(PLACE)
    expression = f"^(?<releasdlead>[^]*?(?:{before}))(?<releasdversion>{_VERSION})(?:{after})"
    # Each part has to be whole by itself, so that none can reach into another.
    wrong = next(filter(None, map(jsregex.problem, (f"(?:{before})", f"(?:{after})", expression))), None)
    if wrong:
        raise ConfigError(f"{path}: the pattern {pattern} {wrong}", advice="edit version_files")
    find = jsregex.matcher(expression)
    lines = [line for line in _LINE.finditer(text) if len(line[0]) <= _LONGEST and _FIND.search(line[0])]
    if len(lines) > _MOST:
        raise ConfigError(
            f"{path} has over {_MOST} lines with a version", advice="mark the right one: x-releasd-version"
        )
    for line in lines:
        match = find(line[0])
        if match and match.named:
            start = line.start() + len(match.named["releasdlead"] or "")
            yield start, start + len(match.named["releasdversion"] or "")


def _by_marker(text: str) -> Iterator[Span]:
    within = False
    for line in _LINE.finditer(text):
        within = (within or _START.search(line[0]) is not None) and _END.search(line[0]) is None
        if within or _MARKED.search(line[0]):
            found = _FIND.search(line[0])
            if found:
                yield line.start() + found.start(), line.start() + found.end()


def _found(path: str, text: str, spans: Iterator[Span]) -> list[str]:
    found = [text[start:end] for start, end in spans]
    if not found:
        raise ConfigError(f"{path} has no version where version_files says", advice=f"edit version_files, or {path}")
    return found


def _replaced(edit: FileEdit, text: str, found: Iterator[Span]) -> str:
    spans = list(found)
    if not spans or text[slice(*spans[0])] != edit.old:
        raise ConfigError(f"{edit.path} does not hold version {edit.old}", advice="plan the release again")
    return _put(text, spans, edit.new)


def _put(text: str, spans: Sequence[Span], new: str) -> str:
    for start, end in reversed(spans):
        text = text[:start] + new + text[end:]
    return text
