"""Looks at each project's indexes every so often: do they serve what was released, and nothing else?

By a tick, in its own thread: the network is slow. The listing is read before the ledger, and a file is in the ledger
before it is uploaded (sealing), so a release that runs meanwhile is no alarm. Of each listing one file is downloaded,
the one that was not read for longest: a changed listing shows at once, changed bytes behind the same listing only so,
and every file's turn comes without the index having to bear a download of everything.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from functools import partial

from packaging.utils import canonicalize_name

from releasd.core.watching import distributions, judge, judge_bytes, legible, next_to_read
from releasd.engine.facts import look
from releasd.engine.world import World
from releasd.errors import Permanent, ReleasdError
from releasd.model import IndexAlarm, ListedFile, Project, WatchedFile
from releasd.ports import Listing, ServedFile
from releasd.store import Watch, WatchRecord

SOONER = timedelta(minutes=10)  # until the next look after one that failed


@dataclass(kw_only=True)
class Watcher:
    """Bound to one world.

    `every` is the time between two looks at a project; `complain` says what went wrong; `wake` makes the main thread
    copy the new events to the audit file.
    """

    world: World
    every: timedelta
    complain: Callable[[str, object], None]
    wake: Callable[[], None]
    _next: dict[str, datetime] = field(default_factory=dict, init=False)

    def tick(self) -> None:
        """Look at the projects that are due, and tell those who were not told yet."""
        try:
            self.look_due()
        finally:
            self.tell_due()

    def look_due(self) -> None:
        """Look at every project whose time has come."""
        for project in self.world.projects.values():
            if not self.world.stopping() and self._is_due(project):
                self.look_at(project)

    def _is_due(self, project: Project) -> bool:
        """Return whether a project is due: by the store after a start, so that restarts do not put it off."""
        if project.name not in self._next:
            self._next[project.name] = self._by_the_store(project)
        return self._next[project.name] <= self.world.clock.now()

    def _by_the_store(self, project: Project) -> datetime:
        records = self.world.store.watches(project.name)
        now = self.world.clock.now()
        if {record.index for record in records} < set(self._indexes(project)):
            return now
        return min((self._again(record) for record in records), default=now)

    def _again(self, record: WatchRecord) -> datetime:
        return record.tried_at + (min(self.every, SOONER) if record.why else self.every)

    def look_at(self, project: Project) -> None:
        """Look at all indexes of a project; one that fails does not keep the others from being looked at."""
        self._next[project.name] = self.world.clock.now() + self.every
        for name, index in self._indexes(project).items():
            for distribution in sorted(self._distributions(project, name, index)):
                watch = Watch(project=project.name, index=name, distribution=distribution)
                try:
                    self._look(watch, index)
                except Exception as error:  # noqa: BLE001 (what one index serves must not hide the others)
                    self._failed(watch, _ours(error))
        self.wake()

    def _failed(self, watch: Watch, error: ReleasdError) -> None:
        now = self.world.clock.now()
        self.world.store.index_unseen(watch, error.message, now=now)
        self._next[watch.project] = now + min(self.every, SOONER)
        self.complain(f"watching {watch.distribution} on {watch.index}", error.message)

    def _indexes(self, project: Project) -> Mapping[str, Listing]:
        """Return the project's indexes that can be watched."""
        known: Mapping[str, object] = self.world.indexes
        listed = {name: known.get(name) for name in project.indexes}
        return {name: index for name, index in listed.items() if isinstance(index, Listing)}

    def _distributions(self, project: Project, name: str, index: Listing) -> set[str]:
        """Return what a project has on an index: by the ledger, by earlier looks, and by its repository as it is now.

        Of crates the ledger alone knows which are released: a name in a manifest may be somebody else's crate.
        """
        store = self.world.store
        released = distributions(file for file in store.released_files(project.name) if index.takes(file))
        known = {record.distribution for record in store.watches(project.name) if record.index == name}
        try:
            named = {each for each in self._named(project) if index.takes(f"{each}-0.tar.gz")}
            return released | known | named
        except Exception as error:  # noqa: BLE001 (what a repository says must not blind the watcher)
            self.complain(f"watching {project.name}", _ours(error).message)
            return released | known

    def _named(self, project: Project) -> Iterator[str]:
        git = self.world.peek(project) or self.world.clone(project)
        head = self.world.store.head_of(project.name, project.branch)
        commit = git.resolve(f"refs/heads/{project.branch}") or head
        seen = look(git, commit, project) if commit else None
        for config in (seen.config.packages or (seen.config,)) if seen else ():
            if config.name:
                yield canonicalize_name(config.name)

    def _look(self, watch: Watch, index: Listing) -> None:
        store = self.world.store
        given = index.all_files(watch.distribution)  # before the ledger: see the module
        listed = legible(given)
        known = store.watched_files(watch)
        ledger = store.ledger({file.filename for file in listed} | set(known))
        first = all(record.since is None for record in store.watches(watch.project) if _is_of(record, watch))
        store.index_looked(watch, judge(listed, ledger, known, first=first), now=self.world.clock.now())
        file = next_to_read(store.watched_files(watch).values())
        if file:
            there = {each.filename: own for each, own in zip(listed, given, strict=True)}
            self._read(watch, file, there[file.filename], ledger)

    def _read(self, watch: Watch, file: WatchedFile, listed: ListedFile, ledger: Mapping[str, frozenset[str]]) -> None:
        """Compare a file's bytes. One that cannot be had now has its next turn after all others."""
        index, now = self.world.indexes[watch.index], self.world.clock.now()
        try:
            digest = index.download_sha256(ServedFile(filename=listed.filename, sha256=file.sha256, url=listed.url))
        except ReleasdError as error:
            self.world.store.index_read(watch, replace(file, read_at=now), None, now=now)
            self.complain(f"watching {watch.distribution} on {watch.index}", error.message)
            return
        read, suspicion = judge_bytes(file, ledger, digest, now=now)
        self.world.store.index_read(watch, read, suspicion, now=now)

    def tell_due(self) -> None:
        """Tell the project's webhooks and people of each alarm, at least once; who was told is not told again."""
        for alarm in self.world.store.alarms():
            project = self.world.projects.get(alarm.project)
            for target, tell in self._targets(project, alarm) if project else ():
                told, now = self.world.store.told_of(alarm.id), self.world.clock.now()
                due = told.get(target, now)
                if due is not None and due <= now:
                    self._tell(alarm, target, tell)

    def _targets(self, project: Project, alarm: IndexAlarm) -> Iterator[tuple[str, Callable[[], object]]]:
        notifier, mailer, key = self.world.notifier, self.world.mailer, f"{alarm.project}-alarm-{alarm.id}"
        for hook in project.webhooks:
            yield f"webhook:{hook}", partial(notifier.announce, hook, alarm, key=f"{key}-{hook}")
        for mail in project.mail:
            for to in mailer.recipients(mail):
                yield f"mail:{mail}/{to}", partial(mailer.send, mail, to, alarm, key=f"{key}-{mail}-{to}")

    def _tell(self, alarm: IndexAlarm, target: str, tell: Callable[[], object]) -> None:
        failed: ReleasdError | None = None
        try:
            tell()
        except Exception as error:  # noqa: BLE001 (a defect must be seen, and must not silence the other targets)
            failed = _ours(error)
        self.world.store.alarm_told(alarm, target, failed, now=self.world.clock.now())
        self.wake()


def _ours(error: Exception) -> ReleasdError:
    """Return the error, or what it is when it is none of ours."""
    if isinstance(error, ReleasdError):
        return error
    return Permanent(f"a defect in releasd: {type(error).__name__}: {error}", advice="Please report it.")


def _is_of(record: WatchRecord, watch: Watch) -> bool:
    return (record.index, record.distribution) == (watch.index, watch.distribution)
