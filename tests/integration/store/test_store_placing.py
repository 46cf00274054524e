"""Slots are handed out by turns, whoever asks; what waits says why, and is woken."""

from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest

from releasd.model import HostSpec, Job, JobState, StepName, StepState
from releasd.store import Store, open_store
from support.store import NOW, claim, run_steps, running

LATER = NOW + timedelta(seconds=90)
FAR = HostSpec(name="far", labels=frozenset({"linux"}), address="far", slots=2)


def ask(store: Store, job: Job, name: str = "wheel", *, seconds: float = 0.0, **hosts: int) -> str | None:
    """Ask for a slot of `hosts`, so many seconds after NOW; return the host that was given."""
    now = NOW + timedelta(seconds=seconds)
    return store.place_build(job.id, job.token, name, hosts=hosts, labels=("linux",), now=now).host


def events(store: Store, noun: str) -> list[str]:
    """Return the names of the events about `noun`."""
    return [event.event for event in store.events_after(0) if event.event.startswith(noun)]


def test_a_slot_that_is_freed_is_handed_on_at_once(store: Store) -> None:
    """The next in turn has it in the same transaction; its owner finds out with its next look."""
    one, two = running(store, 1, "p"), running(store, 1, "q")
    assert ask(store, one, h=1) == "h"
    assert ask(store, two, h=1) is None
    store.build_failed(one.id, one.token, "wheel", "h", "no", now=NOW)
    assert [(build.host, build.state) for build in store.builds(two.id)] == [("h", StepState.STARTED)]
    assert ask(store, two, h=1) == "h"


@pytest.mark.parametrize("how", ["sealed", "left"])
def test_a_slot_is_handed_on_however_it_was_held(store: Store, how: str) -> None:
    """A build that ended well, and one that was given a slot but does not want it any more."""
    one, two = running(store, 1, "p"), running(store, 1, "q")
    ask(store, one, h=1)
    ask(store, two, h=1)
    if how == "sealed":
        store.build_sealed(one.id, one.token, "wheel", "h", (), now=NOW)
    else:
        store.leave_build(one.id, one.token, "wheel", now=NOW)
    assert ask(store, two, h=1) == "h"


def test_projects_take_turns(store: Store) -> None:
    """The second build of a project comes after the first of another that began to wait later."""
    one, two = running(store, 1, "p"), running(store, 1, "q")
    assert ask(store, one, "x", h=1) == "h"
    assert ask(store, one, "y", seconds=1, h=1) is None
    assert ask(store, two, "z", seconds=2, h=1) is None
    store.build_failed(one.id, one.token, "x", "h", "no", now=NOW + timedelta(seconds=3))
    assert ask(store, two, "z", seconds=4, h=1) == "h"
    assert ask(store, one, "y", seconds=4, h=1) is None


def test_a_host_where_the_build_succeeded_is_preferred(store: Store) -> None:
    """Its caches are warm; for another project's build of that name they are not."""
    one = running(store, 1, "p")
    ask(store, one, b=1)
    store.build_sealed(one.id, one.token, "wheel", "b", (), now=NOW)
    store.finish(one.id, one.token, JobState.SUCCEEDED, "", NOW)
    assert ask(store, running(store, 2, "p"), a=1, b=1) == "b"
    assert ask(store, running(store, 1, "q"), a=1, b=1) == "a"


def test_asking_again_is_cheap_and_says_the_same(store: Store) -> None:
    """Until it is its turn a build that waits writes nothing; `status` shows why it waits, and since when."""
    one, two = running(store, 1, "p"), running(store, 1, "q")
    ask(store, one, h=1)
    ask(store, two, h=1)
    head = store.head()
    for seconds in (1, 2, 8):
        assert ask(store, two, seconds=seconds, h=1) is None
    assert store.head() == head
    (waits,) = store.waiting(two.id)
    assert (waits.name, waits.since, waits.reason) == ("wheel", NOW, "waits for a free slot: h (1 of 1 taken)")


def test_a_build_that_waits_no_longer_is_forgotten(store: Store) -> None:
    """Whether it gave up by itself or its job ended."""
    one, two, three = (running(store, 1, project) for project in "pqr")
    ask(store, one, h=1)
    ask(store, two, h=1)
    ask(store, three, h=1)
    store.leave_build(two.id, two.token, "wheel", now=NOW)
    store.finish(three.id, three.token, JobState.CANCELLED, "", NOW)
    assert (store.waiting(two.id), store.waiting(three.id)) == ((), ())
    store.build_failed(one.id, one.token, "wheel", "h", "no", now=NOW)
    assert store.builds(two.id) == store.builds(three.id) == ()


def test_a_waiter_whose_daemon_died_is_given_nothing(store: Store) -> None:
    """What a lost attempt waited for goes to those who live."""
    one, two, three = (running(store, 1, project) for project in "pqr")
    ask(store, one, h=1)
    ask(store, two, h=1)
    ask(store, three, seconds=1, h=1)
    store.reclaim(NOW, except_owner="you", all_others=True)
    again = {job.project: job for job in (claim(store, "you") for _ in range(3))}
    assert ask(store, again["r"], seconds=9, h=1) == "h"


def test_nothing_goes_to_a_drained_host_until_it_is_resumed(store: Store) -> None:
    """What runs there is finished; draining twice is draining once; it is remembered by the store."""
    store.register_hosts((FAR,), now=NOW)
    one, two = running(store, 1, "p"), running(store, 1, "q")
    assert ask(store, one, far=2) == "far"
    store.drain_host("far", by="me", now=NOW)
    store.drain_host("far", by="me", now=NOW)
    found = store.place_build(two.id, two.token, "wheel", hosts={"far": 2}, labels=(), now=NOW)
    assert found.is_stuck
    assert found.reason == "no host is usable: far is drained (releasd hosts resume far)"
    (host,) = store.hosts()
    assert (host.drained, [build.project for build in host.running]) == (True, ["p"])
    store.build_sealed(one.id, one.token, "wheel", "far", (), now=NOW)
    store.resume_host("far", by="me", now=NOW)
    assert ask(store, two, far=2) == "far"
    assert events(store, "host.") == ["host.added", "host.drained", "host.resumed"]


def test_a_lost_host_is_quarantined_until_a_look_succeeds(store: Store) -> None:
    """One look that fails doubles the pause to the next; one that succeeds ends it, whatever the pause."""
    store.register_hosts((FAR,), now=NOW)
    store.host_lost("far", "reset by peer", now=NOW)
    pauses = []
    for _ in range(4):
        (host,) = store.hosts()
        assert host.since == NOW
        assert host.look_at is not None
        pauses.append((host.look_at - NOW).total_seconds())
        store.save_probe("far", ok=False, facts={}, reason="no route", now=host.look_at)
    assert pauses == [2, 6, 14, 30]
    assert "is quarantined since 2026-11-23 01:00:00 UTC (no route), next look at" in store.hosts()[0].out
    store.save_probe("far", ok=True, facts={"cores": 8, "load": 0.5}, reason="", now=LATER)
    assert (store.hosts()[0].out, store.hosts()[0].failures) == ("", 0)
    assert events(store, "host.") == ["host.added", "host.quarantined", "host.lost", "host.found", "host.recovered"]


def test_a_host_that_loses_builds_between_good_looks_is_left_alone_for_longer_each_time(store: Store) -> None:
    """A full disk looks well between two builds; only a build that succeeds there proves that it is."""
    job, now, pauses = running(store), NOW, []
    for _ in range(4):
        store.host_lost("far", "disk full", now=now)
        now = store.hosts()[0].look_at or now
        pauses.append((now - (store.hosts()[0].since or now)).total_seconds())
        store.save_probe("far", ok=True, facts={}, reason="", now=now)
        assert store.hosts()[0].out == ""
    assert pauses == [2, 4, 8, 16]
    assert ask(store, job, far=1) == "far"
    store.build_sealed(job.id, job.token, "wheel", "far", (), now=now)
    store.host_lost("far", "disk full", now=now)
    assert store.hosts()[0].look_at == now + timedelta(seconds=2)


def test_each_loss_is_remembered_until_an_operator_retries(store: Store) -> None:
    """Each part of a job has its own, over all attempts: builds, gates and trials alike."""
    job = running(store)
    assert store.lost(job.id, job.token, "gate-tests", "a", "gone") == ("a (gone)",)
    assert store.lost(job.id, job.token, "wheel", "b", "gone") == ("b (gone)",)
    assert store.lost(job.id, job.token, "gate-tests", "c", "full") == ("a (gone)", "c (full)")
    store.finish(job.id, job.token, JobState.FAILED, "", NOW)
    store.retry(job.id, NOW, by="me")
    again = running(store)
    assert store.lost(again.id, again.token, "gate-tests", "d", "gone") == ("d (gone)",)


def test_an_impatient_operator_prolongs_no_quarantine(store: Store) -> None:
    """A look before its time that fails changes why, not when."""
    store.host_lost("far", "reset by peer", now=NOW)
    before = store.hosts()[0]
    store.save_probe("far", ok=False, facts={}, reason="still away", now=NOW)
    after = store.hosts()[0]
    assert (after.failures, after.look_at, after.why) == (before.failures, before.look_at, "still away")


def test_other_builds_of_the_job_are_waited_for(store: Store) -> None:
    """A build without a usable host is not stuck while its job has another that runs: the host may come back."""
    job = running(store)
    store.host_lost("far", "gone", now=NOW)
    assert ask(store, job, "x", h=1) == "h"
    waits = store.place_build(job.id, job.token, "y", hosts={"far": 1}, labels=(), now=NOW)
    assert (waits.host, waits.is_stuck) == (None, False)
    store.build_sealed(job.id, job.token, "x", "h", (), now=NOW)
    assert store.place_build(job.id, job.token, "y", hosts={"far": 1}, labels=(), now=LATER).is_stuck


def parked(store: Store, hosts: Mapping[str, int]) -> Job:
    """Return a job that was put off until one of `hosts` can be used."""
    job = running(store)
    run_steps(store, job, StepName.VERSION)
    store.park(job.id, job.token, "wheel", hosts=hosts, reason="no host is usable", now=NOW)
    return store.job(job.id)


@pytest.mark.parametrize("how", ["recovered", "resumed"])
def test_a_job_that_waits_for_a_host_is_due_when_one_can_be_used(store: Store, how: str) -> None:
    """Not before: it costs no attempt of any step; and circumstances are looked at anew."""
    store.register_hosts((FAR,), now=NOW)
    if how == "recovered":
        store.host_lost("far", "gone", now=NOW)
    else:
        store.drain_host("far", by="me", now=NOW)
    job = parked(store, {"far": 2})
    assert (job.state, job.reason) == (JobState.QUEUED, "no host is usable")
    assert job.not_before == NOW + timedelta(seconds=300)
    assert [waits.reason for waits in store.waiting(job.id)] == ["no host is usable"]
    assert StepName.PREFLIGHT not in store.records(job.id)
    assert StepName.VERSION in store.records(job.id)
    if how == "recovered":
        store.save_probe("far", ok=True, facts={}, reason="", now=LATER)
    else:
        store.resume_host("far", by="me", now=LATER)
    assert store.job(job.id).not_before == LATER
    assert claim(store, now=LATER).id == job.id


def test_another_hosts_recovery_wakes_nobody(store: Store) -> None:
    """A job is due only for hosts that could take it."""
    store.host_lost("near", "gone", now=NOW)
    job = parked(store, {"far": 2})
    store.save_probe("near", ok=True, facts={}, reason="", now=LATER)
    assert store.job(job.id).not_before == NOW + timedelta(seconds=300)


def test_a_job_is_not_put_off_beside_a_host_that_is_back_already(store: Store) -> None:
    """What it waits for may have come while it ended: no later event would tell."""
    store.register_hosts((FAR,), now=NOW)
    store.host_lost("gone", "gone", now=NOW)
    assert parked(store, {"far": 2, "gone": 1}).not_before == NOW


def test_a_new_host_wakes_who_waits(store: Store) -> None:
    """Its first good look, and no later one: it may be what every job waits for."""
    store.host_lost("far", "gone", now=NOW)
    job = parked(store, {"far": 2})
    store.register_hosts((FAR,), now=NOW)
    store.save_probe("fresh", ok=False, facts={}, reason="lacks uv", now=NOW)
    assert store.job(job.id).not_before == NOW + timedelta(seconds=300)
    store.save_probe("new", ok=True, facts={}, reason="", now=LATER)
    assert store.job(job.id).not_before == LATER


def test_what_was_taken_out_while_no_daemon_ran_is_gone_at_its_start(store: Store) -> None:
    """The configuration says which hosts there are."""
    store.register_hosts((FAR,), now=NOW)
    store.register_hosts((), now=NOW)
    assert store.hosts() == ()
    assert events(store, "host.") == ["host.added", "host.removed"]


def test_a_look_at_a_host_that_was_removed_meanwhile_is_forgotten(store: Store) -> None:
    """It is no mistake of anybody's, and the looks at the others count."""
    store.register_hosts((FAR,), now=NOW)
    store.host_removed("far", now=NOW)
    for ok in (True, False):
        store.save_probe("far", ok=ok, facts={}, reason="", now=NOW)
    assert (store.hosts(), store.probes()) == ((), ())


def test_behind_the_tag_the_journal_is_kept_whole(store: Store) -> None:
    """Once a version may be public nothing that was recorded is forgotten."""
    job = running(store)
    run_steps(store, job, StepName.TAG)
    store.park(job.id, job.token, "wheel", hosts={"far": 1}, reason="", now=NOW)
    assert StepName.PREFLIGHT in store.records(job.id)


def test_a_removed_host_is_shown_and_used_no_more_until_it_is_registered_again(store: Store) -> None:
    """Coming back it starts afresh: neither drained nor in quarantine."""
    store.register_hosts((FAR,), now=NOW)
    store.drain_host("far", by="me", now=NOW)
    store.save_probe("far", ok=False, facts={}, reason="gone", now=NOW)
    store.host_removed("far", now=NOW)
    assert (store.hosts(), store.probes()) == ((), ())
    assert ask(store, running(store), far=2) is None
    store.register_hosts((FAR,), now=NOW)
    store.register_hosts((FAR,), now=NOW)
    (host,) = store.hosts()
    assert (host.out, host.spec["slots"], host.spec["labels"]) == ("", 2, ["linux"])
    assert events(store, "host.").count("host.added") == 2


def test_many_who_ask_at_once_never_share_a_slot(store: Store, url: str) -> None:
    """Several daemons on one store: no more builds start than there are slots."""
    jobs = [running(store, 1, f"p{number}") for number in range(8)]

    def one(job: Job) -> str | None:
        with open_store(url) as mine:
            return ask(mine, job, a=1, b=2)

    with ThreadPoolExecutor(8) as pool:
        given = list(pool.map(one, jobs))
    started = [build.host for job in jobs for build in store.builds(job.id)]
    assert sorted(started) == ["a", "b", "b"]
    assert len([host for host in given if host]) <= 3


def test_a_smaller_number_of_slots_counts(store: Store) -> None:
    """While a reload is under way two configurations may differ: the careful one is right."""
    one, two, three = (running(store, 1, project) for project in "pqr")
    assert ask(store, one, h=1) == "h"
    assert ask(store, two, h=1) is None
    assert ask(store, three, h=2) is None
    store.leave_build(two.id, two.token, "wheel", now=NOW)
    assert ask(store, three, seconds=9, h=2) == "h"
