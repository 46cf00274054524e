"""The one place where a project's analysis is chosen: which verdict each commit gets.

`conventional-commits` reads the specification strictly (core/rules.py); `semantic-release` decides as the npm packages
do (core/semrel/).
"""

from collections.abc import Sequence
from dataclasses import replace

from releasd.core import rules
from releasd.model import Bump, Commit, ProjectConfig, Verdict


def judge(commits: Sequence[Commit], config: ProjectConfig) -> Sequence[Verdict]:
    """Return what each of `commits`, newest first, asks for, in the same order.

    Raises `ConfigError` for options of semantic-release's that cannot be honoured.
    """
    if config.analysis == "semantic-release":
        from releasd.core.semrel import analysis  # noqa: PLC0415 - only for those who ask for it, for the speed of `plan`

        return analysis.judge(commits, config.semantic_release)
    return rules.verdicts(commits, config.release_rules)


def lost_breaking(commits: Sequence[Commit], config: ProjectConfig) -> tuple[Verdict, ...]:
    """Return the verdicts of the commits that are breaking by the specification, and less by the project's rules.

    None are lost where the range is a major release anyway. `why` says how each is lost.
    """
    if config.analysis == "semantic-release":
        from releasd.core.semrel import analysis  # noqa: PLC0415 - as above

        return analysis.lost_breaking(commits, config.semantic_release)
    if not config.release_rules:
        return ()
    verdicts = judge(commits, config)
    if any(verdict.bump is Bump.MAJOR for verdict in verdicts):
        return ()
    strict = rules.verdicts(commits, ())
    return tuple(
        replace(verdict, why=f"its breaking change is lost: {verdict.why}")
        for verdict, wanted in zip(verdicts, strict, strict=True)
        if wanted.bump is Bump.MAJOR
    )
