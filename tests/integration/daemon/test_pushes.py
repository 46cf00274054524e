"""From a hint to a queued job: what is queued is what git says, not what the hint says."""

from collections.abc import Iterator
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from dataclasses import replace
from queue import SimpleQueue
from typing import Any

import pytest

from releasd.daemon import pushes
from releasd.daemon.inbox import Inbox, LookAt, Wake
from releasd.daemon.pushes import handle_push, look, poll
from releasd.engine.reconcile import look_at, take_push
from releasd.errors import GitError, UsageError
from releasd.model import PushHint
from support.lab import Lab


class Never(Executor):
    """Takes work and never does it: a plan that takes too long."""

    def submit(self, *_: Any, **__: Any) -> Future[Any]:
        return Future()


@pytest.fixture
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have the pusher wait for the plan however busy the machine is."""
    monkeypatch.setattr(pushes, "PREVIEW_WITHIN", 60.0)


@pytest.fixture
def inbox() -> Inbox:
    return SimpleQueue()


@pytest.fixture
def pool(patient: None) -> Iterator[Executor]:
    """Return what makes plans, which get their time."""
    with ThreadPoolExecutor(1) as made:
        yield made


def hint(lab: Lab, new: str | None = None, **changes: Any) -> PushHint:
    """Return what a hook tells of a push to main, by default to its tip."""
    fields: dict[str, Any] = {
        "repository": str(lab.remote), "ref": "refs/heads/main", "old": None, "new": new or lab.main(),
        "source": "hook", "uid": 1000,
    }  # fmt: skip
    return PushHint(**(fields | changes))


def queued(lab: Lab) -> list[str]:
    """Return the commits that are queued."""
    return [job.commit for job in lab.store.queue()]


def test_a_push_is_queued_and_the_pusher_told(lab: Lab, inbox: Inbox, pool: Executor) -> None:
    """The answer says what will be released; the job is in the store, and the daemon is woken."""
    tip = lab.push()
    answer = handle_push(lab.world, inbox, pool, hint(lab))
    assert answer.startswith("demo 1.1.0 will be released to pypi")
    assert queued(lab) == [tip]
    assert inbox.get_nowait() == Wake()


def test_an_unknown_repository_is_refused_and_on_record(lab: Lab, inbox: Inbox, pool: Executor) -> None:
    """The pusher is told how to register it; the audit log knows who asked."""
    with pytest.raises(UsageError, match=r"no project is configured for the repository /srv/other\.git") as caught:
        handle_push(lab.world, inbox, pool, hint(lab, repository="/srv/other.git"))
    assert "[projects.NAME]" in caught.value.advice
    assert lab.events("hook.refused") == [{"repository": "/srv/other.git", "uid": 1000}]
    assert inbox.empty()


def test_a_refusal_need_not_be_on_record(lab: Lab, inbox: Inbox) -> None:
    """A spooled file's second refusal tells nobody anything new."""
    with pytest.raises(UsageError, match="no project is configured"):
        handle_push(lab.world, inbox, None, hint(lab, repository="/srv/other.git"), on_record=False)
    assert lab.events("hook.refused") == []


def test_where_no_pusher_waits_no_plan_is_made(lab: Lab, inbox: Inbox) -> None:
    """A spooled push is queued at once."""
    tip = lab.push()
    assert handle_push(lab.world, inbox, None, hint(lab, source="spool")) == "demo: queued as job 1"
    assert queued(lab) == [tip]


@pytest.mark.parametrize("ref", ["refs/heads/feature", "refs/heads/main2", "refs/tags/main", "refs/heads/x/main"])
def test_other_refs_concern_nobody(lab: Lab, inbox: Inbox, pool: Executor, ref: str) -> None:
    """A push to a branch that is not released is no news, and the pusher hears nothing."""
    lab.push()
    assert handle_push(lab.world, inbox, pool, hint(lab, ref=ref)) == ""
    assert queued(lab) == []
    assert inbox.empty()


def test_our_own_push_is_ignored(lab: Lab, inbox: Inbox, pool: Executor) -> None:
    """The hook tells of the daemon's own release commit too; it must not release itself."""
    lab.release()
    jobs = lab.store.jobs()
    assert handle_push(lab.world, inbox, pool, hint(lab)) == ""
    assert lab.store.jobs() == jobs


def test_a_look_while_our_own_push_is_on_its_way_is_no_news(lab: Lab) -> None:
    """Noted as ours and not public yet: the old tip makes no job, and the release commit that follows it makes none."""
    looks: list[bool] = []

    def look_between(point: str) -> None:
        if point == "tag.own_push_noted":
            looks.append(look(lab.world, LookAt("demo", "watch")))

    lab.at_fault = look_between
    lab.release()
    looks.append(look(lab.world, LookAt("demo", "watch")))
    assert looks == [False, False]
    assert len(lab.store.jobs()) == 1


def test_a_look_takes_nothing_newer_back(lab: Lab, inbox: Inbox) -> None:
    """A server is asked; before its answer is acted on, the hook tells of a newer push: that one stays queued."""
    look(lab.world, LookAt("demo", "start"))
    old = lab.push("feat: one")
    (seen,) = look_at(lab.world, lab.project, lab.clone, "reconcile")
    new = lab.push("feat: two", {"two.txt": "2"})
    handle_push(lab.world, inbox, None, hint(lab, new))
    assert take_push(lab.world, lab.project, seen, old, is_look=True) is None
    assert queued(lab) == [new]
    assert look(lab.world, LookAt("demo", "reconcile")) is False


def test_an_older_hint_after_a_newer_one_changes_nothing(lab: Lab, inbox: Inbox, pool: Executor) -> None:
    """A spooled hint of yesterday does not bring yesterday's commit back."""
    old = lab.push("feat: one")
    new = lab.push("feat: two", {"two.txt": "2"})
    handle_push(lab.world, inbox, pool, hint(lab, new))
    assert handle_push(lab.world, inbox, pool, hint(lab, old, source="spool")) == "demo: queued as job 1"
    assert queued(lab) == [new]
    assert len(lab.store.jobs()) == 1


def test_an_older_hint_first_queues_the_tip(lab: Lab, inbox: Inbox, pool: Executor) -> None:
    """Whatever commit the hint names, the branch's tip is what gets its job, once."""
    old = lab.push("feat: one")
    new = lab.push("feat: two", {"two.txt": "2"})
    assert handle_push(lab.world, inbox, pool, hint(lab, old)).startswith("demo: queued as job ")
    assert queued(lab) == [new]
    handle_push(lab.world, inbox, pool, hint(lab, new))
    assert queued(lab) == [new]


def test_a_forged_commit_is_not_believed(lab: Lab, inbox: Inbox, pool: Executor) -> None:
    """A message with a commit that is nowhere queues what the branch is at."""
    tip = lab.push()
    handle_push(lab.world, inbox, pool, hint(lab, "f" * 40))
    assert queued(lab) == [tip]


def test_a_slow_plan_does_not_hold_the_pusher(lab: Lab, inbox: Inbox) -> None:
    """After 0.4 s the pusher is told the job's number instead; the job is queued all the same."""
    lab.push()
    answer = handle_push(lab.world, inbox, Never(), hint(lab))
    (job,) = lab.store.queue()
    assert (
        answer
        == f"demo: queued as job {job.id}; its plan takes longer than a push should wait: releasd status {job.id}"
    )
    assert inbox.get_nowait() == Wake()


def test_a_repository_elsewhere_is_queued_without_a_preview(lab: Lab, inbox: Inbox, pool: Executor) -> None:
    """Where the repository is not on this machine, the hint's commit is taken until git was asked."""
    tip = lab.push()
    lab.world = replace(lab.world, peek=lambda _: None)
    assert handle_push(lab.world, inbox, pool, hint(lab)) == "demo: queued as job 1"
    assert queued(lab) == [tip]


def test_two_projects_of_one_repository(lab: Lab, inbox: Inbox, pool: Executor) -> None:
    """Each gets its own job, and the pusher one line for both."""
    lab.push()
    lab.world = replace(lab.world, projects={"demo": lab.project, "second": replace(lab.project, name="second")})
    answer = handle_push(lab.world, inbox, pool, hint(lab))
    assert answer.startswith("demo 1.1.0 will be released to pypi")
    assert "; second 1.1.0 will be released" in answer
    assert {job.project for job in lab.store.queue()} == {"demo", "second"}


def test_looking_finds_what_no_hook_told(lab: Lab) -> None:
    """A hint to look is enough; it says whether anything was new."""
    look_at(lab.world, lab.project, lab.clone, "start")
    assert look(lab.world, LookAt("demo", "watch")) is False
    tip = lab.push()
    assert look(lab.world, LookAt("demo", "watch")) is True
    assert queued(lab) == [tip]
    assert lab.store.queue()[0].source == "watch"
    assert look(lab.world, LookAt("demo", "watch")) is False


def test_looking_at_a_project_that_is_gone(lab: Lab) -> None:
    """A hint from before the reload concerns nobody."""
    assert look(lab.world, LookAt("gone", "watch")) is False


def never(name: str, error: BaseException) -> None:
    """Fail where a poll complains."""
    raise AssertionError(name) from error


def test_polling_hands_local_projects_to_the_main_thread(lab: Lab, inbox: Inbox) -> None:
    """What is on this machine is looked at by the main thread, as a hint."""
    poll(lab.world, inbox, never)
    assert inbox.get_nowait() == LookAt("demo", "reconcile")


def test_polling_looks_at_remote_projects_itself(lab: Lab, inbox: Inbox) -> None:
    """What is behind a network is asked off the main thread; it is woken only by news."""
    look_at(lab.world, lab.project, lab.clone, "start")
    lab.world = replace(lab.world, peek=lambda _: None)
    poll(lab.world, inbox, never)
    assert inbox.empty()
    tip = lab.push()
    poll(lab.world, inbox, never)
    assert queued(lab) == [tip]
    assert inbox.get_nowait() == Wake()


def test_one_project_out_of_reach_does_not_hide_the_others(lab: Lab, inbox: Inbox) -> None:
    """The trouble is reported by the project's name, and the next project is looked at."""
    look_at(lab.world, lab.project, lab.clone, "start")
    tip = lab.push()
    broken = replace(lab.project, name="broken")

    def clone(project: Any) -> Any:
        if project is broken:
            raise GitError("no route to host")
        return lab.clone

    lab.world = replace(lab.world, projects={"broken": broken, "demo": lab.project}, peek=lambda _: None, clone=clone)
    complaints: list[tuple[str, str]] = []
    poll(lab.world, inbox, lambda name, error: complaints.append((name, str(error))))
    assert complaints == [("broken", "no route to host")]
    assert queued(lab) == [tip]
