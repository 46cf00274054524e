"""The one place where a project's analysis is chosen: which verdict each commit gets.

`conventional-commits` reads the specification strictly (core/rules.py); `semantic-release` decides as the npm packages
do (core/semrel/).
"""

from collections.abc import Sequence

from releasd.core import rules
from releasd.errors import ConfigError
from releasd.model import Commit, ProjectConfig, Verdict

ANALYSES = ("conventional-commits", "semantic-release")


def judge(commits: Sequence[Commit], config: ProjectConfig) -> tuple[Verdict, ...]:
    """Return what each of `commits`, newest first, asks for, in the same order. Raises `ConfigError`."""
    if config.analysis not in ANALYSES:
        raise ConfigError(
            f"there is no analysis called {config.analysis}", advice=f"use one of {', '.join(ANALYSES)}"
        )
    return tuple(verdict for _, _, verdict in rules.judge(commits, config.release_rules))
