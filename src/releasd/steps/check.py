"""`check`: nobody sees a file before it is known to be good.

Every file is judged as its index will (core/distfiles.py, steps/audit.py), all problems together; every wheel is tried
as its users will (steps/trial.py); where the operator asks for it, every build is done again and compared
(steps/reproduce.py).
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace

from releasd.core.distfiles import problems, too_many_sdists
from releasd.core.judging.crates import missing
from releasd.core.judging.sdists import tracked_digests
from releasd.core.judging.verdict import Expected, Problem
from releasd.errors import CheckFailed
from releasd.model import Artifact, Evidence, IndexRules
from releasd.steps import attest, audit, reproduce, trial, version
from releasd.steps.context import Context

NOWHERE = IndexRules(max_file_size=1 << 40, pypi_rules=False)  # what a release without an index is held to


def observe(ctx: Context) -> Evidence | None:
    """Return None: checking changes nothing, so it is done in each attempt."""


def apply(ctx: Context) -> Evidence:
    """Judge every file, all problems together, then try every wheel, then build again where that is wanted."""
    artifacts = ctx.journal.artifacts()
    _judge(ctx, artifacts)
    tried = {a.filename: trial.run(ctx, a) for a in artifacts if a.filename.endswith(".whl")}
    again = reproduce.run(ctx, artifacts)
    made = {"reproduced": again} if again else {}
    return {"files": [a.filename for a in artifacts], "installed": tried, **made, **attest.seal(ctx)}


def _judge(ctx: Context, artifacts: Sequence[Artifact]) -> None:
    expected = Expected(
        distribution=ctx.plan.distribution,
        version=ctx.plan.pep440,
        tracked=_tracked(ctx, artifacts),
        generated=ctx.plan.sdist_generated,
        semver=ctx.plan.version,
        crates=ctx.plan.crates,
    )
    held = ((artifact, replace(expected, rules=_rules(ctx, artifact))) for artifact in artifacts)
    found = [problem for artifact, promised in held for problem in _problems(ctx, artifact, promised)]
    names = [artifact.filename for artifact in artifacts]
    found += (*too_many_sdists(names), *missing(names, expected))
    for note in found:
        if note.is_note and not ctx.plan.package:  # a package leaves out what the others hold
            ctx.say("judge", str(note))
    wrong = [f"  {problem}" for problem in found if not problem.is_note]
    if wrong:
        raise CheckFailed("\n".join(("the built files are not what was planned:", *wrong)))


def _problems(ctx: Context, artifact: Artifact, expected: Expected) -> tuple[Problem, ...]:
    """Judge one file; only one that can be read safely is given to other programs."""
    with ctx.artifacts.open(artifact) as file:
        found = problems(artifact.filename, file, expected)
    if artifact.filename.endswith(".whl") and all(problem.is_note for problem in found):
        found += audit.problems(ctx, artifact)
    return found


def _tracked(ctx: Context, artifacts: Sequence[Artifact]) -> Mapping[str, str] | None:
    """Return the digests of the release commit's files, where there is an sdist to compare with them."""
    if all(artifact.filename.endswith(".whl") for artifact in artifacts):
        return None
    version.ensure(ctx)
    archive = ctx.scratch / "tracked.tar"
    ctx.git.archive(ctx.release_commit, archive)
    with archive.open("rb") as file:
        return tracked_digests(file)


def _rules(ctx: Context, artifact: Artifact) -> IndexRules:
    indexes = (ctx.indexes[name] for name in ctx.plan.indexes)
    return _strictest([index.rules for index in indexes if index.takes(artifact.filename)])


def _strictest(rules: Sequence[IndexRules]) -> IndexRules:
    """Return what a file that goes to all of these indexes is held to."""
    if not rules:
        return NOWHERE
    return IndexRules(
        max_file_size=min(rule.max_file_size for rule in rules), pypi_rules=any(rule.pypi_rules for rule in rules)
    )
