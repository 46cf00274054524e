"""A repository of several packages: one push becomes a job for each that it touches."""

import pytest

from releasd.core.version import to_pep440
from releasd.engine.executor import execute
from releasd.engine.reconcile import look_at, preview, take_push
from releasd.errors import Transient
from releasd.model import Bump, Job, JobState
from releasd.ports import Task
from support.fakehost import Scripted
from support.gitrepo import git
from support.lab import Killed, Lab, at
from support.wheels import make_sdist, make_wheel

CONFIG = """
shared = ["common/**"]
[packages.core]
path = "core"
[packages.cli]
path = "cli"
depends = ["core"]
[packages.docs]
path = "docs"
"""
NAMES = ("core", "cli", "docs")


def manifest(name: str, version: str = "1.0.0") -> str:
    return (
        f'[project]\nname = "acme-{name}"\nversion = "{version}"\n[build-system]\nbuild-backend = "hatchling.build"\n'
    )


@pytest.fixture
def mono(lab: Lab) -> Lab:
    """Return a lab whose repository has three packages, each released once."""
    lab.configure(builds=())
    lab.plays = lambda task: played(lab, task)
    lab.push("chore: packages", {".releasd.toml": CONFIG} | {f"{n}/pyproject.toml": manifest(n) for n in NAMES})
    for name in NAMES:
        lab.work.tag(f"{name}-v1.0.0", message="first")
    lab.work.push()
    return lab


def played(lab: Lab, task: Task) -> Scripted | None:
    """Build what the script's folder says."""
    version = task.env.get("RELEASD_VERSION")
    if version is None:
        return None
    name = f"acme_{task.script.split()[1]}"
    folder = lab.folder / "made"
    folder.mkdir(exist_ok=True)
    python = to_pep440(version)
    made = (make_wheel(folder, name, python), make_sdist(folder, name, python))
    return Scripted(output=b"building\n", files={path.name: path.read_bytes() for path in made})


def finish(lab: Lab) -> tuple[Job, ...]:
    """Run all that is due; return every job, oldest first."""
    while any(job.not_before is None for job in lab.store.queue()):
        lab.run()
    return lab.store.jobs("demo")[::-1]


def released(jobs: tuple[Job, ...]) -> list[tuple[str, str | None]]:
    return [(job.package, job.tag) for job in jobs if job.state is JobState.SUCCEEDED and job.version]


def test_a_push_releases_what_it_touched_and_what_depends_on_it(mono: Lab) -> None:
    """The dependency comes first, in a full bump; the dependant follows as a patch; the third package does not move."""
    mono.push("feat: more core", {"core/more.txt": "x"})
    mono.enqueue()
    jobs = finish(mono)
    assert released(jobs) == [("core", "core-v1.1.0"), ("cli", "cli-v1.0.1")]
    assert (jobs[0].state, jobs[0].reason) == ("succeeded", "2 of 3 packages: core (job 2), cli (job 3)")
    assert mono.tags() >= {"core-v1.1.0", "cli-v1.0.1"}
    assert not any(tag.startswith("docs-v1.0.1") for tag in mono.tags())
    assert {name.split("-")[0] for name in mono.index.stored} == {"acme_core", "acme_cli"}


def test_each_package_has_its_own_files_and_changelog(mono: Lab) -> None:
    """The release commit of one package touches that package alone."""
    mono.push("fix: the docs", {"docs/more.txt": "x"})
    mono.enqueue()
    assert released(finish(mono)) == [("docs", "docs-v1.0.1")]
    mono.work.sync()
    assert 'version = "1.0.1"' in (mono.work.path / "docs/pyproject.toml").read_text()
    assert 'version = "1.0.0"' in (mono.work.path / "core/pyproject.toml").read_text()
    assert "the docs" in (mono.work.path / "docs/CHANGELOG.md").read_text()
    assert not (mono.work.path / "CHANGELOG.md").exists()


def test_a_shared_path_concerns_every_package(mono: Lab) -> None:
    """What is shared counts in full for each."""
    mono.push("feat: shared", {"common/x": "x"})
    mono.enqueue()
    tags = {tag for _, tag in released(finish(mono))}
    assert tags == {"core-v1.1.0", "cli-v1.1.0", "docs-v1.1.0"}


def test_nothing_that_a_package_wants_is_one_job(mono: Lab) -> None:
    """A commit outside of all packages, or one that asks for nothing, releases nothing and says so."""
    mono.push("feat: elsewhere", {"elsewhere": "x"})
    mono.enqueue()
    (job,) = finish(mono)
    assert (job.state, job.reason) == ("succeeded", "no release: none of the 3 packages asks for one")


def test_release_commits_release_nothing(mono: Lab) -> None:
    """After a release another look at the branch finds nothing to do."""
    mono.push("feat: more", {"core/more.txt": "x"})
    mono.enqueue()
    finish(mono)
    assert mono.store.head_of("demo", "main") == mono.main()
    mono.enqueue(force=True)
    assert finish(mono)[-1].reason == "no release: none of the 3 packages asks for one"


def test_the_packages_of_a_group_share_one_version(mono: Lab) -> None:
    """A change in either releases both, at the same version, also where they began apart."""
    grouped = CONFIG.replace('path = "core"', 'path = "core"\ngroup = "g"').replace(
        'path = "docs"', 'path = "docs"\ngroup = "g"'
    )
    mono.push("fix: one", {"core/a": "1"})
    mono.enqueue()
    finish(mono)
    mono.push("feat: two", {"docs/b": "2", ".releasd.toml": grouped})
    mono.enqueue()
    finish(mono)
    assert {"core-v1.1.0", "docs-v1.1.0"} <= mono.tags()


def test_a_package_that_lags_behind_its_group_catches_up(mono: Lab) -> None:
    """A member whose own commits ask for nothing takes the version that the others have."""
    grouped = CONFIG.replace('path = "core"', 'path = "core"\ngroup = "g"').replace(
        'path = "docs"', 'path = "docs"\ngroup = "g"'
    )
    mono.push("fix: one", {"core/a": "1"})
    mono.enqueue()
    finish(mono)
    mono.push("chore: group them", {".releasd.toml": grouped})
    mono.enqueue()
    assert ("docs", "docs-v1.0.1") in released(finish(mono))


def test_killed_after_the_jobs_were_queued(mono: Lab) -> None:
    """Doing it again queues nothing twice, and everything is released once."""
    mono.push("feat: more core", {"core/more.txt": "x"})
    mono.enqueue()
    at(mono, "job.split", Killed)
    with pytest.raises(Killed):
        mono.run()
    mono.store.reclaim(mono.clock.now(), all_others=True)
    jobs = finish(mono)
    assert released(jobs) == [("core", "core-v1.1.0"), ("cli", "cli-v1.0.1")]
    assert len({job.package for job in jobs}) == 3
    assert len(mono.index.uploads) == 2


def test_a_bump_has_to_say_of_which_package(mono: Lab) -> None:
    """An operator's bump for the whole repository would move packages that nobody touched."""
    mono.enqueue(bump=Bump.MAJOR)
    job = mono.run()
    assert job.state is JobState.FAILED
    assert "--package core --bump major" in job.reason


def test_a_bump_of_one_package(mono: Lab) -> None:
    """The operator's word counts for that package alone."""
    mono.enqueue(package="docs", bump=Bump.MAJOR)
    assert released(finish(mono)) == [("docs", "docs-v2.0.0")]


def test_a_package_that_is_gone_releases_nothing(mono: Lab) -> None:
    """A job for a package that the newest commit does not have ends well, and says why."""
    mono.enqueue(package="old")
    assert mono.run().reason == "no release: there is no package old any more"


def test_a_package_that_cannot_be_decided_about_fails_alone(mono: Lab) -> None:
    """Its own job says what is wrong; the others are released."""
    broken = 'version_files = ["missing.py"]\n'
    mono.push(
        "feat: all", {"common/x": "x", ".releasd.toml": CONFIG.replace('path = "docs"', f'path = "docs"\n{broken}')}
    )
    mono.enqueue()
    jobs = finish(mono)
    assert {tag for _, tag in released(jobs)} == {"core-v1.1.0", "cli-v1.1.0"}
    (failed,) = (job for job in jobs if job.state is JobState.FAILED)
    assert failed.package == "docs"
    assert "docs/missing.py" in failed.reason


def test_the_pusher_is_told_of_every_package(mono: Lab) -> None:
    """One line names each package and its version."""
    commit = mono.push("feat: more core", {"core/more.txt": "x"})
    mono.clone.fetch("main")
    line = preview(mono.world, mono.project, mono.clone, commit)
    assert "demo/core 1.1.0 will be released to pypi" in line
    assert "demo/cli 1.0.1 will be released to pypi" in line
    assert "docs" not in line


def test_a_newer_push_supersedes_each_package_by_itself(mono: Lab) -> None:
    """What waits for an older commit gives way; nothing that it would have released is lost."""
    mono.push("feat: more core", {"core/more.txt": "x"})
    mono.enqueue()
    execute(mono.world, mono.claim())
    mono.push("fix: docs", {"docs/more.txt": "x"})
    mono.enqueue()
    tags = {tag for _, tag in released(finish(mono))}
    assert tags == {"core-v1.1.0", "cli-v1.0.1", "docs-v1.0.1"}


def test_a_push_that_nobody_told_of_is_found_after_a_packages_job(mono: Lab) -> None:
    """A package's job plans at the newest tip; what else came with it is not taken for handled."""
    mono.push("feat: more core", {"core/more.txt": "x"})
    mono.enqueue()
    mono.run()
    mono.push("fix: docs", {"docs/more.txt": "x"})
    finish(mono)
    for hint in look_at(mono.world, mono.project, mono.clone, "reconcile"):
        take_push(mono.world, mono.project, hint, hint.new)
    assert ("docs", "docs-v1.0.1") in released(finish(mono))


def test_many_packages_are_as_many_jobs(mono: Lab) -> None:
    """The release commits of the others do not make a package's job a new one."""
    mono.push("feat: shared", {"common/x": "x"})
    mono.enqueue()
    assert len(finish(mono)) == 4


def test_a_dependant_waits_for_its_dependency(mono: Lab) -> None:
    """While that is put off the dependant is, too, and says for which job; it is released after it."""
    mono.index.files_error = Transient("503")
    mono.push("feat: more core", {"core/more.txt": "x"})
    mono.enqueue()
    mono.run()
    core = mono.run()
    cli = mono.run()
    assert (core.package, core.state, cli.package, cli.state) == ("core", "queued", "cli", "queued")
    assert cli.reason == f"waits for core (job {core.id})"
    mono.index.files_error = None
    mono.wait(core)
    assert mono.run().tag == "core-v1.1.0"
    mono.wait(mono.store.job(cli.id))
    assert mono.run().tag == "cli-v1.0.1"


def test_a_dependant_of_what_failed_fails(mono: Lab) -> None:
    """It would ask for a release that is not there; the advice retries both in order."""
    mono.plays = lambda task: Scripted(exit_status=1) if "RELEASD_VERSION" in task.env else None
    mono.push("feat: more core", {"core/more.txt": "x"})
    mono.enqueue()
    jobs = finish(mono)
    assert [(job.package, job.state) for job in jobs[1:]] == [("core", "failed"), ("cli", "failed")]
    assert "releasd retry 2, then releasd retry 3" in jobs[2].reason


def test_what_a_newer_push_takes_back_is_not_released(mono: Lab) -> None:
    """A package's job that waits for an older commit goes when the newer one asks for nothing."""
    mono.index.files_error = Transient("503")
    mono.push("feat: more core", {"core/more.txt": "x"})
    mono.enqueue()
    mono.run()
    core = mono.run()
    revert = f'Revert "feat: more core"\n\nThis reverts commit {core.commit}.'
    mono.push(revert, {"core/more.txt": "y"})
    mono.index.files_error = None
    mono.enqueue()
    while any(job.package == "" for job in mono.store.queue()):
        mono.run()
    assert mono.store.job(core.id).state is JobState.SUPERSEDED


@pytest.mark.parametrize(("branch", "tag"), [("main", "v2.0.1"), ("beta", "v2.0.1-beta.1")])
def test_a_group_goes_on_from_its_highest_version(mono: Lab, branch: str, tag: str) -> None:
    """The one that is first by name lags behind, and a third was never released; on a channel all stay on it."""
    mono.configure(branches=("beta",))
    config = """
[packages.aux]
path = "aux"
group = "g"
[packages.core]
path = "core"
group = "g"
[packages.docs]
path = "docs"
group = "g"
"""
    mono.push("chore: group", {".releasd.toml": config, "aux/pyproject.toml": manifest("aux")})
    mono.work.tag("docs-v2.0.0", message="far ahead")
    mono.work.push()
    commit = mono.push("fix: docs", {"docs/x": "x"})
    git(mono.remote, "update-ref", f"refs/heads/{branch}", commit)
    mono.store.enqueue("demo", commit, branch, source="hook", now=mono.clock.now())
    jobs = finish(mono)
    tags = {job_tag for _, job_tag in released(jobs)}
    assert tags == {f"{name}-{tag}" for name in ("aux", "core", "docs")}, [job.reason for job in jobs]


def test_a_held_job_takes_the_bump_that_its_advice_names(lab: Lab) -> None:
    """`release --bump major` decides about a breaking change that the rules would lose."""
    rules = '[[release_rules]]\nbreaking = true\nrelease = "patch"\n'
    lab.push("feat!: all new", {".releasd.toml": rules})
    lab.enqueue()
    held = lab.run()
    assert "--bump major" in held.reason
    lab.enqueue(bump=Bump.MAJOR, source="request", force=True)
    assert lab.run().version == "2.0.0"
