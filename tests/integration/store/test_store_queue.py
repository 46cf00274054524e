"""From a hint to a claimed job and back."""

from datetime import timedelta

import pytest

from releasd.core.lifecycle import IllegalTransition
from releasd.errors import Fenced, Transient, UsageError
from releasd.model import Bump, JobState, StepName
from releasd.store import Store
from support.store import (
    LEASE,
    NOW,
    claim,
    commit_of,
    enqueue,
    guarded_writes,
    in_state,
    plan,
    run_steps,
    running,
    start_build,
)

LATER = NOW + timedelta(hours=1)


def names(store: Store) -> list[str]:
    """Return the names of all events."""
    return [event.event for event in store.events_after(0)]


def test_a_push_becomes_a_queued_job(store: Store) -> None:
    """What the hint said is in the job and in the log."""
    sender = {"source": "hook", "uid": 1000, "options": ("a=b",)}
    made = store.enqueue("p", commit_of(1), "main", now=NOW, old=commit_of(0), **sender)
    job = store.job(made.job_id)
    assert made.created
    assert made.superseded == ()
    assert (job.project, job.commit, job.branch, job.source) == ("p", commit_of(1), "main", "hook")
    assert (job.state, job.attempt, job.token, job.created_at) == (JobState.QUEUED, 0, 0, NOW)
    received, queued = store.events_after(0)
    assert (received.event, received.project, received.job) == ("push.received", "p", None)
    assert received.data == {
        "commit": commit_of(1), "ref": "refs/heads/main", "source": "hook", "options": ["a=b"], "uid": 1000,
    }  # fmt: skip
    assert (queued.event, queued.job) == ("job.queued", job.id)
    assert store.head_of("p", "main") == commit_of(1)


def test_the_same_commit_is_queued_once(store: Store) -> None:
    """A repeated hint, in whatever state the job is, makes nothing and grows nothing."""
    first = enqueue(store)
    assert enqueue(store) == first
    job = claim(store)
    store.finish(job.id, job.token, JobState.SUCCEEDED, "released", NOW)
    before = names(store)
    again = store.enqueue("p", commit_of(1), "main", source="hook", now=LATER)
    assert not again.created
    assert again.job_id == first
    assert names(store) == before


def test_an_operator_may_ask_for_a_commit_again_once_its_job_is_over(store: Store) -> None:
    """`force` makes another job for a finished commit, and none beside a live one."""
    job = running(store)
    forced = {"source": "operator", "now": NOW, "force": True}
    assert not store.enqueue("p", commit_of(1), "main", **forced).created
    store.finish(job.id, job.token, JobState.FAILED, "no", NOW)
    again = store.enqueue("p", commit_of(1), "main", **forced)
    assert again.created
    assert again.job_id != job.id


def test_several_pushes_while_queued_become_one_job_for_the_newest(store: Store) -> None:
    """The older queued job is superseded, and says by what."""
    first, second = enqueue(store, 1), enqueue(store, 2)
    assert store.job(first).state is JobState.SUPERSEDED
    assert store.job(first).finished_at == NOW
    assert commit_of(2)[:12] in store.job(first).reason
    assert [job.id for job in store.queue()] == [second]
    assert "job.superseded" in names(store)


def test_a_branch_that_went_back_to_a_superseded_commit_gets_a_job_for_it(store: Store) -> None:
    """Push, push, force-push back: the superseded job never ran, so its commit is not handled."""
    first, second = enqueue(store, 1), enqueue(store, 2)
    back = store.enqueue("p", commit_of(1), "main", source="hook", now=LATER)
    assert (back.created, back.superseded) == (True, (second,))
    assert back.job_id not in {first, second}


def test_a_branch_that_went_back_to_a_handled_commit_leaves_nothing_queued(store: Store) -> None:
    """The queued commit is no longer on the branch; running it would plan again for ever."""
    job = running(store, 1)
    store.finish(job.id, job.token, JobState.SUCCEEDED, "released", NOW)
    second = enqueue(store, 2)
    back = store.enqueue("p", commit_of(1), "main", source="hook", now=LATER)
    assert (back.created, back.superseded) == (False, (second,))
    assert store.queue() == ()


def test_an_operators_bump_survives_being_superseded(store: Store) -> None:
    """`release --bump major` and then a push: the newer commit is released with that bump."""
    enqueue(store, 1, source="operator", bump=Bump.MAJOR)
    assert store.job(enqueue(store, 2)).bump is Bump.MAJOR


@pytest.mark.parametrize("asked", [None, Bump.PATCH])
def test_an_operators_bump_survives_coming_back_to_a_newer_job(store: Store, asked: Bump | None) -> None:
    """`release --bump major`, a push, then a passing failure: the push's job has that bump, unless it has its own."""
    enqueue(store, 1, source="operator", bump=Bump.MAJOR)
    job = claim(store)
    second = enqueue(store, 2, bump=asked)
    store.requeue(job.id, job.token, not_before=LATER, reason="remote away", now=NOW)
    assert store.job(job.id).state is JobState.SUPERSEDED
    assert store.job(second).bump is (asked or Bump.MAJOR)


def test_a_bump_of_an_older_queued_job_survives_a_newer_one_coming_back(store: Store) -> None:
    """The newest commit wins, and takes the operator's wish along."""
    enqueue(store, 1, source="operator", bump=Bump.MAJOR)
    old = claim(store)
    store.finish(old.id, old.token, JobState.FAILED, "no", NOW)
    new = running(store, 2)
    store.retry(old.id, NOW, by="me")
    assert store.requeue(new.id, new.token, not_before=None, reason="", now=NOW).bump is Bump.MAJOR


def test_a_bump_counts_for_the_job_that_waits_already(store: Store) -> None:
    """An operator's bump is never dropped: it is taken, or refused when it comes too late."""
    job_id = enqueue(store)
    enqueue(store, source="operator", bump=Bump.MINOR)
    assert store.job(job_id).bump is Bump.MINOR
    claim(store)
    with pytest.raises(UsageError, match="bump cannot be changed"):
        enqueue(store, source="operator", bump=Bump.MAJOR)


def test_a_running_job_is_not_overtaken(store: Store) -> None:
    """A push while a job runs waits until that is over."""
    job = running(store, 1)
    second = enqueue(store, 2)
    assert store.claim("you", now=LATER, lease=LEASE) is None
    store.finish(job.id, job.token, JobState.SUCCEEDED, "released", LATER)
    assert claim(store).id == second


def test_a_job_that_waits_for_a_retry_is_superseded_before_its_tag(store: Store) -> None:
    """A newer commit replaces a build that is waiting to be tried again."""
    job = running(store, 1)
    run_steps(store, job, StepName.CHECK)
    store.requeue(job.id, job.token, not_before=LATER, reason="a host is away", now=NOW)
    assert store.enqueue("p", commit_of(2), "main", source="hook", now=NOW).superseded == (job.id,)


def test_a_job_past_its_tag_is_never_superseded(store: Store) -> None:
    """Once `tag` was started the version may be public: the job stays queued beside the newer one, and goes first."""
    job = running(store, 1)
    run_steps(store, job, StepName.CHECK)
    store.step_started(job.id, job.token, StepName.TAG, NOW)
    store.requeue(job.id, job.token, not_before=None, reason="index away", now=NOW)
    made = store.enqueue("p", commit_of(2), "main", source="hook", now=NOW)
    assert made.superseded == ()
    assert [queued.id for queued in store.queue()] == [job.id, made.job_id]
    assert claim(store).id == job.id


@pytest.mark.parametrize("back", ["requeue", "reclaim"])
def test_a_job_that_comes_back_to_a_newer_one_is_superseded(store: Store, back: str) -> None:
    """Running job, push, then the job returns to the queue: only the newest commit stays there."""
    job = running(store, 1)
    second = enqueue(store, 2)
    if back == "requeue":
        assert store.requeue(job.id, job.token, not_before=None, reason="", now=NOW).state is JobState.SUPERSEDED
    else:
        assert [lost.state for lost in store.reclaim(LATER)] == [JobState.SUPERSEDED]
    assert [queued.id for queued in store.queue()] == [second]


def test_a_job_that_comes_back_replaces_an_older_retried_one(store: Store) -> None:
    """The newest commit wins, whichever of the two was in the queue first."""
    old = running(store, 1)
    store.finish(old.id, old.token, JobState.FAILED, "no", NOW)
    new = running(store, 2)
    store.retry(old.id, NOW, by="me")
    store.requeue(new.id, new.token, not_before=None, reason="", now=NOW)
    assert store.job(old.id).state is JobState.SUPERSEDED
    assert [queued.id for queued in store.queue()] == [new.id]


def test_claim_takes_the_oldest_due_job(store: Store) -> None:
    """First come, first served over projects; what is not due, or not asked for, is left."""
    first, second, third = (enqueue(store, 1, project) for project in "abc")
    job = claim(store)
    assert job.id == first
    store.requeue(job.id, job.token, not_before=LATER, reason="window", now=NOW)
    asked = store.claim("me", now=NOW, lease=LEASE, projects=["c"])
    assert asked is not None
    assert asked.id == third
    assert claim(store).id == second
    assert store.claim("me", now=NOW, lease=LEASE) is None
    assert store.claim("me", now=LATER, lease=LEASE, projects=[]) is None
    assert claim(store, now=LATER).id == first


def test_every_claim_raises_attempt_and_token(store: Store) -> None:
    """The token tells apart two claims of one job, even by the same owner."""
    job = running(store)
    assert (job.state, job.attempt, job.token, job.owner) == (JobState.RUNNING, 1, 1, "me")
    assert (job.lease_until, job.started_at) == (NOW + LEASE, NOW)
    waiting = store.requeue(job.id, job.token, not_before=None, reason="again", now=NOW)
    assert (waiting.owner, waiting.lease_until, waiting.reason) == (None, None, "again")
    again = claim(store, now=LATER)
    assert (again.attempt, again.token, again.started_at) == (2, 2, NOW)


def test_a_renewed_lease_is_not_reclaimed_and_an_ended_one_is(store: Store) -> None:
    """Leases end by the clock alone, and only the owner's own are renewed."""
    job = running(store)
    late = NOW + LEASE
    assert store.renew("you", now=late, lease=LEASE) == 0
    assert store.renew("me", now=NOW + LEASE / 2, lease=LEASE) == 1
    assert store.reclaim(late) == ()
    lost = store.reclaim(LATER)
    assert [(back.id, back.state, back.reason) for back in lost] == [(job.id, JobState.QUEUED, "the lease was lost")]
    assert names(store)[-2:] == ["lease.lost", "job.requeued"]


def test_an_owner_never_reclaims_from_itself(store: Store) -> None:
    """A daemon that slept past its lease leaves its own jobs to its own threads."""
    running(store)
    assert store.reclaim(LATER, except_owner="me") == ()
    assert store.reclaim(NOW, except_owner="me", all_others=True) == ()
    assert len(store.reclaim(LATER, except_owner="you")) == 1


def test_after_a_restart_all_jobs_of_others_come_back_at_once(store: Store) -> None:
    """The lock of the state folder proves other owners dead, so no lease has to be waited out."""
    job = running(store)
    lost = store.reclaim(NOW, except_owner="new", all_others=True)
    assert [(back.id, back.reason) for back in lost] == [(job.id, "the daemon was restarted")]


def test_a_cancelled_job_whose_daemon_died_is_cancelled_not_queued(store: Store) -> None:
    """What an operator asked for survives a crash."""
    job = running(store)
    store.cancel(job.id, NOW, "me")
    assert [back.state for back in store.reclaim(LATER)] == [JobState.CANCELLED]


def test_every_write_of_a_stale_worker_is_fenced_and_changes_nothing(store: Store) -> None:
    """After a takeover nothing that the old attempt does reaches the tables or the log."""
    stale = running(store)
    store.step_started(stale.id, stale.token, StepName.PREFLIGHT, NOW)
    start_build(store, stale, "wheel", "host")
    store.reclaim(LATER)
    fresh = claim(store, "you", LATER)
    before, head = store.job(fresh.id), store.head()
    for name, write in guarded_writes(store, stale.id, stale.token).items():
        with pytest.raises(Fenced):
            write()
        assert (name, store.job(fresh.id), store.head()) == (name, before, head)
    store.fence(fresh.id, fresh.token)


@pytest.mark.parametrize("state", [state for state in JobState if state is not JobState.RUNNING])
def test_a_token_is_worth_nothing_when_the_job_does_not_run(store: Store, state: JobState) -> None:
    """Queued or over, the last token no longer opens anything."""
    job = in_state(store, state)
    assert job.state is state
    for write in guarded_writes(store, job.id, job.token).values():
        with pytest.raises(Fenced):
            write()


def test_heads_are_kept_for_each_project(store: Store) -> None:
    """Reconcile asks what was handled last."""
    assert store.head_of("p", "main") is None
    enqueue(store, 1)
    enqueue(store, 1, "q")
    store.set_head("p", "main", commit_of(7), NOW)
    assert (store.head_of("p", "main"), store.head_of("q", "main")) == (commit_of(7), commit_of(1))


def test_a_job_cannot_end_as_something_that_is_no_end(store: Store) -> None:
    """`finish` knows three states."""
    job = running(store)
    for state in (JobState.QUEUED, JobState.RUNNING, JobState.SUPERSEDED):
        with pytest.raises(IllegalTransition):
            store.finish(job.id, job.token, state, "", NOW)
    assert store.job(job.id).state is JobState.RUNNING


def test_a_version_that_is_being_released_is_waited_for(store: Store) -> None:
    """Two live jobs never hold one version; the second is told which job to wait for."""
    first = running(store, 1)
    store.set_plan(first.id, first.token, plan("1.0.0"), NOW)
    run_steps(store, first, StepName.TAG)
    store.requeue(first.id, first.token, not_before=LATER, reason="", now=NOW)
    second = running(store, 2)
    with pytest.raises(Transient, match=f"by job {first.id}"):
        store.set_plan(second.id, second.token, plan("1.0.0"), NOW)
    store.set_plan(second.id, second.token, plan("1.1.0"), NOW)
    assert store.job(second.id).version == "1.1.0"
