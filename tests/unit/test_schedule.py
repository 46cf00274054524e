"""Where a build runs: slots are kept, projects take turns, nothing is left idle."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from releasd.core.schedule import (
    LONGEST_QUARANTINE,
    History,
    Place,
    Waiting,
    assign,
    next_look,
    quarantined,
    why_waiting,
)

NOW = datetime(2026, 11, 23, 1, 0, tzinfo=UTC)
NAMES = ("a", "b", "c", "d")
PROJECTS = ("p", "q", "r")


def build(project: str, *hosts: str, name: str = "wheel", job: int = 1, since: int = 0) -> Waiting:
    """Return a build that waits since so many seconds after NOW."""
    return Waiting(project=project, job=job, build=name, hosts=hosts, since=NOW + timedelta(seconds=since))


def place(name: str, slots: int = 1, running: int = 0, out: str = "", *, load: float = 0.0, cores: int = 1) -> Place:
    """Return a host."""
    return Place(name=name, slots=slots, running=running, out=out, load=load, cores=cores)


def chosen(waiting: list[Waiting], places: list[Place], history: History | None = None) -> list[tuple[str, str]]:
    """Return (project, host) in the order in which they were chosen."""
    given_out = assign(waiting, {each.name: each for each in places}, history or History())
    return [(each.project, host) for each, host in given_out]


places_strategy = st.fixed_dictionaries(
    {
        name: st.builds(
            Place,
            name=st.just(name),
            slots=st.integers(1, 3),
            running=st.integers(0, 4),
            out=st.sampled_from(["", "", "", "is drained", "is quarantined"]),
            load=st.floats(0, 8),
            cores=st.integers(1, 8),
        )
        for name in NAMES
    }
)
waiting_strategy = st.lists(
    st.tuples(st.sampled_from(PROJECTS), st.sets(st.sampled_from(NAMES), min_size=1), st.integers(0, 9)),
    max_size=12,
).map(lambda rows: [build(p, *sorted(hosts), job=n, since=since) for n, (p, hosts, since) in enumerate(rows)])
history_strategy = st.builds(
    History,
    running=st.dictionaries(st.sampled_from(PROJECTS), st.integers(0, 5)),
    turns=st.dictionaries(st.sampled_from(PROJECTS), st.integers(0, 9).map(lambda n: NOW + timedelta(seconds=n))),
)


@given(waiting_strategy, places_strategy, history_strategy)
def test_slots_drains_and_wishes_are_kept(waiting: list[Waiting], places: dict[str, Place], history: History) -> None:
    """Never more than a host's slots, never on one that is out, never where a build may not go, no build twice."""
    made = assign(waiting, places, history)
    for name, each in places.items():
        count = sum(host == name for _, host in made)
        assert not count or not each.out
        assert not count or each.running + count <= each.slots
    assert all(host in each.hosts for each, host in made)
    assert len({each.job for each, _ in made}) == len(made)


@given(waiting_strategy, places_strategy, history_strategy)
def test_nothing_is_left_idle(waiting: list[Waiting], places: dict[str, Place], history: History) -> None:
    """A build that still waits has no host with a free slot that could take it."""
    made = assign(waiting, places, history)
    taken = [each for each, _ in made]
    free = {
        name
        for name, each in places.items()
        if not each.out and each.running + sum(host == name for _, host in made) < each.slots
    }
    assert not any(free & set(each.hosts) for each in waiting if each not in taken)


@given(waiting_strategy, places_strategy, history_strategy)
def test_no_project_gets_ahead_of_one_that_waits(
    waiting: list[Waiting], places: dict[str, Place], history: History
) -> None:
    """When a project is given a host that another, which goes on waiting, could have used, it had not more running."""
    made = assign(waiting, places, history)
    left = [each for each in waiting if each not in [taken for taken, _ in made]]
    running = dict(history.running)
    for each, host in made:
        for other in left:
            if host in other.hosts and other.project != each.project:
                total = history.running.get(other.project, 0) + sum(t.project == other.project for t, _ in made)
                assert running.get(each.project, 0) <= total
        running[each.project] = running.get(each.project, 0) + 1


@given(st.lists(st.integers(1, 8), min_size=2, max_size=6), st.integers(1, 3))
def test_every_project_has_its_turn(backlogs: list[int], slots: int) -> None:
    """However long the others' queues are, nobody with work waits for longer than one turn of each."""
    queues = {f"p{n}": [build(f"p{n}", "a", job=100 * n + k) for k in range(count)] for n, count in enumerate(backlogs)}
    turns: dict[str, datetime] = {}
    passed_over = dict.fromkeys(queues, 0)
    moment = 0
    while any(queues.values()):
        waiting = [each for queue in queues.values() for each in queue]
        made = assign(waiting, {"a": place("a", slots)}, History(turns=turns))  # what was given has ended by now
        assert made
        for each, _ in made:
            moment += 1
            queues[each.project].remove(each)
            turns[each.project] = NOW + timedelta(seconds=moment)
            passed_over[each.project] = -1
        for project, queue in queues.items():
            passed_over[project] = passed_over[project] + 1 if queue else 0
            assert passed_over[project] <= len(backlogs)


def test_a_long_queue_does_not_keep_a_newcomer_waiting() -> None:
    """With one slot, the second build of a project comes after the first of another, though it waits longer."""
    waiting = [build("big", "a", job=n) for n in range(9)] + [build("small", "a", job=99, since=60)]
    assert chosen(waiting, [place("a")], History(turns={"big": NOW})) == [("small", "a")]


def test_the_project_with_less_running_is_first() -> None:
    """What runs elsewhere counts."""
    waiting = [build("p", "a"), build("q", "a", since=60)]
    assert chosen(waiting, [place("a")], History(running={"p": 1})) == [("q", "a")]


def test_of_equals_the_one_that_waits_longest_is_first() -> None:
    """Order of registration in the store does not matter."""
    assert chosen([build("p", "a", since=9), build("q", "a")], [place("a")]) == [("q", "a")]


def test_the_least_loaded_host_is_taken() -> None:
    """By builds for each slot, so that large hosts take more."""
    places = [place("a", slots=2, running=1), place("b", slots=4, running=1)]
    assert chosen([build("p", "a", "b")], places) == [("p", "b")]


def test_a_warm_cache_decides_between_equals_only() -> None:
    """It is worth a tie, never a queue."""
    warm = History(warm={("p", "wheel"): frozenset({"b"})})
    assert chosen([build("p", "a", "b")], [place("a"), place("b")], warm) == [("p", "b")]
    assert chosen([build("q", "a", "b")], [place("a"), place("b")], warm) == [("q", "a")]
    assert chosen([build("p", "a", "b")], [place("a", 2), place("b", 2, 1)], warm) == [("p", "a")]


def test_the_machine_that_has_less_to_do_is_taken_last_of_all() -> None:
    """Load for each core decides where slots and caches do not, then the order of registration."""
    busy, idle = place("a", load=4.0, cores=2), place("b", load=4.0, cores=16)
    assert chosen([build("p", "a", "b")], [busy, idle]) == [("p", "b")]
    assert chosen([build("p", "a", "b")], [place("a"), place("b")]) == [("p", "a")]


def test_builds_of_one_job_spread_over_hosts() -> None:
    """Two builds that may go anywhere do not share a host while another is idle."""
    waiting = [build("p", "a", "b", name="x"), build("p", "a", "b", name="y")]
    assert sorted(chosen(waiting, [place("a", 2), place("b", 2)])) == [("p", "a"), ("p", "b")]


def test_one_that_waits_for_a_slot_says_for_which() -> None:
    """Hosts that are out are not what it waits for."""
    places = {each.name: each for each in (place("a", 2, 2), place("b", out="is drained"))}
    found = why_waiting(build("p", "a", "b"), places)
    assert (found.host, found.is_stuck) == (None, False)
    assert found.reason == "waits for a free slot: a (2 of 2 taken)"


def test_one_without_a_usable_host_says_what_is_missing() -> None:
    """Labels, each host, why it is out, and when it is looked at again."""
    out = quarantined(NOW, NOW + timedelta(seconds=8), "no route")
    waits = Waiting(project="p", job=1, build="w", hosts=("mini",), since=NOW, labels=("macos", "arm64"))
    found = why_waiting(waits, {"mini": place("mini", out=out)})
    assert found.is_stuck
    assert found.reason == (
        "no host with labels macos, arm64 is usable: mini is quarantined since 2026-11-23 01:00:00 UTC (no route), "
        "next look at 01:00:08 UTC"
    )


@pytest.mark.parametrize(("failures", "seconds"), [(1, 2), (2, 4), (5, 32), (8, 256), (9, 300), (99, 300)])
def test_a_host_that_goes_on_failing_is_looked_at_less_often(failures: int, seconds: int) -> None:
    """Doubled each time, and never less often than a host that is well."""
    assert (next_look(failures, NOW) - NOW).total_seconds() == seconds
    assert seconds <= LONGEST_QUARANTINE
