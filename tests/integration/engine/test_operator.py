"""What an operator may ask for, and what is shown: the shapes of docs/status-json.md."""

import json
import re

import pytest

from releasd.engine import view
from releasd.engine.operator import Operator, Release
from releasd.errors import Denied, HostLost, Transient, UsageError
from releasd.model import BuildSpec, Bump, JobId, JobState, StepName
from support.fakehost import FakeHost, Scripted
from support.fakeports import TOOLS, host_spec
from support.lab import Lab

JOB = {
    "id": int, "project": str, "commit": str, "branch": str, "state": str, "reason": str, "version": str | None,
    "tag": str | None, "package": str | None, "source": str, "created_at": str, "started_at": str | None,
    "finished_at": str | None,
}  # fmt: skip
DETAILS = JOB | {
    "children": list, "announcements": list, "destinations": list,
    "attempt": int, "not_before": str | None, "owner": str | None, "steps": list, "builds": list, "waiting": list,
    "artifacts": list,
}  # fmt: skip
STEP = {
    "name": str, "state": str, "attempts": int, "error": str | None, "advice": str, "evidence": dict,
    "started_at": str | None, "finished_at": str | None,
}  # fmt: skip
BUILD = {
    "name": str, "host": str, "state": str, "attempts": int, "error": str | None, "started_at": str | None,
    "finished_at": str | None, "last_line": str, "evidence": dict,
}  # fmt: skip
ARTIFACT = {"filename": str, "sha256": str, "size": int, "build": str, "host": str}
HOST = {
    "name": str, "ok": bool, "reason": str, "at": str | None, "facts": dict, "usable": bool, "why": str,
    "drained": bool, "quarantined": dict | None, "running": list,
}  # fmt: skip
TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z")
Shape = dict[str, object]


class Desk:
    """An operator, and how often the daemon was woken."""

    def __init__(self, lab: Lab) -> None:
        self.woken = 0
        self.lab = lab

    @property
    def operator(self) -> Operator:
        return Operator(self.lab.world, self._wake)

    def _wake(self) -> None:
        self.woken += 1


@pytest.fixture
def desk(lab: Lab) -> Desk:
    return Desk(lab)


def assert_shape(value: dict[str, object], shape: Shape) -> None:
    """Fail unless a JSON object has exactly the promised keys, with values of the promised kinds."""
    assert set(value) == set(shape)
    for key, kind in shape.items():
        assert isinstance(value[key], kind), (key, value[key])  # type: ignore[arg-type]  # a type or a union of types
        if key.endswith("_at") and value[key] is not None:
            assert TIME.fullmatch(str(value[key])), value[key]


def test_status_keeps_its_promise(lab: Lab, desk: Desk) -> None:
    """Every key of docs/status-json.md is there, with its kind, for ended and for waiting jobs; it is plain JSON."""
    lab.release()
    lab.index.files_error = Transient("503")
    lab.release("feat: again")
    desk.operator.farm.probe()
    status = json.loads(json.dumps(desk.operator.status()))
    assert set(status) == {"schema", "at", "projects", "jobs", "recent", "hosts", "alarms", "watched"}
    assert status["schema"] == 1
    assert TIME.fullmatch(status["at"])
    (waiting,), (ended,), (host,), (project,) = (status[key] for key in ("jobs", "recent", "hosts", "projects"))
    assert_shape(waiting, DETAILS)
    assert_shape(ended, JOB)
    assert_shape(host, HOST)
    assert_shape(project, {"name": str, "head": str, "heads": dict, "last_release": dict, "unfinished": list})
    assert_shape(project["last_release"], JOB)
    assert waiting["reason"] == "preflight is tried again: 503"
    assert TIME.fullmatch(waiting["not_before"])


def test_a_jobs_details_keep_their_promise(lab: Lab, desk: Desk) -> None:
    """Steps, builds and files have the keys of docs/status-json.md, steps in their order."""
    job = desk.operator.job(lab.release().id)
    assert_shape(job, DETAILS)
    assert [step["name"] for step in job["steps"]] == list(StepName)
    for step in job["steps"]:
        assert_shape(step, STEP)
    (build,) = job["builds"]
    assert_shape(build, BUILD)
    assert len(job["artifacts"]) == 2
    for artifact in job["artifacts"]:
        assert_shape(artifact, ARTIFACT)


def test_status_of_one_project(lab: Lab, desk: Desk) -> None:
    """Another project's jobs are left out."""
    lab.release()
    lab.store.enqueue("other", "a" * 40, "main", source="hook", now=lab.clock.now())
    status = desk.operator.status("demo")
    assert {job["project"] for job in (*status["jobs"], *status["recent"])} == {"demo"}
    assert [project["name"] for project in status["projects"]] == ["demo"]


def test_status_of_an_unknown_project(desk: Desk) -> None:
    """The projects that there are are named."""
    with pytest.raises(UsageError, match="no project nope is configured; configured: demo"):
        desk.operator.status("nope")


def test_status_shows_the_ten_last_ended_jobs(lab: Lab) -> None:
    """Older ones are looked up by their number."""
    for number in range(12):
        job = lab.store.enqueue("demo", f"{number:040x}", "main", source="hook", now=lab.clock.now()).job_id
        lab.store.cancel(job, lab.clock.now(), by="test")
    recent = view.status(lab.store, lab.clock.now())["recent"]
    assert [job["id"] for job in recent] == list(range(12, 2, -1))


def test_an_unfinished_release_is_shown_until_it_is_completed(lab: Lab, desk: Desk) -> None:
    """A tagged release that failed stays in view, with how to go on."""
    lab.index.upload_error, lab.index.stores = Denied("wrong token"), 0
    job = lab.release()
    (project,) = desk.operator.status()["projects"]
    assert [each["id"] for each in project["unfinished"]] == [job.id]
    assert f"releasd retry {job.id}" in project["unfinished"][0]["reason"]


@pytest.mark.parametrize("number", [1, 999])
def test_an_unknown_job(desk: Desk, number: int) -> None:
    """A job that never was is the asker's mistake."""
    with pytest.raises(UsageError, match=f"no job {number}"):
        desk.operator.job(number)


def test_release_takes_the_tip_as_it_is_now(lab: Lab, desk: Desk) -> None:
    """Asking for a release looks at the remote, queues its tip, and wakes the daemon."""
    tip = lab.push()
    job = desk.operator.release("demo", Release())
    assert lab.store.job(job).commit == tip
    assert desk.woken == 1
    lab.assert_released(lab.run(), "1.1.0")


def test_release_with_a_bump_overrules_the_commits(lab: Lab, desk: Desk) -> None:
    """An operator may release what asks for nothing, as far as they say."""
    lab.push("docs: say so")
    desk.operator.release("demo", Release(bump=Bump.MAJOR))
    lab.assert_released(lab.run(), "2.0.0")


def test_release_of_a_commit_that_was_judged_before(lab: Lab, desk: Desk) -> None:
    """A commit whose job failed may be asked for again: a new job is made for it."""
    lab.plays = lambda task: Scripted(exit_status=1) if "RELEASD_VERSION" in task.env else None
    failed = lab.release()
    lab.plays = lambda _: None
    again = desk.operator.release("demo", Release())
    assert again != failed.id
    lab.assert_released(lab.run(), "1.1.0")


def test_release_of_an_older_commit(lab: Lab, desk: Desk) -> None:
    """`--ref` names a commit on the branch that is not its tip, by any name that git knows."""
    old = lab.push("fix: one")
    lab.push("feat: two", {"two.txt": "2"})
    job = desk.operator.release("demo", Release(ref=old[:10]))
    assert lab.store.job(job).commit == old
    assert lab.run().version == "1.0.1"


@pytest.mark.parametrize("ref", ["nonsense", "f" * 40, "--help", "main~999"])
def test_release_of_something_else(lab: Lab, desk: Desk, ref: str) -> None:
    """What is no commit on the branch is refused, and nothing is queued."""
    with pytest.raises(UsageError, match="is no commit on main"):
        desk.operator.release("demo", Release(ref=ref))
    assert lab.store.jobs() == ()


def test_release_of_a_commit_on_another_branch(lab: Lab, desk: Desk) -> None:
    """A commit that the branch does not contain is not released from it."""
    other = lab.work.commit("feat: elsewhere", {"x": "y"})
    lab.work.push("HEAD:refs/heads/other")
    with pytest.raises(UsageError):
        desk.operator.release("demo", Release(ref=other))


def test_retry_resumes_a_failed_job(lab: Lab, desk: Desk) -> None:
    """It goes back to the queue with a new budget, and is released."""
    lab.plays = lambda task: Scripted(exit_status=1) if "RELEASD_VERSION" in task.env else None
    job = lab.release()
    lab.plays = lambda _: None
    desk.operator.retry(job.id, None)
    assert desk.woken == 1
    assert lab.store.job(job.id).state is JobState.QUEUED
    lab.assert_released(lab.run(), "1.1.0")


def test_retry_from_version_plans_and_builds_again(lab: Lab, desk: Desk) -> None:
    """The operator asks for everything from there on: the plan is made anew too."""
    lab.plays = lambda task: Scripted(exit_status=1) if "-trial-" in task.id else None
    job = lab.release()
    lab.plays = lambda _: None
    desk.operator.retry(job.id, StepName.VERSION)
    lab.assert_released(lab.run(), "1.1.0")
    assert sum("RELEASD_VERSION" in task.env for task in lab.host.tasks) == 2


def test_what_succeeded_is_not_retried(lab: Lab, desk: Desk) -> None:
    """A released job stays released."""
    job = lab.release()
    with pytest.raises(UsageError, match="only a failed or cancelled job"):
        desk.operator.retry(job.id, None)
    assert desk.woken == 0


def test_cancelling_a_queued_job_ends_it(lab: Lab, desk: Desk) -> None:
    """Nothing runs, so it is over at once."""
    lab.push()
    job = lab.enqueue()
    desk.operator.cancel(job)
    assert lab.store.job(job).state is JobState.CANCELLED


def test_cancelling_a_job_that_waits_for_its_next_attempt_leaves_nothing_private(lab: Lab, desk: Desk) -> None:
    """A job with a release commit, waiting for a host, is cancelled: the private ref goes with it."""
    lab.plays = lambda task: Scripted(error=HostLost("gone")) if "RELEASD_VERSION" in task.env else None
    job = lab.release()
    assert lab.private_refs() != []
    desk.operator.cancel(job.id)
    assert lab.private_refs() == []
    assert lab.store.job(job.id).state is JobState.CANCELLED


def test_cancelling_what_is_over(lab: Lab, desk: Desk) -> None:
    """There is nothing to cancel, and the answer says in which state it is."""
    job = lab.release()
    with pytest.raises(UsageError, match="is over: succeeded"):
        desk.operator.cancel(job.id)


def test_cancelling_a_running_job_is_asked_of_its_worker(lab: Lab, desk: Desk) -> None:
    """The job goes on running until its worker sees the wish."""
    lab.push()
    lab.enqueue()
    job = lab.claim()
    desk.operator.cancel(job.id)
    assert lab.store.job(job.id).state is JobState.RUNNING
    assert lab.store.cancel_requested(JobId(job.id))


def test_probing_asks_every_host_for_every_tool(lab: Lab, desk: Desk) -> None:
    """Tools that a configured build names are looked for; what each host said is kept for the status."""
    lab.configure(builds=(BuildSpec(name="dist", run="build", tools=("cargo",)),))
    lab.hosts.registered += [
        FakeHost(host_spec("two", "linux"), tools={**TOOLS, "cargo": "/bin/cargo"}),
        FakeHost(host_spec("three"), probe_error=HostLost("no route")),
    ]
    probed = desk.operator.farm.probe()
    found = {host["name"]: (host["ok"], host["reason"]) for host in probed["hosts"]}
    assert found == {"one": (True, ""), "two": (True, ""), "three": (False, "no route")}
    (build,) = probed["builds"]
    assert build["hosts"] == {"one": "lacks cargo", "two": "", "three": "cannot be used: no route"}
    shown = {host["name"]: host for host in desk.operator.status()["hosts"]}
    assert shown["two"]["facts"]["labels"] == ["linux"]
    assert shown["three"]["reason"] == "no route"


def test_a_host_that_goes_and_comes_is_an_event_each(lab: Lab, desk: Desk) -> None:
    """The audit log tells of changes, not of every probe."""
    desk.operator.farm.probe()
    desk.operator.farm.probe()
    lab.hosts.registered[:] = [FakeHost(host_spec(), probe_error=HostLost("no route"))]
    desk.operator.farm.probe()
    names = [event.event for event in lab.store.events_after(0)]
    assert [name for name in names if name.startswith("host.")] == ["host.found", "host.lost", "host.quarantined"]


def test_a_project_without_jobs(lab: Lab) -> None:
    """Asking for its newest job is the asker's mistake."""
    with pytest.raises(UsageError, match="demo has no jobs"):
        view.latest_job(lab.store, "demo")
