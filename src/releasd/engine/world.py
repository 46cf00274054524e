"""What the engine works with, joined once by app.py."""

from collections.abc import Callable, Collection, Iterable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path

from releasd.core.provenance import Builder
from releasd.model import JobId, Project, StepName
from releasd.ports import ArtifactStore, Clock, Forge, Git, Hosts, Index, Mailer, Notifier, Outputs, Signer
from releasd.store import Store


@dataclass(frozen=True, slots=True, kw_only=True)
class World:
    """One daemon's surroundings under one configuration; a reload makes a new one.

    Attributes:
        owner: this process's name in leases.
        clone: gives the daemon's own clone of a project, made when it is missing.
        peek: gives a project's repository itself, for reading, where it is on this machine; else None.
        same: `same(told, sender, registered)` gives those of the registered repositories that a hook told of; `sender`
            is its user id, if known.
        output: `with output(job, step) as sink:` gives `sink(part)`, where that part's output goes, live.
        last_line: `last_line(job, step, part)` gives the newest line of that output, "" where there is none.
        forget: `forget(folder)` removes a scratch folder.
        stopping: whether the daemon was told to stop.
        nonce: gives 64 random bits in hexadecimal, new ones each time.
        signer: the operator's key; None: nothing is signed.
        builder: who it is that builds, in provenance.
        fault: ends the process at the point that a test armed; does nothing in production.
    """

    owner: str
    lease: timedelta
    store: Store
    clock: Clock
    projects: Mapping[str, Project]
    clone: Callable[[Project], Git]
    peek: Callable[[Project], Git | None]
    same: Callable[[str, int | None, Iterable[str]], Collection[str]]
    hosts: Hosts
    indexes: Mapping[str, Index]
    notifier: Notifier
    mailer: Mailer
    forges: Mapping[str, Forge]
    artifacts: ArtifactStore
    output: Callable[[JobId, StepName], AbstractContextManager[Outputs]]
    last_line: Callable[[JobId, StepName, str], str]
    scratch: Callable[[str], Path]
    forget: Callable[[Path], None]
    stopping: Callable[[], bool]
    nonce: Callable[[], str]
    fault: Callable[[str], None]
    signer: Signer | None = None
    builder: Builder = field(default_factory=Builder)
