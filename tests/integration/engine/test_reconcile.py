"""One look at everything: leases, claims, and for how long nothing is due."""

from dataclasses import replace
from datetime import timedelta

import pytest

from releasd.adapters.git import GitRepo
from releasd.engine import view
from releasd.engine.facts import snapshot
from releasd.engine.reconcile import EMPTY, LONGEST_SLEEP, look_at, preview, reconcile, take_push
from releasd.errors import GitError
from releasd.model import JobState, PushHint
from support.gitrepo import git
from support.lab import LEASE, OWNER, Lab


def hint(commit: str, **changes: object) -> PushHint:
    """Return what a hook tells of a push to main."""
    fields = {"repository": "demo", "ref": "refs/heads/main", "old": None, "new": commit, "source": "hook"}
    return PushHint(**(fields | changes))


def test_with_nothing_to_do_the_look_is_short_and_the_sleep_long(lab: Lab) -> None:
    """An idle daemon claims nothing and asks to be woken in half a minute."""
    look = reconcile(lab.world, free=2)
    assert (look.claimed, look.sleep) == ((), LONGEST_SLEEP)


def test_due_jobs_are_claimed_for_free_workers(lab: Lab) -> None:
    """A due job is running when the look is over, owned by this daemon under a lease."""
    lab.push()
    lab.enqueue()
    (job,) = reconcile(lab.world, free=2).claimed
    assert (job.state, job.owner, job.token, job.attempt) == (JobState.RUNNING, OWNER, 1, 1)
    assert job.lease_until == lab.clock.now() + LEASE


def test_without_a_free_worker_nothing_is_claimed(lab: Lab) -> None:
    """A claimed job that nobody runs would only wait under a lease."""
    lab.push()
    lab.enqueue()
    assert reconcile(lab.world, free=0).claimed == ()
    assert [job.state for job in lab.store.queue()] == [JobState.QUEUED]


def test_one_job_of_a_project_at_a_time(lab: Lab) -> None:
    """A running job is never overtaken by the next push of its project."""
    lab.push("feat: one")
    lab.enqueue()
    assert len(reconcile(lab.world, free=4).claimed) == 1
    lab.push("feat: two", {"two.txt": "2"})
    lab.enqueue()
    assert reconcile(lab.world, free=4).claimed == ()


def test_jobs_of_projects_that_are_not_configured_wait(lab: Lab) -> None:
    """A project that the operator took out is not released; its jobs stay where they are."""
    lab.store.enqueue("other", "a" * 40, "main", source="hook", now=lab.clock.now())
    assert reconcile(lab.world, free=4).claimed == ()


def test_a_job_of_a_project_that_is_not_configured_any_more_says_so(lab: Lab) -> None:
    """The reason is true, names the ways out, is written once, and goes when the project is back."""
    lab.push()
    job = lab.enqueue()
    world = replace(lab.world, projects={})
    for _ in range(3):
        assert reconcile(world, free=4).claimed == ()
    reason = "project demo is not configured any more — add [projects.demo] and reload, or: releasd cancel 1"
    assert lab.store.job(job).reason == reason
    assert [event["reason"] for event in lab.events("job.changed")] == [reason]
    assert view.status(lab.store, lab.clock.now())["jobs"][0]["reason"] == reason
    reconcile(lab.world, free=0)
    assert lab.store.job(job).reason == "waiting for a worker"
    assert [each.id for each in reconcile(lab.world, free=1).claimed] == [job]


def test_a_job_is_looked_at_when_its_time_comes(lab: Lab) -> None:
    """The sleep ends with the nearest `not_before`; a job that is due and waits for a worker ends none."""
    lab.push()
    lab.enqueue()
    job = lab.claim()
    until = lab.clock.now() + timedelta(seconds=7)
    lab.store.requeue(job.id, job.token, not_before=until, reason="", now=lab.clock.now())
    assert reconcile(lab.world, free=2).sleep == pytest.approx(7)
    lab.clock.at = until + timedelta(seconds=1)
    assert reconcile(lab.world, free=0).sleep == LONGEST_SLEEP
    assert len(reconcile(lab.world, free=1).claimed) == 1


def test_a_lapsed_lease_of_another_daemon_is_taken_back(lab: Lab) -> None:
    """A job whose owner stopped renewing goes back to the queue, and is claimed in the same look."""
    lab.push()
    lab.enqueue()
    lab.store.claim("dead", now=lab.clock.now(), lease=LEASE)
    assert reconcile(lab.world, free=1).claimed == ()
    lab.clock.sleep(LEASE.total_seconds() + 1)
    (job,) = reconcile(lab.world, free=1).claimed
    assert (job.owner, job.token) == (OWNER, 2)


def test_our_own_lease_is_never_taken_back(lab: Lab) -> None:
    """While this process lives its jobs are its own, however late the renewal."""
    lab.push()
    lab.enqueue()
    lab.claim()
    lab.clock.sleep(10 * LEASE.total_seconds())
    assert reconcile(lab.world, free=1).claimed == ()


def test_a_push_is_queued_once(lab: Lab) -> None:
    """The same push told twice is one job."""
    tip = lab.push()
    job = take_push(lab.world, lab.project, hint(tip), tip)
    assert job is not None
    assert take_push(lab.world, lab.project, hint(tip), tip) is None
    assert len(lab.store.jobs()) == 1


def test_a_newer_push_replaces_the_queued_one(lab: Lab) -> None:
    """Several pushes while a job is queued become one job for the newest commit."""
    first = lab.push("feat: one")
    take_push(lab.world, lab.project, hint(first), first)
    second = lab.push("feat: two", {"two.txt": "2"})
    take_push(lab.world, lab.project, hint(second), second)
    assert [(job.commit, job.state) for job in lab.store.jobs()] == [
        (second, JobState.QUEUED),
        (first, JobState.SUPERSEDED),
    ]


def test_the_senders_uid_is_on_record(lab: Lab) -> None:
    """The audit log knows who pushed, as the kernel told it."""
    tip = lab.push()
    take_push(lab.world, lab.project, hint(tip, uid=1234, options=("bump=minor",)), tip)
    (event,) = lab.events("push.received")
    assert (event["uid"], event["commit"], event["options"]) == (1234, tip, ["bump=minor"])


def test_the_first_look_only_remembers(lab: Lab) -> None:
    """Registering a project releases nothing of its past."""
    assert look_at(lab.world, lab.project, lab.clone, "start") == ()
    assert lab.store.head_of("demo", "main") == lab.main()
    assert lab.store.jobs() == ()


def test_a_moved_branch_is_found_without_a_hook(lab: Lab) -> None:
    """A push that nobody told of is seen by looking."""
    before = lab.main()
    look_at(lab.world, lab.project, lab.clone, "start")
    tip = lab.push()
    (found,) = look_at(lab.world, lab.project, lab.clone, "reconcile")
    assert (found.old, found.new, found.source) == (before, tip, "reconcile")


def test_an_unmoved_branch_is_no_news(lab: Lab) -> None:
    """Looking again says nothing."""
    look_at(lab.world, lab.project, lab.clone, "start")
    assert look_at(lab.world, lab.project, lab.clone, "reconcile") == ()


def test_an_empty_repository_is_remembered_as_empty(lab: Lab) -> None:
    """The first push to a repository that was registered empty is news."""
    git(lab.remote, "update-ref", "-d", "refs/heads/main")
    assert look_at(lab.world, lab.project, lab.clone, "start") == ()
    assert lab.store.head_of("demo", "main") == EMPTY
    assert look_at(lab.world, lab.project, lab.clone, "reconcile") == ()
    lab.work.push("main")
    (found,) = look_at(lab.world, lab.project, lab.clone, "reconcile")
    assert found.new == lab.main()


def test_a_deleted_branch_is_no_push(lab: Lab) -> None:
    """Deleting the branch queues nothing and does not make its return look new."""
    look_at(lab.world, lab.project, lab.clone, "start")
    head = lab.main()
    git(lab.remote, "update-ref", "-d", "refs/heads/main")
    assert look_at(lab.world, lab.project, lab.clone, "reconcile") == ()
    assert lab.store.head_of("demo", "main") == head


def test_the_pusher_is_told_what_will_be_released(lab: Lab) -> None:
    """One line: project, version, where to, and why."""
    tip = lab.push()
    lab.clone.fetch("main")
    said = preview(lab.world, lab.project, lab.clone, tip)
    assert said.startswith("demo 1.1.0 will be released to pypi (")
    assert "\n" not in said
    lab.configure(indexes=())
    assert "will be released, tag only" in preview(lab.world, lab.project, lab.clone, tip)


def test_the_pusher_is_told_why_nothing_is_released(lab: Lab) -> None:
    """A commit that asks for nothing gets the reason, in one line."""
    tip = lab.push("docs: say so")
    lab.clone.fetch("main")
    said = preview(lab.world, lab.project, lab.clone, tip)
    assert said.startswith("demo: ")
    assert "will be released" not in said


def test_the_pusher_is_told_of_a_configuration_that_cannot_be_used(lab: Lab) -> None:
    """A mistake in the pushed configuration is shown at the push, and fails nothing."""
    tip = lab.push("feat: more", {".releasd.toml": "no such = [key"})
    lab.clone.fetch("main")
    assert preview(lab.world, lab.project, lab.clone, tip).startswith("demo cannot be released: ")


def test_a_project_without_a_way_to_build_is_told_before_anything_runs(lab: Lab) -> None:
    """Where the operator allows no scripts of the repository and names none, the plan says what to add."""
    lab.configure(builds=(), allow_repository_builds=False)
    tip = lab.push()
    lab.clone.fetch("main")
    assert "nothing says how to build demo" in preview(lab.world, lab.project, lab.clone, tip)


def test_a_shallow_clone_is_never_planned_from(lab: Lab) -> None:
    """Cut-off history may hide the last release: the answer names the command that completes it."""
    lab.push()
    shallow = lab.folder / "shallow.git"
    git(lab.folder, "clone", "--quiet", "--bare", "--depth=1", f"file://{lab.remote}", str(shallow))
    with pytest.raises(GitError, match="shallow") as caught:
        snapshot(GitRepo(shallow), lab.main(), repository=str(shallow), branch="main")
    assert "--unshallow" in caught.value.advice
