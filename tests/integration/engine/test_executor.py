"""One claimed job, to the end of its attempt, however that comes about."""

import pytest

from releasd.core.retry import BUDGET, BUDGET_AFTER_TAG
from releasd.engine.executor import execute
from releasd.errors import Conflict, Denied, Fenced, GitError, HostLost, Permanent, ReleasdError, Replan, Transient
from releasd.model import Job, JobState, StepName
from releasd.ports import Task
from releasd.steps import STEPS
from support.fakehost import Scripted
from support.lab import Lab, at

FAILS = Scripted(output=b"error: no\n", exit_status=1)


def builds_fail(task: Task) -> Scripted | None:
    """Fail every build; trials go well."""
    return FAILS if "RELEASD_VERSION" in task.env else None


def breaks(monkeypatch: pytest.MonkeyPatch, step: StepName, error: Exception) -> None:
    """Have a step's `apply` raise."""

    def apply(_: object) -> None:
        raise error

    monkeypatch.setattr(STEPS[step], "apply", apply)


def test_a_push_becomes_a_release(lab: Lab) -> None:
    """Plan, nine steps, end: the tag is at the release commit, the index has both files, nothing private is left."""
    job = lab.release()
    lab.assert_released(job, "1.1.0")
    assert lab.main() == lab.tagged("v1.1.0")
    assert len(lab.index.uploads) == 1
    assert job.reason == "released"


def test_every_step_is_started_and_ended_in_order(lab: Lab) -> None:
    """The audit log tells of each step's beginning and end, in the order of the design."""
    job = lab.release()
    told = [(event.event, event.data.get("step")) for event in lab.store.events_after(0) if event.job == job.id]
    steps = [(name, step) for name, step in told if name.startswith("step.")]
    assert steps == [(f"step.{moment}", step) for step in StepName for moment in ("started", "succeeded")]


def test_the_plan_is_stored_with_the_job(lab: Lab) -> None:
    """What was decided is kept, and says why."""
    job = lab.release()
    assert job.plan is not None
    assert (job.plan.version, job.plan.tag, job.plan.commit) == ("1.1.0", "v1.1.0", job.commit)


def test_nothing_to_release_is_a_success_without_a_version(lab: Lab) -> None:
    """A commit that asks for nothing ends its job at once, and says why."""
    main = lab.push("docs: say so")
    lab.enqueue()
    job = lab.run()
    assert (job.state, job.version) == (JobState.SUCCEEDED, None)
    assert "no release" in job.reason or "nothing" in job.reason
    assert lab.steps(job) == {}
    lab.assert_untouched(main)


def test_our_own_release_commit_releases_nothing(lab: Lab) -> None:
    """The commit that the daemon pushed is noted as handled before it is public."""
    lab.release()
    assert lab.store.head_of("demo", "main") == lab.main()


def test_a_passing_failure_waits_in_the_queue(lab: Lab) -> None:
    """The job goes back with a time and a reason; the next attempt does that step again and no earlier one."""
    lab.index.upload_error, lab.index.stores = Transient("503", retry_after=60.0), 0
    job = lab.release()
    assert job.state is JobState.QUEUED
    assert job.not_before is not None
    assert (job.not_before - lab.clock.now()).total_seconds() == pytest.approx(60.0)
    assert job.reason == "publish is tried again: 503"
    lab.index.upload_error, lab.index.stores = None, None
    lab.wait(job)
    builds = len(lab.host.tasks)
    lab.assert_released(lab.run(), "1.1.0")
    assert all("RELEASD_VERSION" not in task.env for task in lab.host.tasks[builds:])


def test_a_job_that_waits_is_not_claimed_before_its_time(lab: Lab) -> None:
    """`not_before` is kept by the store."""
    lab.index.files_error = Transient("503")
    job = lab.release()
    assert job.not_before is not None
    assert lab.store.claim("x", now=lab.clock.now(), lease=lab.world.lease) is None


@pytest.mark.parametrize(("step", "budget"), [(StepName.SYNC, BUDGET), (StepName.VERIFY, BUDGET_AFTER_TAG)])
def test_attempts_are_bounded(lab: Lab, monkeypatch: pytest.MonkeyPatch, step: StepName, budget: int) -> None:
    """A trouble that does not pass fails the job after its budget, and every attempt is counted."""
    breaks(monkeypatch, step, Transient("down"))
    job = lab.release()
    while job.state is JobState.QUEUED:
        lab.wait(job)
        job = lab.run()
    assert job.state is JobState.FAILED
    assert lab.store.records(job.id)[step].attempts == budget
    assert "down" in job.reason


def test_a_build_that_fails_leaves_no_trace(lab: Lab) -> None:
    """No tag, no commit, no file, no private ref; the reason names build and host."""
    lab.plays = builds_fail
    main = lab.push()
    lab.enqueue()
    job = lab.run()
    assert job.state is JobState.FAILED
    assert job.reason.startswith("build: dist on one: its command ended with exit status 1")
    assert lab.said[job.id, "build", "dist"] == b"error: no\n"
    lab.assert_untouched(main)


@pytest.mark.parametrize("step", [StepName.PREFLIGHT, StepName.SYNC, StepName.VERSION, StepName.BUILD, StepName.CHECK])
@pytest.mark.parametrize("error", [Permanent("no"), ZeroDivisionError("defect")], ids=["permanent", "defect"])
def test_every_failure_before_the_tag_leaves_no_trace(
    lab: Lab, monkeypatch: pytest.MonkeyPatch, *, step: StepName, error: Exception
) -> None:
    """Whichever step fails, and in whichever way, nothing is public and the private ref is gone."""
    breaks(monkeypatch, step, error)
    main = lab.push()
    lab.enqueue()
    assert lab.run().state is JobState.FAILED
    lab.assert_untouched(main)


@pytest.mark.parametrize("step", [StepName.PUBLISH, StepName.VERIFY])
@pytest.mark.parametrize("error", [Denied("wrong token"), ZeroDivisionError("defect")], ids=["denied", "defect"])
def test_a_failure_after_the_tag_wants_completing(
    lab: Lab, monkeypatch: pytest.MonkeyPatch, *, step: StepName, error: Exception
) -> None:
    """The reason says first that the tag stands, and how to go on; the status lists the release as unfinished."""
    breaks(monkeypatch, step, error)
    job = lab.release()
    assert job.state is JobState.FAILED
    assert job.reason.startswith("v1.1.0 is tagged but not complete — ")
    assert job.reason.endswith(f"; then: releasd retry {job.id}")
    assert [each.id for each in lab.store.unfinished_releases("demo")] == [job.id]
    monkeypatch.undo()
    lab.store.retry(job.id, lab.clock.now(), by="test")
    lab.assert_released(lab.run(), "1.1.0")
    assert lab.store.unfinished_releases("demo") == ()


def test_a_tag_that_was_refused_is_not_told_as_there(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    """A failed `tag` step proves nothing: the reason says "may be"."""
    breaks(monkeypatch, StepName.TAG, GitError("the remote hook declined"))
    job = lab.release()
    assert job.reason.startswith("v1.1.0 may be tagged but not complete — tag: the remote hook declined")
    assert lab.tags() == {"v1.0.0"}


def test_a_taken_version_is_a_conflict(lab: Lab) -> None:
    """A version that is on the index already stops the job in preflight: nothing is tagged."""
    lab.index.stored["demo-1.1.0.tar.gz"] = "0" * 64
    job = lab.release()
    assert job.state is JobState.FAILED
    assert "on the index pypi already" in job.reason
    assert lab.tags() == {"v1.0.0"}


def test_a_lost_host_is_waited_for(lab: Lab) -> None:
    """With no other able host the job goes back to the queue, and is released when the host is there again."""
    lab.plays = lambda task: Scripted(error=HostLost("gone")) if "RELEASD_VERSION" in task.env else None
    job = lab.release()
    assert job.state is JobState.QUEUED
    assert "no able host can be reached" in job.reason
    lab.plays = lambda _: None
    lab.wait(job)
    lab.assert_released(lab.run(), "1.1.0")


def test_a_failed_announcement_is_no_failed_release(lab: Lab) -> None:
    """It is retried, then given up; the release stays a success and says what is missing."""
    lab.configure(webhooks=("chat",))
    lab.notifier.failures["chat"] = Transient("503")
    job = lab.release()
    while job.state is JobState.QUEUED:
        lab.wait(job)
        job = lab.run()
    assert job.state is JobState.SUCCEEDED
    assert job.reason == "released, but not announced: not everyone was told: webhook:chat (503)"
    assert lab.tags() == {"v1.0.0", "v1.1.0"}
    assert lab.private_refs() == []


def test_what_was_mended_is_announced_by_a_retry(lab: Lab) -> None:
    """A receiver refused; the operator mends it and retries the released job: it is told, and nobody else again."""
    lab.configure(webhooks=("chat", "news"), forge="main", mail=("team",))
    lab.notifier.failures["chat"] = Permanent("401")
    job = lab.release()
    assert job.state is JobState.SUCCEEDED
    assert job.reason == "released, but not announced: not everyone was told: webhook:chat (401)"
    lab.notifier.failures.clear()
    lab.store.retry(job.id, lab.clock.now(), by="operator")
    ended = lab.run()
    assert (ended.state, ended.reason) == (JobState.SUCCEEDED, "released")
    assert [name for name, _, _ in lab.notifier.told] == ["news", "chat"]
    assert (len(lab.mailer.sent), lab.forge.done.count("create")) == (1, 1)
    assert len(lab.index.uploads) == 1


@pytest.mark.parametrize("point", ["preflight.started", "version.recorded", "build.started", "check.recorded"])
def test_a_cancelled_job_ends_and_leaves_no_trace(lab: Lab, point: str) -> None:
    """A cancellation takes effect before the next step, or at once on a host; nothing private stays."""
    main = lab.push()
    job = lab.enqueue()
    lab.at_fault = lambda at: lab.store.cancel(job, lab.clock.now(), by="test") if at == point else None
    ended = lab.run()
    assert (ended.state, ended.reason) == (JobState.CANCELLED, "cancelled by an operator")
    lab.assert_untouched(main)


def test_a_job_cancelled_after_its_tag_says_that_it_is_not_complete(lab: Lab) -> None:
    """Somebody cancelled between tag and publish: the tag stands, and the reason says so."""
    lab.push()
    job = lab.enqueue()
    lab.at_fault = lambda at: lab.store.cancel(job, lab.clock.now(), by="test") if at == "tag.recorded" else None
    ended = lab.run()
    assert ended.state is JobState.CANCELLED
    assert ended.reason.startswith("v1.1.0 is tagged but not complete")


def test_a_stopping_daemon_puts_the_job_back_as_it_was(lab: Lab) -> None:
    """The job resumes after the restart without having used up an attempt of any step."""
    lab.push()
    lab.enqueue()
    lab.at_fault = lambda at: setattr(lab, "is_stopping", at == "version.recorded" or lab.is_stopping)
    job = lab.run()
    assert (job.state, job.reason, job.not_before) == (JobState.QUEUED, "the daemon was stopped", None)
    lab.is_stopping, lab.at_fault = False, lambda _: None
    lab.assert_released(lab.run(), "1.1.0")


def test_a_build_that_is_stopped_is_repeated(lab: Lab) -> None:
    """A build ended by the daemon's stop counts as not done."""
    lab.push()
    lab.enqueue()
    lab.at_fault = lambda at: setattr(lab, "is_stopping", at == "build.observed" or lab.is_stopping)
    job = lab.run()
    assert (job.state, job.reason) == (JobState.QUEUED, "the daemon was stopped")
    lab.is_stopping, lab.at_fault = False, lambda _: None
    lab.assert_released(lab.run(), "1.1.0")


def rewrite(lab: Lab) -> str:
    """Replace the remote's main by another history from the same beginning, and return its tip."""
    lab.work.sync()
    other = lab.work.commit("feat: another history", {"other.txt": "x"})
    lab.work.push("main")
    return other


def test_a_branch_that_moved_before_planning_is_planned_from_its_tip(lab: Lab) -> None:
    """The queued commit is older than the tip: its job is superseded by one for the tip."""
    old = lab.push("feat: first")
    first = lab.enqueue(old)
    tip = lab.push("feat: second", {"second.txt": "2"})
    job = lab.run()
    assert (job.id, job.state) == (first, JobState.SUPERSEDED)
    (queued,) = lab.store.queue()
    assert (queued.commit, queued.source) == (tip, "replan")
    lab.assert_released(lab.run(), "1.1.0")


def test_a_branch_that_conflicts_while_building_is_planned_again(lab: Lab) -> None:
    """The merge at `tag` fails: the release starts again from the new tip, and nothing of the first is left."""
    lab.push()
    first = lab.enqueue()
    newer = {"pyproject.toml": '[project]\nname = "demo"\nversion = "1.0.0"  # mine\n'}
    lab.at_fault = lambda at: lab.push("fix: more", newer) if at == "build.recorded" and not lab.store.queue() else None
    job = lab.run()
    assert (job.id, job.state) == (first, JobState.SUPERSEDED)
    assert lab.private_refs() == []
    assert lab.tags() == {"v1.0.0"}
    lab.at_fault = lambda _: None
    lab.assert_released(lab.run(), "1.1.0")
    assert "# mine" in lab.clone.read(lab.main(), ("pyproject.toml",))["pyproject.toml"].decode()


def test_an_operators_bump_survives_planning_again(lab: Lab) -> None:
    """What an operator asked for holds for the release that replaces the first."""
    old = lab.push("fix: first")
    lab.enqueue(old, bump="major", source="request")
    lab.push("fix: second", {"second.txt": "2"})
    assert lab.run().state is JobState.SUPERSEDED
    lab.assert_released(lab.run(), "2.0.0")


def test_an_operators_own_commit_is_taken_as_it_is(lab: Lab) -> None:
    """`releasd release --ref` releases that commit, although the branch is further on."""
    old = lab.push("fix: first")
    lab.push("feat: second", {"second.txt": "2"})
    lab.enqueue(old, source="operator")
    job = lab.run()
    assert (job.state, job.version, job.commit) == (JobState.SUCCEEDED, "1.0.1", old)


def test_a_lost_claim_ends_the_attempt_and_touches_nothing(lab: Lab) -> None:
    """Another daemon took the job over in the middle: this attempt stops, and the job is the other's."""
    lab.push()
    lab.enqueue()
    taken: list[Job] = []

    def take_over(point: str) -> None:
        if point == "check.recorded" and not taken:
            later = lab.clock.now() + 2 * lab.world.lease
            lab.store.reclaim(later)
            job = lab.store.claim("other", now=later, lease=lab.world.lease)
            assert job is not None
            taken.append(job)

    lab.at_fault = take_over
    job = lab.run()
    assert (job.state, job.owner, job.token) == (JobState.RUNNING, "other", taken[0].token)
    assert lab.tags() == {"v1.0.0"}
    assert lab.index.stored == {}
    assert len(lab.events("job.fenced")) == 1
    assert lab.scratch_folders() == []
    execute(lab.world, taken[0])
    lab.assert_released(lab.store.job(job.id), "1.1.0")


def test_a_defect_is_told_and_ends_the_job(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    """Our own mistake is written down with its traceback and asked to be reported; the daemon goes on."""
    breaks(monkeypatch, StepName.CHECK, ZeroDivisionError("division by zero"))
    job = lab.release()
    assert job.state is JobState.FAILED
    assert job.reason.startswith("a defect in releasd: ZeroDivisionError: division by zero")
    assert "job.crashed" in job.reason
    (event,) = lab.events("job.crashed")
    assert "ZeroDivisionError: division by zero" in event["traceback"]
    assert lab.scratch_folders() == []


def test_a_project_that_is_gone_fails_its_jobs(lab: Lab) -> None:
    """Jobs of a project that the operator took out end, with what to do."""
    lab.push()
    lab.enqueue()
    job = lab.claim()
    object.__setattr__(lab.world, "projects", {})
    execute(lab.world, job)
    ended = lab.store.job(job.id)
    assert ended.state is JobState.FAILED
    assert ended.reason == "no project demo is configured any more — add it, then releasd retry"


def test_a_planning_that_may_pass_is_put_off_and_bounded(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    """A repository that is away is asked again, later and later, and not for ever."""
    lab.push()
    lab.enqueue()

    def away(_: object) -> None:
        raise Transient("no route to host")

    object.__setattr__(lab.world, "clone", away)
    job = lab.run()
    assert (job.state, job.reason) == (JobState.QUEUED, "planning is tried again: no route to host")
    for _ in range(BUDGET_AFTER_TAG):
        if job.state is not JobState.QUEUED:
            break
        lab.wait(job)
        job = lab.run()
    assert job.state is JobState.FAILED
    assert "no route to host" in job.reason


@pytest.mark.parametrize(
    "error", [Conflict("taken"), GitError("no"), Permanent("no"), Transient("away"), Replan("moved"), Fenced("lost")]
)
def test_whatever_happens_the_scratch_folder_goes(lab: Lab, error: ReleasdError) -> None:
    """Each way for an attempt to end takes its folder along."""
    at(lab, "build.observed", error)
    lab.release()
    assert lab.scratch_folders() == []
