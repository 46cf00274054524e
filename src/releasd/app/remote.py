"""What the command line asks of a daemon: through its API while it runs, else from its store, read-only."""

import json
import socket
from collections.abc import Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

from releasd.app.explain import explain
from releasd.config.places import Places
from releasd.config.places import places as find_places
from releasd.errors import DaemonNotRunning, NothingToRelease, ReleasdError, UsageError

if TYPE_CHECKING:
    from releasd.adapters.joblog import JobLog

ANSWER_WITHIN = 60.0  # seconds: a release asks git to fetch first
LOOK_WITHIN = 10.0  # seconds: systemd may first have to start the daemon, and accepts for one that cannot start
_OK = 200
_BY_CODE: Mapping[int, type[ReleasdError]] = {2: UsageError, 3: NothingToRelease, 4: DaemonNotRunning}


@dataclass(frozen=True, slots=True)
class Remote:
    """The API on the control socket."""

    socket: Path

    def get(self, path: str, **asked: str | None) -> Any:
        """Ask for something. Raises `DaemonNotRunning` when nobody answers, or what the daemon refused with."""
        return self._ask("GET", path, asked, LOOK_WITHIN)

    def post(self, path: str, **asked: str | Sequence[str] | None) -> Any:
        """Ask for something to be done."""
        return self._ask("POST", path, asked, ANSWER_WITHIN)

    def _ask(self, method: str, path: str, asked: Mapping[str, str | Sequence[str] | None], timeout: float) -> Any:
        if not self.socket.exists():
            raise not_running(self.socket)
        import http.client  # noqa: PLC0415 (20 ms, which a command that finds no socket does not spend)

        params = urlencode({key: value for key, value in asked.items() if value is not None}, doseq=True)
        try:
            with closing(http.client.HTTPConnection("releasd", timeout=timeout)) as connection:
                connection.sock = _connected(self.socket, timeout)
                connection.request(method, f"{path}?{params}")
                answer = connection.getresponse()
                status, body = answer.status, answer.read()
        except (OSError, http.client.HTTPException) as error:
            raise not_running(self.socket) from error
        return _judged(status, json.loads(body))


def _connected(path: Path, timeout: float) -> socket.socket:
    made = socket.socket(socket.AF_UNIX)
    made.settimeout(timeout)
    try:
        made.connect(str(path))
    except BaseException:
        made.close()
        raise
    return made


def _judged(status: int, body: Any) -> Any:
    if status == _OK:
        return body
    kind = _BY_CODE.get(body.get("exit_code", 1), ReleasdError)
    raise kind(body.get("error", f"the daemon answered {status}"), advice=body.get("advice", ""))


def not_running(where: Path) -> DaemonNotRunning:
    """Say that the daemon does not answer on its control socket."""
    return DaemonNotRunning(
        f"the daemon does not answer on {where}", advice="start it: releasd run, or systemctl start releasd"
    )


def connect(config_file: Path | None, environ: Mapping[str, str]) -> Remote:
    """Return the API of the daemon that a configuration names."""
    return Remote(find_places(config_file, environ).runtime / "control.sock")


def status(config_file: Path | None, environ: Mapping[str, str], project: str | None) -> dict[str, Any]:
    """Return the daemon's status, or the store's with `daemon.running` false."""
    places = find_places(config_file, environ)
    try:
        found: dict[str, Any] = Remote(places.runtime / "control.sock").get("/v1/status", project=project)
    except DaemonNotRunning:
        return _from_store(places, project)
    return found


def job(config_file: Path | None, environ: Mapping[str, str], job_id: int) -> dict[str, Any]:
    """Return one job's view, from the daemon or from its store, with what is known of its failures."""
    places = find_places(config_file, environ)
    found = _job(places, job_id)
    return found | {"known": explain(found, _logs(places))}


def _job(places: Places, job_id: int) -> dict[str, Any]:
    try:
        found: dict[str, Any] = Remote(places.runtime / "control.sock").get(f"/v1/jobs/{job_id}")
    except DaemonNotRunning:
        from releasd.engine import view  # noqa: PLC0415 (brings SQLAlchemy)
        from releasd.store import open_store  # noqa: PLC0415

        with open_store(places.database_url, readonly=True) as store:
            return view.find_job(store, job_id, _logs(places).last_line)
    return found


def _from_store(places: Places, project: str | None) -> dict[str, Any]:
    from releasd.engine import view  # noqa: PLC0415 (brings SQLAlchemy)
    from releasd.store import open_store  # noqa: PLC0415

    with open_store(places.database_url, readonly=True) as store:
        found = view.status(store, datetime.now(UTC), project=project, last_line=_logs(places).last_line)
        return found | {"daemon": {"running": False, "pid": None}}


def _logs(places: Places) -> "JobLog":
    from releasd.adapters.joblog import JobLog  # noqa: PLC0415 (only where nobody answers)

    return JobLog(places.state / "logs", lambda data: data)
