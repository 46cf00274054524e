"""What was promised of a built file, and what is wrong with one."""

from collections.abc import Mapping
from dataclasses import dataclass

from releasd.model import IndexRules

PUBLIC = IndexRules()


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that is wrong with a file: the cause, and the edit or command that mends it.

    A note is no reason to stop; it is for the log.
    """

    what: str
    fix: str
    is_note: bool = False

    def __str__(self) -> str:
        return f"{self.what} ({self.fix})"


@dataclass(frozen=True, slots=True, kw_only=True)
class Expected:
    """What the plan promised, and what the files are held to.

    Attributes:
        distribution: the distribution's name, in any spelling.
        version: in PEP 440's spelling.
        rules: of the strictest index that the files go to.
        tracked: the files of the release commit, path to sha256; None: an sdist is not compared.
        generated: globs of what else may be in an sdist or a crate, because the build makes it.
        semver: the version as Cargo spells it.
        crates: the crates of the release.
    """

    distribution: str
    version: str
    rules: IndexRules = PUBLIC
    tracked: Mapping[str, str] | None = None
    generated: tuple[str, ...] = ()
    semver: str = ""
    crates: tuple[str, ...] = ()
