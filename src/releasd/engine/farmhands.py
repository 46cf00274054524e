"""What an operator and the clock do with the registered hosts: probe, drain, resume; and what becomes of a reload."""

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from releasd.engine.probing import Wanted, answers, builds_of, probe_hosts
from releasd.engine.world import World
from releasd.errors import ReleasdError, UsageError
from releasd.model import Project
from releasd.ports import Host
from releasd.store import HostRecord, ProbeRecord

PROBE_EVERY = timedelta(seconds=300)  # of a host that is well; one in quarantine is looked at by its own clock
SURVEYED = frozenset({"programs", "images"})  # what only a survey finds; it is done once, and when asked for
_IN_THE_RECORD = frozenset({"name", "ok", "reason"})


def register(world: World, before: World | None = None) -> None:
    """Take note of the hosts that this world has, and of those of the world `before` that it has no more."""
    now = world.clock.now()
    specs = [host.spec for host in world.hosts.able(())]
    world.store.register_hosts(specs, now=now)
    names = {spec.name for spec in specs}
    for host in before.hosts.able(()) if before else ():
        if host.spec.name not in names:
            world.store.host_removed(host.spec.name, now=now)


@dataclass(frozen=True, slots=True)
class Farm:
    """Bound to one world; `wake` makes the main thread look at once."""

    world: World
    wake: Callable[[], None]

    def probe(self, names: Collection[str] = ()) -> dict[str, Any]:
        """Look at these hosts (none named: at all), remember what each said, and say which builds would run where."""
        hosts = self._named(names)
        wanted = [self._wanted(project) for project in self.world.projects.values()]
        found = self._look(hosts, wanted, survey=True)
        out = {host.name: host.out for host in self.world.store.hosts() if host.out}
        return {"schema": 1, "hosts": found, "builds": answers(wanted, self._named(()), found, out)}

    def probe_due(self) -> None:
        """Look at the hosts whose time has come: by the tick, in its own thread."""
        now = self.world.clock.now()
        records = {host.name: host for host in self.world.store.hosts()}
        probes = {probe.name: probe for probe in self.world.store.probes()}
        due = [host for host in self.world.hosts.able(()) if _is_due(host, records, probes, now)]
        fresh = [host for host in due if not _surveyed(probes.get(host.spec.name))]
        known = [host for host in due if host not in fresh]
        wanted = [Wanted(project, project.builds) for project in self.world.projects.values()]
        for hosts, survey in ((fresh, True), (known, False)):
            if hosts:
                self._look(hosts, wanted, survey=survey)

    def drain(self, name: str) -> dict[str, Any]:
        """Let a host finish what runs there, and take nothing new."""
        self._named([name])
        self.world.store.drain_host(name, by="operator", now=self.world.clock.now())
        return self._shown(name)

    def resume(self, name: str) -> dict[str, Any]:
        """Let a drained host take builds again."""
        self._named([name])
        self.world.store.resume_host(name, by="operator", now=self.world.clock.now())
        self.wake()
        return self._shown(name)

    def _named(self, names: Collection[str]) -> tuple[Host, ...]:
        hosts = self.world.hosts.able(())
        known = [host.spec.name for host in hosts]
        for name in names:
            if name not in known:
                raise UsageError(f"there is no host {name}; registered: {', '.join(known)}", advice="releasd hosts")
        return tuple(host for host in hosts if not names or host.spec.name in names)

    def _shown(self, name: str) -> dict[str, Any]:
        (host,) = (host for host in self.world.store.hosts() if host.name == name)
        running = [{"project": each.project, "job": each.job, "build": each.build} for each in host.running]
        return {"schema": 1, "name": name, "drained": host.drained, "running": running}

    def _wanted(self, project: Project) -> Wanted:
        if project.builds:
            return builds_of(project, None, None, ())
        try:
            git = self.world.peek(project) or self.world.clone(project)
            head = self.world.store.head_of(project.name, project.branch)
            commit = git.resolve(f"refs/heads/{project.branch}") or head
        except ReleasdError as error:
            return Wanted(project, why_unknown=error.message)
        return builds_of(project, git, commit, self.world.hosts.able(()))

    def _look(self, hosts: Sequence[Host], wanted: Sequence[Wanted], *, survey: bool) -> list[dict[str, Any]]:
        tools = {tool for each in wanted for tool in each.tools}
        found = probe_hosts(hosts, tools, survey=survey)
        before = {probe.name: probe.facts for probe in self.world.store.probes()}
        for host in found:
            facts = {key: value for key, value in before.get(host["name"], {}).items() if key in SURVEYED}
            facts |= {key: value for key, value in host.items() if key not in _IN_THE_RECORD}
            self.world.store.save_probe(
                host["name"], ok=host["ok"], facts=facts, reason=host["reason"], now=self.world.clock.now()
            )
        self.wake()
        return found


def _is_due(host: Host, records: dict[str, HostRecord], probes: dict[str, ProbeRecord], now: datetime) -> bool:
    name = host.spec.name
    if name in records and (look_at := records[name].look_at):
        return look_at <= now
    return name not in probes or probes[name].at + PROBE_EVERY <= now


def _surveyed(probe: ProbeRecord | None) -> bool:
    return probe is not None and probe.facts.keys() >= SURVEYED
