"""Where a build runs: which of the builds that wait gets which host's free slot. Pure.

Rule 1: *Never* more builds on a host than it has slots, and nothing new on one that is drained or quarantined.
Rule 2: *Projects take turns.* The project with the fewest running builds is next; of equals the one whose last turn is
longest ago; then the build that waits longest.
Rule 3: *The least loaded host*, by running builds for each slot; of equals one whose caches are warm for this build,
then the one with the lower load for each core, then the order of registration.
Rule 4: *Nothing is left idle*: no build waits while a host that could take it has a free slot.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from releasd.core.retry import delay

LONGEST_QUARANTINE = 300.0  # seconds between two looks at a host that fails
NEVER = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True, kw_only=True)
class Waiting:
    """A build that waits. `hosts` are the names of those that have its `labels` and that its project may use."""

    project: str
    job: int
    build: str
    hosts: tuple[str, ...]
    since: datetime
    labels: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """A host as the scheduler sees it. `out` says why it takes nothing new; empty: it does. `load` is its average."""

    name: str
    slots: int
    running: int = 0
    out: str = ""
    cores: int = 1
    load: float = 0.0

    @property
    def is_free(self) -> bool:
        """Return whether another build may start here."""
        return not self.out and self.running < self.slots


@dataclass(frozen=True, slots=True, kw_only=True)
class History:
    """What counts besides what waits: each project's running builds and last turn, and where caches are warm.

    `warm` maps (project, build) to the hosts where it succeeded.
    """

    running: Mapping[str, int] = field(default_factory=dict)
    turns: Mapping[str, datetime] = field(default_factory=dict)
    warm: Mapping[tuple[str, str], frozenset[str]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Placement:
    """Where a build runs: on `host`, or nowhere yet, because of `reason`.

    `is_stuck`: no host that could take it takes anything now; waiting for a slot would be for nothing.
    """

    host: str | None = None
    reason: str = ""
    is_stuck: bool = False


def assign(
    waiting: Iterable[Waiting], places: Mapping[str, Place], history: History
) -> tuple[tuple[Waiting, str], ...]:
    """Return which build starts on which host now, in the order in which they were chosen."""
    taken = {name: place.running for name, place in places.items() if place.is_free}
    running, served = dict(history.running), dict.fromkeys(history.running, 0)
    left, given = list(waiting), list[tuple[Waiting, str]]()

    def rank(build: Waiting) -> tuple[int, int, datetime, datetime, int, str]:
        project = build.project
        turn = history.turns.get(project, NEVER)
        return (running.get(project, 0), served.get(project, 0), turn, build.since, build.job, build.build)

    while taken:
        left = [build for build in left if any(name in taken for name in build.hosts)]
        if not left:
            break
        chosen = min(left, key=rank)
        host = _best(chosen, places, taken, history)
        left.remove(chosen)
        given.append((chosen, host))
        running[chosen.project] = running.get(chosen.project, 0) + 1
        served[chosen.project] = len(given)
        taken[host] += 1
        if taken[host] >= places[host].slots:
            del taken[host]
    return tuple(given)


def _best(build: Waiting, places: Mapping[str, Place], taken: Mapping[str, int], history: History) -> str:
    warm = history.warm.get((build.project, build.build), frozenset())

    def rank(name: str) -> tuple[float, bool, float]:
        place = places[name]
        return (taken[name] / place.slots, name not in warm, place.load / max(place.cores, 1))

    return min((name for name in build.hosts if name in taken), key=rank)  # of equals the first, as registered


def why_waiting(build: Waiting, places: Mapping[str, Place]) -> Placement:
    """Say why a build that was given no host waits, naming what is missing."""
    known = [places[name] for name in build.hosts]
    usable = [place for place in known if not place.out]
    if usable:
        full = ", ".join(f"{place.name} ({place.running} of {place.slots} taken)" for place in usable)
        return Placement(reason=f"waits for a free slot: {full}")
    return Placement(reason=no_host(build.labels, {place.name: place.out for place in known}), is_stuck=True)


def no_host(labels: Sequence[str], out: Mapping[str, str]) -> str:
    """Say that no host can be used, and why each cannot."""
    wanted = f"with labels {', '.join(labels)} " if labels else ""
    return f"no host {wanted}is usable: " + "; ".join(f"{name} {why}" for name, why in out.items())


def quarantined(since: datetime, look_at: datetime, why: str) -> str:
    """Say that a host is in quarantine, and when it is looked at again."""
    return f"is quarantined since {since:%Y-%m-%d %H:%M:%S} UTC ({why}), next look at {look_at:%H:%M:%S} UTC"


def next_look(failures: int, now: datetime) -> datetime:
    """Return when a host that failed so many times in a row (one or more) is looked at again."""
    return now + timedelta(seconds=min(delay(failures), LONGEST_QUARANTINE))
