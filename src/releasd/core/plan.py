"""The plan of a release: a pure function from git facts and policy (DESIGN.md §2, sentence 1).

The repository says what to build, in its `ProjectConfig`; the operator says where it may go, in the `Policy`.
"""

import datetime as dt
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import Any

from releasd.core import crates
from releasd.core import files as version_files
from releasd.core.analysis import lost_breaking
from releasd.core.containers import ImagePolicy, check_images, in_container
from releasd.core.packages import build_in
from releasd.core.recipes import default_builds
from releasd.core.releasenotes import changelog_form, render
from releasd.core.targets import Labels
from releasd.core.version import decide, one_line
from releasd.core.walks import Walk, beyond, kept_of
from releasd.errors import ConfigError, ReleasdError
from releasd.model import (
    BuildSpec,
    Bump,
    Commit,
    ContainerSpec,
    Decision,
    Facts,
    FileEdit,
    Gate,
    NoRelease,
    Part,
    Plan,
    ProjectConfig,
    Verdict,
)

STORED = 1_000  # verdicts in a plan, the newest; its reason counts them all, and `plan --json` lists them
SCHEMA = 1  # of `plan --json`; a key's meaning never changes within a number (DESIGN.md §5.2)


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """What the operator says about a project.

    Attributes:
        builds: used instead of the repository's; empty: the repository's, or the recipe of its build backend.
        gates: used instead of the repository's; empty: the repository's.
        lost_breaking: what becomes of a breaking change that the project's rules would lose: "hold" (a person approves
            or says how far to bump), "major" or "ignore".
        forced_bump: an operator's wish for this one release; None: the commits decide.
        smoke: used instead of the repository's.
        hosts: the labels of each host that may build for the project.
        allow_repository_builds: whether scripts from the repository may run; if not, those here are all there is.
        container: used instead of the repository's for the builds of a recipe.
        images: what containers may be made of.
    """

    project: str
    indexes: tuple[str, ...] = ()
    webhooks: tuple[str, ...] = ()
    builds: tuple[BuildSpec, ...] = ()
    gates: tuple[Gate, ...] = ()
    forced_bump: Bump | None = None
    allow_repository_builds: bool = True
    lost_breaking: str = "hold"
    smoke: str | None = None
    hosts: tuple[Labels, ...] = ()
    container: ContainerSpec | None = None
    images: ImagePolicy = field(default_factory=ImagePolicy)


def plan(facts: Facts, config: ProjectConfig, policy: Policy, planned_at: dt.datetime) -> Plan | NoRelease:
    """Decide everything about the release of `facts.ref`, or why there is none.

    `planned_at` is aware UTC; its day dates the notes. Raises `ConfigError` for malformed files, an unusable
    configuration, or a project that nothing says how to build.
    """
    if facts.line.refused and config.package:
        return NoRelease(reason=f"no release: {facts.line.refused}", last=facts.last)
    if facts.line.refused:
        raise ConfigError(facts.line.refused, advice="register the release branch, or name this one in its branches")
    decision, hold = _decided(facts, config, policy)
    if decision.version is None or decision.pep440 is None or decision.tag is None:
        reason = "; ".join((decision.reason, *_concerns((), facts, decision)))
        return NoRelease(reason=reason, verdicts=tuple(decision.verdicts[:STORED]), last=facts.last, hold=hold)
    published = _crates(facts.files, config)
    edits = _changes(facts, config, decision).edits
    if (backwards := _backwards(edits, facts, config, decision)) is not None:
        raise backwards
    return Plan(
        project=policy.project,
        distribution=_required(
            config.name or _lead(published), "the distribution has no name", "add name to [project] in pyproject.toml"
        ),
        commit=facts.ref,
        branch=_required(facts.branch, "no branch is checked out or named", "name the branch to release from"),
        last=facts.last,
        bump=decision.bump,
        version=decision.version,
        pep440=decision.pep440,
        tag=decision.tag,
        reason="; ".join((decision.reason, *_concerns(edits, facts, decision))),
        notes=_notes(facts, config, decision, planned_at.astimezone(dt.UTC).date()),
        changelog=config.changelog,
        edits=edits,
        builds=_builds(facts, config, policy),
        gates=policy.gates or (config.gates if policy.allow_repository_builds else ()),
        indexes=policy.indexes,
        webhooks=policy.webhooks,
        planned_at=planned_at,
        verdicts=tuple(decision.verdicts[:STORED]),
        commit_message=config.commit_message,
        changelog_form=changelog_form(config, remote_url=facts.remote_url, tag=decision.tag),
        hold=hold,
        smoke=policy.smoke or (config.smoke if policy.allow_repository_builds else None),
        sdist_generated=config.sdist_generated,
        channel=facts.line.channel,
        package=config.package.name if config.package else "",
        crates=published,
    )


def _crates(files: Mapping[str, str], config: ProjectConfig) -> tuple[str, ...]:
    return tuple(crate.name for crate in crates.chosen(inside(files, config), config.crates)) if config.crates else ()


def _lead(published: Sequence[str]) -> str | None:
    """Return the crate that a release without Python is named for: the one that needs the others."""
    return published[-1] if published else None


def _decided(facts: Facts, config: ProjectConfig, policy: Policy) -> tuple[Decision, str]:
    """Return the decision, and why it has to wait for an approval. An operator's own word is approval enough."""
    lost = lost_breaking(_own(facts), config) if policy.forced_bump is None else ()
    if not lost or policy.lost_breaking == "ignore":
        return decide(facts, config, policy.forced_bump), ""
    if policy.lost_breaking == "hold":
        return decide(facts, config, None), lost_message(lost)
    return replace(decide(facts, config, Bump.MAJOR), reason=f"major: {lost_message(lost)}"), ""


def lost_message(lost: Sequence[Verdict]) -> str:
    """Say which breaking changes the project's rules would lose, in one line."""
    return f"the project's rules would lose a breaking change: {_first(lost)}"


def _first(verdicts: Sequence[Verdict]) -> str:
    more = f" and {len(verdicts) - 1} more" if len(verdicts) > 1 else ""
    return f"{one_line(verdicts[0].subject, 60)} ({verdicts[0].commit[:7]}){more}"


def to_json(facts: Facts, config: ProjectConfig, decision: Decision, *, date: dt.date) -> dict[str, Any]:
    """Return what `plan --json` prints (DESIGN.md §5.2, schema 1); `date` is the day in the notes, in UTC.

    What the daemon would refuse has no `next`, and where a person has to cure it first, an `error` as well.
    """
    changes = _changes(facts, config, decision)
    refused = None if facts.line.refused else _backwards(changes.edits, facts, config, decision)
    if facts.line.refused or refused:
        reason = refused.message if refused else f"no release: {facts.line.refused}"
        decision = replace(decision, bump=Bump.NONE, version=None, pep440=None, tag=None, reason=reason)
        changes = _changes(facts, config, decision)
    document = _as_json(facts, config, decision, changes, date=date)
    return document | {"error": error_as_json(refused)} if refused else document


def error_as_json(error: ReleasdError) -> dict[str, Any]:
    """Return an error as a document holds it."""
    return {"message": error.message, "advice": error.advice, "exit_code": error.exit_code}


def _as_json(
    facts: Facts, config: ProjectConfig, decision: Decision, changes: version_files.Changes, *, date: dt.date
) -> dict[str, Any]:
    released = decision.version is not None
    return {
        "schema": SCHEMA,
        "repo": facts.repository,
        "ref": facts.ref,
        "branch": facts.branch,
        "channel": facts.line.channel,
        "package": config.package.name if config.package else None,
        "last": asdict(facts.last) if facts.last else None,
        "bump": str(decision.bump),
        "next": {"version": decision.version, "pep440": decision.pep440, "tag": decision.tag} if released else None,
        "reason": decision.reason,
        "commits": Walk((), lambda: map(_commit, decision.verdicts), length=len(decision.verdicts)),
        "files": [{"path": edit.path, "old": edit.old, "new": edit.new} for edit in changes.edits],
        "notes": _notes(facts, config, decision, date),
        "warnings": [*config.warnings, *changes.warnings, *_more_warnings(changes.edits, facts, config, decision)],
    }


def _own(facts: Facts) -> Sequence[Commit]:
    """Return the commits that concern a package itself, not only what it depends on."""
    if not facts.indirect:
        return facts.commits

    def own(commits: Iterable[Commit]) -> Iterator[Commit]:
        return (commit for commit in commits if commit.id not in facts.indirect)

    return Walk(tuple(own(kept_of(facts.commits))), lambda: own(beyond(facts.commits)))


def _backwards(
    edits: Sequence[FileEdit], facts: Facts, config: ProjectConfig, decision: Decision
) -> ConfigError | None:
    """Return why a first release is refused that would take back what the files declare, None where it does not.

    It is what a tag format that does not fit the repository's tags looks like, and a clone that has no tags.
    """
    edit = _written_over(edits, facts, decision) if facts.last is None else None
    if edit is None:
        return None
    return ConfigError(
        f"{edit.path} says {edit.old}, but no release tag of the form {config.tag_format} was found, "
        f"and the first version would be {decision.version}",
        advice="git fetch --tags; or set tag_format to your tags' form, or initial_version, or tag what is out",
    )


def _written_over(edits: Sequence[FileEdit], facts: Facts, decision: Decision) -> FileEdit | None:
    """Return the first edit that writes the new version over a higher one, None where there is none."""
    usual = facts.last.version if facts.last else None  # comparing costs an import
    unusual = (edit for edit in edits if edit.old != usual)
    return next((edit for edit in unusual if decision.pep440 and _is_above(edit.old, decision.pep440)), None)


def _is_above(declared: str, version: str) -> bool:
    from packaging.version import InvalidVersion, Version  # noqa: PLC0415 - only where files are not at the last release

    try:
        return Version(declared) > Version(version)
    except InvalidVersion:
        return False


def _more_warnings(edits: Sequence[FileEdit], facts: Facts, config: ProjectConfig, decision: Decision) -> list[str]:
    lost = lost_breaking(_own(facts), config)
    told = [f"{lost_message(lost)}; policy.lost_breaking decides what the daemon does"] if lost else []
    return [*told, *_concerns(edits, facts, decision)]


def _concerns(edits: Sequence[FileEdit], facts: Facts, decision: Decision) -> Iterator[str]:
    """Yield what the pusher has to be told, and what changes nothing."""
    skipped = [verdict for verdict in kept_of(decision.verdicts) if verdict.skips_breaking]
    if skipped and decision.bump is not Bump.MAJOR:
        yield f"[skip release] hides a breaking change: {_first(skipped)}"
    edit = _written_over(edits, facts, decision)
    if edit is not None:
        yield f"{edit.path} says {edit.old}, which is above {decision.version} and is written over"


def _commit(verdict: Verdict) -> dict[str, Any]:
    """Return a verdict as JSON values; `asdict` copies every one deeply, which a whole history feels."""
    return {
        "commit": verdict.commit,
        "type": verdict.type,
        "scope": verdict.scope,
        "subject": verdict.subject,
        "breaking": verdict.breaking,
        "bump": str(verdict.bump),
        "why": verdict.why,
        "release_as": verdict.release_as,
        "parts": [_part(part) for part in verdict.parts],
    }


def _part(part: Part) -> dict[str, Any]:
    return {
        "type": part.type,
        "scope": part.scope,
        "subject": part.subject,
        "breaking": bool(part.breaking_notes),
        "bump": str(part.bump),
    }


def _builds(facts: Facts, config: ProjectConfig, policy: Policy) -> tuple[BuildSpec, ...]:
    builds = _wanted_builds(facts, config, policy)
    check_images(builds, policy.images)
    return builds


def _wanted_builds(facts: Facts, config: ProjectConfig, policy: Policy) -> tuple[BuildSpec, ...]:
    if policy.builds:
        return policy.builds
    if not policy.allow_repository_builds:
        raise ConfigError(
            f"nothing says how to build {policy.project}: scripts of the repository may not run",
            advice=f"add [[projects.{policy.project}.builds]] to the operator's configuration",
        )
    if not config.builds:
        return recipe(facts.files, config, policy.hosts, policy.container)
    is_made = any(crates.ENDING in pattern for build in config.builds for pattern in build.artifacts)
    if is_made or not config.crates:
        return config.builds
    return (*config.builds, _crates_build(facts.files, config, policy.container))


def recipe(
    files: Mapping[str, str],
    config: ProjectConfig,
    hosts: Sequence[Labels],
    container: ContainerSpec | None = None,
) -> tuple[BuildSpec, ...]:
    """Return the builds of a repository, or of one of its packages, that does not say how it is built.

    `hosts` are the labels of each host that may build. They run in `container`, the operator's, or in the repository's
    own. Raises `ConfigError` as `default_builds` does.
    """
    own = inside(files, config)
    made = (_crates_build(files, config, container),) if config.crates else ()
    if made and "pyproject.toml" not in own:
        return made
    root = config.package.root if config.package else ""
    builds = default_builds(own, wanted=config.targets, hosts=hosts)
    return (*in_container(tuple(build_in(build, root) for build in builds), container or config.container), *made)


def _crates_build(files: Mapping[str, str], config: ProjectConfig, container: ContainerSpec | None) -> BuildSpec:
    build = crates.build(inside(files, config), config.crates)
    placed = build_in(build, config.package.root if config.package else "")
    return in_container((placed,), container or config.container)[0]


def inside(files: Mapping[str, str], config: ProjectConfig) -> dict[str, str]:
    """Return the files that belong to the package which `config` is for, by their paths in its folder."""
    root = f"{config.package.root}/" if config.package and config.package.root else ""
    return {path.removeprefix(root): text for path, text in files.items() if path.startswith(root)}


def _notes(facts: Facts, config: ProjectConfig, decision: Decision, date: dt.date) -> str:
    return render(
        decision,
        config,
        last=facts.last,
        remote_url=facts.remote_url,
        date=date,
        commits=facts.commits,
        files=facts.files,
    )


def _changes(facts: Facts, config: ProjectConfig, decision: Decision) -> version_files.Changes:
    if decision.version is None or decision.pep440 is None:
        return version_files.Changes(edits=())
    changes = version_files.detect(facts.files, config, version=decision.version, pep440=decision.pep440)
    paths = dict.fromkeys((*(edit.path for edit in changes.edits), config.changelog))
    wrong = tuple(f"{path}: {facts.unwritable[path]}" for path in paths if path in facts.unwritable)
    if wrong:
        raise ConfigError(
            "a release could not be written",
            problems=wrong,
            advice="make it a regular file in UTF-8, or set version_files and changelog to others",
        )
    return changes


def _required(value: str | None, missing: str, advice: str) -> str:
    if value is None:
        raise ConfigError(missing, advice=advice)
    return value
