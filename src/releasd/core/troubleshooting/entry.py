"""What is known of one failure."""

import re
from dataclasses import dataclass
from typing import Literal

from releasd.errors import ReleasdError

# Where the words are: what an uploader says; an error of releasd's own or of git's; the output of a build, check or
# gate, and whatever error repeats it.
Scope = Literal["upload", "error", "output"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """A failure that is recognised.

    Attributes:
        name: a word of its own.
        shown: what a person sees of it, in Markdown; the document's first column.
        pattern: a regular expression that its words match, whatever their case.
        cause: what it means.
        fix: what to do, the next command where there is one.
        examples: the real words, each of which has to be recognised.
        error: what an upload that says so ends with.
    """

    name: str
    scope: Scope
    shown: str
    pattern: str
    cause: str
    fix: str
    examples: tuple[str, ...]
    error: type[ReleasdError] | None = None

    def match(self, text: str) -> re.Match[str] | None:
        """Return where the failure's words stand in `text`."""
        return re.search(self.pattern, text, re.IGNORECASE)
