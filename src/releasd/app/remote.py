"""What the command line asks of a daemon: through its API while it runs, else from its store, read-only."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

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
        import ssl  # noqa: PLC0415 (see the next line)

        import httpx  # noqa: PLC0415 (0.1 s, which a command that finds no socket does not spend)

        no_tls = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)  # else httpx loads all authorities, for 20 ms
        transport = httpx.HTTPTransport(uds=str(self.socket), verify=no_tls)
        params = {key: value for key, value in asked.items() if value is not None}
        try:
            with httpx.Client(transport=transport, timeout=timeout) as client:
                answer = client.request(method, f"http://releasd{path}", params=params)
        except httpx.TransportError as error:
            raise not_running(self.socket) from error
        return _judged(answer.status_code, answer.json())


def _judged(status: int, body: Any) -> Any:
    if status == _OK:
        return body
    kind = _BY_CODE.get(body.get("exit_code", 1), ReleasdError)
    raise kind(body.get("error", f"the daemon answered {status}"), advice=body.get("advice", ""))


def not_running(socket: Path) -> DaemonNotRunning:
    """Say that the daemon does not answer on its control socket."""
    return DaemonNotRunning(
        f"the daemon does not answer on {socket}", advice="start it: releasd run, or systemctl start releasd"
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
