"""Reads semantic-release's configuration without running anything of it (docs/project.md, "A project that uses …").

`read` finds it among a commit's files and returns what it says, with a warning for each option that cannot be honoured;
it is `documents.find` and `understand` in one.
"""

from releasd.core.semrelconfig.documents import Document, find
from releasd.core.semrelconfig.documents import read as read_document
from releasd.core.semrelconfig.reading import read, understand
from releasd.core.semrelconfig.values import Forge, Hook, Npm, Policy, SemRelConfig

__all__ = [
    "Document",
    "Forge",
    "Hook",
    "Npm",
    "Policy",
    "SemRelConfig",
    "find",
    "read",
    "read_document",
    "understand",
]
