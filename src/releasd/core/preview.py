"""What a release would change in the files, shown as people read changes: a unified diff."""

import difflib
from collections.abc import Iterator
from dataclasses import dataclass

from releasd.core import changelog
from releasd.core import files as version_files
from releasd.core.releasenotes import changelog_form
from releasd.model import Decision, Facts, ProjectConfig

CONTEXT = 3  # lines around a change


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """A file before and after; `old` is None for a new one."""

    path: str
    old: str | None
    new: str


def changes(facts: Facts, config: ProjectConfig, decision: Decision, notes: str) -> tuple[Change, ...]:
    """Return the files that the release commit would change, the changelog last. Raises `ConfigError`."""
    if decision.version is None or decision.pep440 is None:
        return ()
    texts: dict[str, str] = {}
    for edit in version_files.detect(facts.files, config, version=decision.version, pep440=decision.pep440).edits:
        texts[edit.path] = version_files.apply_edit(edit, texts.get(edit.path, facts.files[edit.path]))
    if config.changelog:
        form = changelog_form(config, remote_url=facts.remote_url, tag=decision.tag)
        texts[config.changelog] = changelog.written(facts.files.get(config.changelog), notes, form)
    return tuple(
        Change(path=path, old=facts.files.get(path), new=new)
        for path, new in texts.items()
        if new != facts.files.get(path)
    )


def unified(change: Change) -> Iterator[str]:
    """Yield the lines of a unified diff, without line ends.

    What both begin and end with is cut off first: a changelog can be long, and `difflib` looks at every pair of lines.
    """
    old, new = (change.old or "").splitlines(), change.new.splitlines()
    start = _alike(old, new)
    end = _alike(old[start:][::-1], new[start:][::-1])
    before, after = max(start - CONTEXT, 0), max(end - CONTEXT, 0)
    yield f"--- {'/dev/null' if change.old is None else f'a/{change.path}'}"
    yield f"+++ b/{change.path}"
    parts = (old[before : len(old) - after], new[before : len(new) - after])
    matcher = difflib.SequenceMatcher(None, *parts, autojunk=True)
    for group in matcher.get_grouped_opcodes(CONTEXT):
        yield _heading(group, before)
        for tag, *span in group:
            yield from _lines(tag, parts, span)


def _alike(one: list[str], two: list[str]) -> int:
    count = 0
    for left, right in zip(one, two, strict=False):
        if left != right:
            break
        count += 1
    return count


def _heading(group: list[tuple[str, int, int, int, int]], before: int) -> str:
    (_, old, _, new, _), (_, _, old_end, _, new_end) = group[0], group[-1]
    return f"@@ -{_span(old, old_end, before)} +{_span(new, new_end, before)} @@"


def _span(start: int, end: int, before: int) -> str:
    length = end - start
    return f"{start + before + (1 if length else 0)},{length}"


def _lines(tag: str, parts: tuple[list[str], list[str]], span: list[int]) -> Iterator[str]:
    old, new = parts[0][span[0] : span[1]], parts[1][span[2] : span[3]]
    if tag == "equal":
        yield from (f" {line}" for line in old)
        return
    yield from (f"-{line}" for line in old)
    yield from (f"+{line}" for line in new)
