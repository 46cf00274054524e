"""Reads the table `[notes]` of a repository's own configuration."""

from collections.abc import Mapping
from typing import Any

from releasd.core.pages import FORGES, PLACES, form_problem
from releasd.core.reading import Reader, flag, one_of, path, text
from releasd.model import NotesStyle, NotesType

FORMATS = ("default", "keep-a-changelog", "template")


def read_notes(reader: Reader, analysis: str) -> NotesStyle:
    """Return the table `[notes]`; what is wrong in it is added to the reader's problems."""
    values = reader.values.get("notes")
    where = f"{reader.where}notes"
    if not isinstance(values, dict):
        reader.problems.append(f"{where}: a table, under [notes]")
        return NotesStyle()
    own = Reader(values, f"{where}.", reader.problems)
    style = NotesStyle(
        format=own.take("format", one_of(FORMATS), FORMATS[0], " or ".join(FORMATS)),
        template=own.take("template", path, None, "the path of a Jinja template inside the repository"),
        contributors=own.take("contributors", flag, default=False, allowed="true or false"),
        types=tuple(_type(each) for each in own.tables("types")),
        forge=own.take("forge", one_of(tuple(FORGES)), None, " or ".join(FORGES)),
        urls=_urls(own),
    )
    own.finish()
    _check(own, style, analysis)
    return style


def _check(own: Reader, style: NotesStyle, analysis: str) -> None:
    if (style.format == "template") != (style.template is not None):
        own.problems.append(f'{own.where}template: a path, with format = "template" and only with it')
    if analysis == "semantic-release" and style.format == "default":
        own.problems += [
            f"{own.where}{key}: not for semantic-release's notes; choose another format, or presetConfig in .releaserc"
            for key in sorted(own.values.keys() - {"format"})
        ]


def _type(reader: Reader) -> NotesType:
    made = NotesType(
        type=reader.need("type", _kind, "", "a commit's type"),
        section=reader.take("section", _title, None, "a title, on one line"),
        scope=reader.take("scope", text, None, "a scope"),
        hidden=reader.take("hidden", flag, default=False, allowed="true or false"),
    )
    reader.finish()
    return made


def _kind(value: Any) -> str | None:
    return value.lower() if isinstance(value, str) and value.strip() else None


def _title(value: Any) -> str | None:
    title = text(value)
    return title.strip() if title and title.isprintable() else None


def _urls(own: Reader) -> Mapping[str, str]:
    """Return the forms of addresses: `compare_url`, `commit_url`, `issue_url`, `user_url`."""
    found: dict[str, str] = {}
    for kind in PLACES:
        key = f"{kind}_url"
        own.known.add(key)
        if key not in own.values:
            continue
        form = text(own.values[key])
        problem = form_problem(kind, form) if form else "a text"
        if form and not problem:
            found[kind] = form
        else:
            own.problems.append(f"{own.where}{key}: {problem}")
    return found
