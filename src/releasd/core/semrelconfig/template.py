"""Lodash's templates without their programs: a placeholder is one of a few names, or the template is refused.

semantic-release hands a command line to the shell after it has put commit messages into it where the template says so;
that is a shell injection by anyone who can write a commit. Here only values that a release itself has may stand in a
command, none of them may hold a character that means something to a shell, and everything else is refused by name.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass

from releasd.errors import ConfigError

# What a command may name, as semantic-release spells it → the value of `render`.
IN_COMMANDS: Mapping[str, str] = {
    "nextRelease.version": "version",
    "nextRelease.gitTag": "tag",
    "nextRelease.gitHead": "commit",
    "nextRelease.type": "bump",
    "nextRelease.channel": "channel",
    "branch.name": "branch",
}
# What the message of the release commit may name: it is an object in git and meets no shell.
IN_MESSAGES: Mapping[str, str] = {
    **{name: value for name, value in IN_COMMANDS.items() if name != "branch.name"},
    "branch": "branch",
    "nextRelease.name": "tag",
    "nextRelease.notes": "notes",
    "lastRelease.version": "last_version",
    "lastRelease.gitTag": "last_tag",
}
IN_TAGS: Mapping[str, str] = {"version": "version"}

_PLACEHOLDER = re.compile(r"\$\{(?P<dollar>[^}]*)\}|<%[=-](?P<percent>.*?)%>|<%(?P<program>.*?)%>", re.DOTALL)
_PLAIN = re.compile(r"[A-Za-z0-9._/+@-]*")
_LONGEST = 10_000  # characters of a template


@dataclass(frozen=True, slots=True)
class Template:
    """A checked template: texts and the names of values, in turn, a text first and last."""

    pieces: tuple[str, ...]

    @property
    def names(self) -> tuple[str, ...]:
        """Return the names of the values that it takes, in order."""
        return self.pieces[1::2]

    def fill(self, values: Mapping[str, str]) -> str:
        """Return the text with `values` in place; a value that is missing counts as empty."""
        return "".join(piece if at % 2 == 0 else values.get(piece, "") for at, piece in enumerate(self.pieces))


def parse(text: str, allowed: Mapping[str, str]) -> Template:
    """Return the template in `text`. Raises `ValueError` that names the placeholder which is not allowed."""
    if len(text) > _LONGEST:
        raise ValueError(f"it has over {_LONGEST} characters")
    pieces: list[str] = []
    at = 0
    for match in _PLACEHOLDER.finditer(text):
        name = (match["dollar"] or match["percent"] or "").strip()
        if match["program"] is not None or name not in allowed:
            raise ValueError(f"{_shown(match[0])} is not filled in: only {', '.join(allowed)} are")
        pieces += [text[at : match.start()], allowed[name]]
        at = match.end()
    return Template((*pieces, text[at:]))


def command_line(template: Template, values: Mapping[str, str]) -> str:
    """Return a shell's command line. Raises `ConfigError` for a value with a character that a shell could act on."""
    for name in template.names:
        if not _PLAIN.fullmatch(values.get(name, "")):
            raise ConfigError(
                f"the {name} of this release has a character that a shell could act on: it is put into no command",
                advice=f"rename the {name}, or take it out of the command",
            )
    return template.fill(values)


def _shown(placeholder: str) -> str:
    clean = "".join(char if char.isprintable() else " " for char in placeholder[:80])
    return clean if len(placeholder) <= len(clean) else f"{clean}…"
