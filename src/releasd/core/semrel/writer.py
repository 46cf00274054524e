"""Writes parsed commits as notes, as conventional-changelog-writer 8.4.0 does.

Each commit is transformed by the preset or left out, groups and commits are sorted, and templates make the text. A
message with a line `-version-` can make the writer start a new block there, which is kept. Where npm's writer fails
(a type that is called `constructor`), this one goes on.
"""

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from releasd.core.semrel.collate import sort_keys
from releasd.core.semrel.handlebars import compile_template
from releasd.core.semrel.jstext import trim, truthy
from releasd.core.semrel.presets import CommitValues, Preset
from releasd.core.semver import SEMVER, parse_semver
from releasd.errors import ConfigError

_SEMVER = re.compile(rf"v?(?P<version>{SEMVER})")
_LARGEST_INDEX = 2**32 - 2
_INDEX = re.compile(r"0|[1-9]\d{0,9}", re.ASCII)
_TEMPLATES = ("mainTemplate", "headerPartial", "commitPartial", "footerPartial")
_SORTS = ("commitsSort", "commitGroupsSort", "noteGroupsSort", "notesSort")
_FLAGS = ("ignoreReverted", "reverse", "doFlush")
_KNOWN = frozenset({*_TEMPLATES, *_SORTS, *_FLAGS, "partials", "groupBy", "generateOn", "transform"})

Filter = Callable[[Sequence[CommitValues]], Sequence[CommitValues]]
Sort = str | Sequence[str] | None


def problems(writer_opts: Mapping[str, Any]) -> Iterable[str]:
    """Yield what in a project's `writerOpts` cannot be honoured, as `key: what is allowed`.

    What npm takes a function for, JSON cannot say; but it can switch two of them off: `transform` and `generateOn`.
    """
    for key, value in writer_opts.items():
        allowed = _allowed(key, value)
        if allowed:
            yield f"writerOpts.{key}: {allowed}"


def _allowed(key: str, value: Any) -> str | None:
    """Return what an option may be, None where it is that."""
    if key not in _KNOWN and not (key == "skip" and value is None):
        return "not known, or a function, which only a JavaScript configuration could give"
    if key in (*_TEMPLATES, "groupBy") and not isinstance(value, str):
        return "the name of a field" if key == "groupBy" else "a text"
    if key in _SORTS and truthy(value) and not _is_sort(value):
        return "the name of a field, or a list of such names"
    is_odd = key == "partials" and truthy(value) and not isinstance(value, Mapping)
    return "a table of texts" if is_odd else None


def _is_sort(value: Any) -> bool:
    return isinstance(value, str) or (isinstance(value, list | tuple) and all(isinstance(each, str) for each in value))


def write(
    commits: Iterable[CommitValues],
    context: Mapping[str, Any],
    *,
    preset: Preset,
    writer_opts: Mapping[str, Any],
    unreverted: Filter,
) -> str:
    """Return the notes. Raises `ConfigError` for options that cannot be honoured."""
    wrong = tuple(problems(writer_opts))
    if wrong:
        raise ConfigError(
            "the configuration of the release notes cannot be honoured",
            problems=wrong,
            advice="edit writerOpts in the configuration of the release notes generator",
        )
    options = {"groupBy": "type", "commitsSort": ("scope", "subject"), "noteGroupsSort": "title", **writer_opts}
    final = _final(context)
    render = _renderer(final, options, preset, unreverted)
    written, before = [], ""
    for group, key, shown in _blocks(commits, final, options, preset):
        text = render(group, key)
        before = f"\n{text}" if text and before else text
        if shown:
            written.append(before)
    return "".join(written)


def _final(context: Mapping[str, Any]) -> dict[str, Any]:
    final = {"commit": "commits", "issue": "issues", **context}
    if not isinstance(final.get("linkReferences"), bool):
        where = final.get("repository") or final.get("repoUrl")
        if where and final["commit"] and final["issue"]:
            final["linkReferences"] = True
    return final


def _blocks(
    commits: Iterable[CommitValues], context: Mapping[str, Any], options: Mapping[str, Any], preset: Preset
) -> Iterable[tuple[list[CommitValues], CommitValues | None, bool]]:
    """Yield groups of commits: each with the commit whose `version` heads it, and whether it is shown.

    Mostly there is one group, which no commit heads.
    """
    group: list[CommitValues] = []
    saved: CommitValues | None = None
    first, reverse, flush = True, truthy(options.get("reverse")), truthy(options.get("doFlush", True))
    starts = _starter(options)
    for raw in commits:
        commit = _transformed(raw, context, options, preset)
        key = raw if commit is None else commit
        is_start = starts(key)
        if reverse and commit is not None:
            group.append(commit)
        if is_start:
            yield group, key if reverse else saved, reverse or not first or flush
            group, saved, first = [], None if reverse else key, False
        if not reverse and commit is not None:
            group.append(commit)
    if flush or not (reverse or first):
        yield group, saved, True


def _transformed(
    raw: CommitValues, context: Mapping[str, Any], options: Mapping[str, Any], preset: Preset
) -> CommitValues | None:
    """Return what is shown of a commit, None for nothing; a `transform` that is no function changes nothing."""
    if "transform" in options:
        return raw
    patch = preset.transform(raw, context)
    return None if patch is None else {**raw, **patch, "raw": raw}


def _starter(options: Mapping[str, Any]) -> Callable[[CommitValues], bool]:
    """Return whether a commit starts a block: one with a version, or with the field that `generateOn` names."""
    if "generateOn" not in options:
        return lambda commit: _semver(commit.get("version")) is not None
    name = options["generateOn"]

    def starts(commit: CommitValues) -> bool:
        """Return whether the field is not `undefined`: None stands for that, but where the parser left a `null`."""
        raw = commit.get("raw", commit)
        is_null = isinstance(raw, Mapping) and name in raw and raw[name] is None
        return commit.get(name) is not None or is_null

    return starts if isinstance(name, str) else lambda _: False


def _renderer(
    context: Mapping[str, Any], options: Mapping[str, Any], preset: Preset, unreverted: Filter
) -> Callable[[list[CommitValues], CommitValues | None], str]:
    texts = {name: options.get(name, preset.templates[name]) for name in _TEMPLATES}
    partials = {name.removesuffix("Partial"): text for name, text in texts.items() if name != "mainTemplate"}
    extra = {name: text for name, text in (options.get("partials") or {}).items() if isinstance(text, str)}
    template = compile_template(texts["mainTemplate"], {**partials, **extra})

    def render(commits: list[CommitValues], key: CommitValues | None) -> str:
        kept = unreverted(commits) if truthy(options.get("ignoreReverted", True)) else commits
        notes: list[dict[str, Any]] = []
        shown = [_with_notes(commit, notes) for commit in kept]
        values = {
            **context,
            **(key or {}),
            "commitGroups": _commit_groups(shown, options, preset),
            "noteGroups": _note_groups(notes, options),
        }
        if key and key.get("committerDate"):
            values["date"] = key["committerDate"]
        version = _semver(values.get("version"))
        if version is not None:
            values["isPatch"] = values.get("isPatch") or parse_semver(version).patch != 0  # type: ignore[union-attr]
        text = trim(template(values, len(shown)))
        return f"{text}\n" if text else ""

    return render


def _with_notes(commit: CommitValues, notes: list[dict[str, Any]]) -> CommitValues:
    own = [{**note, "commit": commit} for note in commit["notes"]]
    notes += own
    return {**commit, "notes": own}


def _commit_groups(commits: Sequence[CommitValues], options: Mapping[str, Any], preset: Preset) -> list[dict[str, Any]]:
    by: dict[str, list[CommitValues]] = {}
    for commit in commits:
        by.setdefault(_text(commit.get(options["groupBy"])), []).append(commit)
    groups = [
        {"title": title, "commits": _sorted(by[title], options["commitsSort"])} for title in sorted(by, key=_js_order)
    ]
    if "commitGroupsSort" in options or preset.sections is None:
        return _sorted(groups, options.get("commitGroupsSort", "title"))
    rank = {title: place for place, title in reversed([*enumerate(preset.sections)])}
    return sorted(groups, key=lambda group: rank.get(str(group["title"]), -1))


def _js_order(key: str) -> tuple[bool, int]:
    """Return what sorts an object's keys as JavaScript lists them: numbers first, the others as they came."""
    is_index = _INDEX.fullmatch(key) is not None and int(key) <= _LARGEST_INDEX
    return (not is_index, int(key) if is_index else 0)


def _note_groups(notes: Sequence[dict[str, Any]], options: Mapping[str, Any]) -> list[dict[str, Any]]:
    by: dict[str, list[dict[str, Any]]] = {}
    for note in notes:
        by.setdefault(note["title"], []).append(note)
    groups = [{"title": title, "notes": _sorted(found, options.get("notesSort"))} for title, found in by.items()]
    return _sorted(groups, options["noteGroupsSort"])


def _sorted(items: list[dict[str, Any]], by: Sort) -> list[dict[str, Any]]:
    """Return the items by one field, or by several joined, as `localeCompare` sorts; as they are for None."""
    if not by or len(items) < 2:  # noqa: PLR2004 - one item is sorted
        return items
    names = (by,) if isinstance(by, str) else by
    texts = ["".join(_text(item.get(name)) for name in names) for item in items]
    keys = sort_keys(texts)
    return [items[at] for at in sorted(range(len(items)), key=keys.__getitem__)]


def _text(value: Any) -> str:
    """Return what JavaScript makes a text of, "" for what is false there."""
    if isinstance(value, str):
        return value
    if isinstance(value, list | tuple):
        return ",".join(map(_text, value))
    return "[object Object]" if isinstance(value, Mapping) else ""


def _semver(text: Any) -> str | None:
    """Return the version that npm's `semver.valid` finds in a text, None for none."""
    found = _SEMVER.fullmatch(trim(text)) if isinstance(text, str) else None
    return found["version"] if found and parse_semver(found["version"]) else None
