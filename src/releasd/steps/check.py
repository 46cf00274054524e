"""`check`: nobody sees a file before it is known to be good.

Every file is judged as its index will (core/distfiles.py, steps/audit.py), all problems together; every wheel is tried
as its users will (steps/trial.py); where the operator asks for it, every build is done again and compared
(steps/reproduce.py).
"""

from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

from releasd.core import room
from releasd.core.distfiles import problems, too_many_sdists
from releasd.core.judging.crates import missing
from releasd.core.judging.sdists import tracked_digests
from releasd.core.judging.verdict import Expected, Problem
from releasd.errors import CheckFailed, Transient
from releasd.model import Artifact, Evidence, IndexRules
from releasd.ports import Listing
from releasd.steps import attest, audit, reproduce, trial, version
from releasd.steps.context import Context

AT_ONCE = 4  # the audit and trials; each is a process or two, most of them on the daemon's own machine
NOWHERE = IndexRules(max_file_size=1 << 40, pypi_rules=False)  # what a release without an index is held to


def observe(ctx: Context) -> Evidence | None:
    """Return None: checking changes nothing, so it is done in each attempt."""


def apply(ctx: Context) -> Evidence:
    """Judge every file, all problems together, and try every wheel; then build again where that is wanted."""
    artifacts = ctx.journal.artifacts()
    tried = _judge_and_try(ctx, artifacts)
    again = reproduce.run(ctx, artifacts)
    made = {"reproduced": again} if again else {}
    return {"files": [a.filename for a in artifacts], "installed": tried, **made, **attest.seal(ctx)}


def _judge_and_try(ctx: Context, artifacts: Sequence[Artifact]) -> Mapping[str, str]:
    """Have all wheels audited while each is tried; what was judged wrong is told before the rest.

    Only a file that can be read safely is given to other programs, and nothing is tried where one cannot.
    """
    expected = _expected(ctx, artifacts)
    found = {each: _problems(ctx, each, replace(expected, rules=_rules(ctx, each))) for each in artifacts}
    wheels = [artifact for artifact in artifacts if artifact.filename.endswith(".whl")]
    sound = [wheel for wheel in wheels if all(problem.is_note for problem in found[wheel])]
    with ThreadPoolExecutor(max_workers=AT_ONCE, thread_name_prefix="check") as pool:
        trials = {} if len(sound) < len(wheels) else {w.filename: pool.submit(trial.run, ctx, w) for w in wheels}
        audited = pool.submit(audit.problems, ctx, sound)
    problems = [problem for a in artifacts for problem in (*found[a], *audited.result().get(a, ()))]
    names = [artifact.filename for artifact in artifacts]
    _raise_if_wrong(ctx, [*problems, *too_many_sdists(names), *missing(names, expected), *_room(ctx, artifacts)])
    return {name: future.result() for name, future in trials.items()}


def _room(ctx: Context, artifacts: Sequence[Artifact]) -> Iterator[Problem]:
    """Yield where the project would grow beyond what an index gives it. One that cannot be asked now says it later."""
    for index in (ctx.indexes[name] for name in ctx.plan.indexes):
        limit = index.rules.max_project_size
        if limit is None or not isinstance(index, Listing):
            continue
        wanted = [each for each in artifacts if index.takes(each.filename)]
        try:
            yield from room.judge(index.name, index.all_files(ctx.plan.distribution) if wanted else (), wanted, limit)
        except Transient as error:
            ctx.say("judge", f"how much {index.name} has of this project was not asked: {error.message}")


def _raise_if_wrong(ctx: Context, found: Sequence[Problem]) -> None:
    for note in found:
        if note.is_note and not ctx.plan.package:  # a package leaves out what the others hold
            ctx.say("judge", str(note))
    wrong = [f"  {problem}" for problem in found if not problem.is_note]
    if wrong:
        raise CheckFailed("\n".join(("the built files are not what was planned:", *wrong)))


def _expected(ctx: Context, artifacts: Sequence[Artifact]) -> Expected:
    return Expected(
        distribution=ctx.plan.distribution,
        version=ctx.plan.pep440,
        tracked=_tracked(ctx, artifacts),
        generated=ctx.plan.sdist_generated,
        semver=ctx.plan.version,
        crates=ctx.plan.crates,
    )


def _problems(ctx: Context, artifact: Artifact, expected: Expected) -> tuple[Problem, ...]:
    with ctx.artifacts.open(artifact) as file:
        return problems(artifact.filename, file, expected)


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
