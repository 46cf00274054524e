"""The one place where a project's analysis is chosen: which verdict each commit gets.

`conventional-commits` reads the specification strictly (core/rules.py); `semantic-release` decides as the npm packages
do (core/semrel/).
"""

from collections.abc import Sequence

from releasd.core import rules
from releasd.model import Commit, ProjectConfig, Verdict


def judge(commits: Sequence[Commit], config: ProjectConfig) -> tuple[Verdict, ...]:
    """Return what each of `commits`, newest first, asks for, in the same order.

    Raises `ConfigError` for options of semantic-release's that cannot be honoured.
    """
    if config.analysis == "semantic-release":
        from releasd.core.semrel import analysis  # noqa: PLC0415 - only for those who ask for it, for the speed of `plan`

        return analysis.judge(commits, config.semantic_release)
    return tuple(verdict for _, _, verdict in rules.judge(commits, config.release_rules))
