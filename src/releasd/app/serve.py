"""`releasd run`: the daemon, from the lock on its state folder to its last line."""

import os
import signal
import sys
from collections.abc import Callable, Mapping, MutableMapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from queue import SimpleQueue
from threading import Event as Flag
from typing import Any

from releasd import config
from releasd.adapters import statelock, undumpable
from releasd.adapters.supervisor import SystemdSupervisor, listen_fds
from releasd.app.audit import AUDIT_FILE
from releasd.app.housekeeping import ticks
from releasd.app.reload import require_same_places
from releasd.app.repositories import peek
from releasd.app.world import build_world, clear_scratch, owner_name
from releasd.core.branchnames import patterns
from releasd.daemon.api import Api
from releasd.daemon.inbox import DrainSpool, Inbox, Reload, Stop, Wake
from releasd.daemon.intake import Intake
from releasd.daemon.pushes import handle_push
from releasd.daemon.service import LONGEST_WAIT, Service
from releasd.daemon.spool import Spool, create_spool
from releasd.daemon.ticks import Ticks
from releasd.daemon.watch import Watch
from releasd.daemon.workers import Workers
from releasd.engine.farmhands import register
from releasd.engine.operator import Operator
from releasd.engine.world import World
from releasd.errors import ReleasdError
from releasd.log import operational
from releasd.log.audit import AuditFile
from releasd.model import PushHint
from releasd.store import Store, open_store

HOOK_SOCKET = "hook.sock"
CONTROL_SOCKET = "control.sock"
SPOOL = "spool"


@dataclass(frozen=True, slots=True)
class Outlet:
    """Where the audit log and the operational log go (`daemon.service.Outlet`)."""

    store: Store
    file: AuditFile
    log: Any

    def flush(self) -> None:
        """Copy the events that are new in the store to the audit file, and say them in the operational log."""
        self.store.head()  # makes the store durable first: the file must never be ahead of it
        while events := self.store.events_after(self.file.last_seq()):
            self.file.write(events)
            for event in events:
                self.log.info(event.event, project=event.project, job=event.job, **_free(event.data))

    def warn(self, event: str, **values: object) -> None:
        """Write one operational log line."""
        self.log.warning(event, **values)

    def complain(self, what: str, why: object) -> None:
        """Say what went wrong beside a release."""
        self.warn("daemon.complained", what=what, why=str(why))


def _free(data: Mapping[str, Any]) -> dict[str, Any]:
    """Return an event's data without the keys that the log line has by itself."""
    return {key: value for key, value in data.items() if key not in {"event", "project", "job", "at", "level"}}


def run(path: Path | None, environ: MutableMapping[str, str]) -> None:
    """Serve until SIGTERM or SIGINT; then end this process, for Python would wait for every thread.

    Raises:
        ConfigError: there is no configuration, or it has mistakes.
        AlreadyRunning: another daemon holds the state folder.
    """
    undumpable.protect()  # before anything secret is in memory
    inbox: Inbox = SimpleQueue()
    for number, message in ((signal.SIGTERM, Stop()), (signal.SIGINT, Stop()), (signal.SIGHUP, Reload())):
        signal.signal(number, lambda *_, message=message: inbox.put(message))
    sockets = listen_fds(environ, pid=os.getpid())
    supervisor = SystemdSupervisor(environ, pid=os.getpid())
    settings = config.load(path, environ)
    log = operational.configure(
        level=settings.daemon.log_level,
        log_format=settings.daemon.log_format,
        stream=sys.stderr,
        redact=lambda data: data,
        environ=environ,
    )
    with ExitStack() as stack:
        stack.enter_context(statelock.hold(settings.daemon.state))
        clear_scratch(settings.daemon.state)
        store = stack.enter_context(open_store(settings.daemon.database_url))
        outlet = Outlet(store, AuditFile(settings.daemon.state / AUDIT_FILE), log)
        _serve(stack, settings, outlet, inbox=inbox, supervisor=supervisor, sockets=sockets, path=path, environ=environ)
    # A thread may still be in an upload, a fetch or a probe. A job of it is back in the queue by the next start, like
    # after a SIGKILL; a look is simply repeated.
    for stream in (sys.stdout, sys.stderr):
        stream.flush()
    os._exit(0)


def _serve(
    stack: ExitStack,
    settings: config.Settings,
    outlet: Outlet,
    *,
    inbox: Inbox,
    supervisor: SystemdSupervisor,
    sockets: Mapping[str, Any],
    path: Path | None,
    environ: Mapping[str, str],
) -> None:
    stopping, complain, daemon = Flag(), outlet.complain, settings.daemon
    create_spool(daemon.state / SPOOL, daemon.hook_socket_mode)
    spool = Spool(daemon.state / SPOOL)
    previews = ThreadPoolExecutor(max_workers=4, thread_name_prefix="preview")
    stack.callback(previews.shutdown, wait=False, cancel_futures=True)

    world_of = partial(build_world, store=outlet.store, owner=owner_name(), stopping=stopping.is_set, environ=environ)

    def reload(old: World) -> World:
        nonlocal settings
        new = config.load(path, environ)
        require_same_places(settings.daemon, new.daemon)
        world = world_of(new)
        register(world, old)
        settings = new  # what the clockwork below goes by from now on
        return world

    def sources(world: World) -> Callable[[], None]:
        opened = ExitStack()
        opened.callback(Watch(_watched(world, complain), inbox).close)
        opened.callback(Ticks(ticks(world, settings, inbox, complain), complain).close)
        return opened.close

    world = world_of(settings)
    register(world)
    service = Service(
        world=world,
        inbox=inbox,
        workers=Workers(daemon.workers, inbox),
        supervisor=supervisor,
        outlet=outlet,
        stopping=stopping,
        drain_spool=lambda world: _drain(spool, world, inbox, complain),
        reload=reload,
        sources=sources,
        longest_wait=min(LONGEST_WAIT, supervisor.watchdog_interval() or LONGEST_WAIT),
    )
    stack.enter_context(
        Intake(
            sockets.get("hook") or daemon.runtime / HOOK_SOCKET,
            handle=lambda hint: handle_push(service.world, inbox, previews, hint),
            on_bad=lambda why: complain("hook", why),
            mode=daemon.hook_socket_mode,
        )
    )
    stack.callback(_api(sockets.get("control") or daemon.runtime / CONTROL_SOCKET, daemon, service, inbox).close)
    service.run()


def _api(where: Any, daemon: config.Daemon, service: Service, inbox: Inbox) -> Api:
    return Api(
        where,
        mode=daemon.api_socket_mode,
        operator=lambda: Operator(service.world, lambda: inbox.put(Wake())),
        reload=lambda: inbox.put(Reload()),
    )


def _drain(spool: Spool, world: World, inbox: Inbox, complain: Callable[[str, object], None]) -> None:
    def handle(hint: PushHint, on_record: bool) -> str:  # noqa: FBT001 - the spool's signature
        return handle_push(world, inbox, None, hint, on_record=on_record)

    if spool.drain(handle, lambda why: complain("spool", why)):
        inbox.put(DrainSpool())  # the rest has its turn after all else that waits


def _watched(world: World, complain: Callable[[str, object], None]) -> dict[str, tuple[Path, tuple[str, ...]]]:
    """Return the git folders of the projects whose repository is on this machine; one that is broken is left out."""
    found: dict[str, tuple[Path, tuple[str, ...]]] = {}
    for project in world.projects.values():
        here = peek(project)
        try:
            if here is not None:
                found[project.name] = (Path(here.git_folder()), patterns(project))
        except ReleasdError as error:
            complain(f"watching {project.name}", error.message)
    return found
