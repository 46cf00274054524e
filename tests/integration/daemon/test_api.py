"""The HTTP API on its real socket."""

import socket
import stat
import tempfile
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from releasd.app.remote import Remote
from releasd.daemon.api import Api
from releasd.engine.operator import Operator
from releasd.errors import DaemonNotRunning, Transient, UsageError
from releasd.model import JobState
from support.fakehost import Scripted
from support.lab import Lab


@pytest.fixture
def path() -> Iterator[Path]:
    """Return a place that is short enough for a socket."""
    with tempfile.TemporaryDirectory(prefix="rd") as folder:
        yield Path(folder) / "control.sock"


@pytest.fixture
def api(lab: Lab, path: Path) -> Iterator[Api]:
    """Return the API, serving."""
    made = Api(path, mode=0o600, operator=lambda: Operator(lab.world, lambda: None), reload=lambda: None)
    yield made
    made.close()


@pytest.fixture
def client(api: Api, path: Path) -> Iterator[httpx.Client]:
    """Return a client of the socket."""
    transport = httpx.HTTPTransport(uds=str(path), retries=3)
    with httpx.Client(transport=transport, base_url="http://releasd", timeout=10) as made:
        yield made


def assert_error(answer: httpx.Response, status: int, told: str, exit_code: int = 2) -> None:
    """Fail unless an answer is an error in our form."""
    assert answer.status_code == status
    assert answer.headers["content-type"] == "application/json"
    body = answer.json()
    assert set(body) == {"error", "advice", "exit_code"}
    assert told in body["error"]
    assert body["exit_code"] == exit_code


def test_only_the_owner_may_ask(api: Api, path: Path) -> None:
    """The socket's mode is the permission."""
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_status_says_that_the_daemon_runs(client: httpx.Client, lab: Lab) -> None:
    """The store's status, with the daemon's process id."""
    lab.release()
    found = client.get("/v1/status").json()
    assert found["daemon"]["running"] is True
    assert isinstance(found["daemon"]["pid"], int)
    assert [job["version"] for job in found["recent"]] == ["1.1.0"]


def test_status_of_one_project_and_of_none(client: httpx.Client) -> None:
    """A project is named by a parameter; an unknown one is the asker's mistake."""
    assert client.get("/v1/status", params={"project": "demo"}).status_code == 200
    assert_error(client.get("/v1/status", params={"project": "nope"}), 400, "no project nope")


def test_a_release_is_asked_for_and_followed(client: httpx.Client, lab: Lab) -> None:
    """The answer names the job, whose details are asked for by its number."""
    lab.push()
    number = client.post("/v1/release", params={"project": "demo", "bump": "major"}).json()["job"]
    lab.run()
    job = client.get(f"/v1/jobs/{number}").json()
    assert (job["state"], job["version"]) == ("succeeded", "2.0.0")


def test_retry_and_cancel(client: httpx.Client, lab: Lab) -> None:
    """Both answer with the job as it then is."""
    lab.plays = lambda task: Scripted(exit_status=1) if "RELEASD_VERSION" in task.env else None
    job = lab.release()
    assert client.post(f"/v1/jobs/{job.id}/retry", params={"from": "build"}).json()["state"] == "queued"
    assert client.post(f"/v1/jobs/{job.id}/cancel").json()["state"] == "cancelled"
    assert lab.store.job(job.id).state is JobState.CANCELLED


def test_hosts_are_probed(client: httpx.Client) -> None:
    """The answer lists what each host said, and whether each build would run there."""
    found = client.post("/v1/hosts/probe").json()
    assert [(host["name"], host["ok"]) for host in found["hosts"]] == [("one", True)]
    assert [(build["build"], build["hosts"]) for build in found["builds"]] == [("dist", {"one": ""})]


@pytest.mark.parametrize(
    ("method", "where", "told"),
    [
        ("GET", "/v1/jobs/999", "no job 999"),
        ("POST", "/v1/jobs/999/cancel", "no job 999"),
        ("POST", "/v1/jobs/999/retry", "no job 999"),
        ("POST", "/v1/jobs/1/retry?from=nonsense", "'nonsense' is none of preflight, sync"),
        ("POST", "/v1/release", "needs project"),
        ("POST", "/v1/release?project=nope", "no project nope"),
        ("POST", "/v1/release?project=demo&bump=huge", "'huge' is none of none, patch, minor, major"),
        ("POST", "/v1/release?project=demo&ref=nonsense", "nonsense is no commit on main"),
    ],
)
def test_a_mistake_of_the_asker(client: httpx.Client, *, method: str, where: str, told: str) -> None:
    """Each is answered with what is wrong, as JSON, under the exit code of wrong usage."""
    assert_error(client.request(method, where), 400, told)


@pytest.mark.parametrize(
    ("method", "where", "status"),
    [("GET", "/", 404), ("GET", "/v1/nonsense", 404), ("GET", "/v1/jobs/x", 404), ("GET", "/v1/release", 405)],
)
def test_what_there_is_not(client: httpx.Client, *, method: str, where: str, status: int) -> None:
    """An unknown path or method is answered as JSON too: the command line parses every answer."""
    assert_error(client.request(method, where), status, "", exit_code=1)


def test_trouble_on_the_way_keeps_its_exit_code(
    client: httpx.Client, lab: Lab, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A remote that is away is a failure, not a usage error."""

    def away(_: object) -> None:
        raise Transient("no route to host")

    object.__setattr__(lab.world, "clone", away)
    assert_error(client.post("/v1/release", params={"project": "demo"}), 400, "no route", exit_code=1)


def test_a_defect_is_answered_as_one(client: httpx.Client, lab: Lab, path: Path) -> None:
    """Our own mistake is an answer like every other, and the API goes on."""
    object.__setattr__(lab.world, "clone", None)
    assert_error(client.post("/v1/release", params={"project": "demo"}), 500, "a defect in releasd", exit_code=1)
    assert Remote(path).get("/v1/status")["schema"] == 1


def test_the_command_lines_client_raises_what_was_refused(api: Api, path: Path) -> None:
    """An error crosses the socket with its class, its text and its advice."""
    with pytest.raises(UsageError, match="no job 999") as caught:
        Remote(path).get("/v1/jobs/999")
    assert caught.value.advice


def test_closing_removes_the_socket(lab: Lab, path: Path) -> None:
    """After the end nobody answers, and no file is left."""
    Api(path, mode=0o600, operator=lambda: Operator(lab.world, lambda: None), reload=lambda: None).close()
    assert not path.exists()
    with pytest.raises(DaemonNotRunning):
        Remote(path).get("/v1/status")


def test_a_dead_daemons_socket_is_replaced(lab: Lab, path: Path) -> None:
    """A file that was left by a SIGKILL does not keep the next daemon from listening."""
    with socket.socket(socket.AF_UNIX) as dead:
        dead.bind(str(path))
    with pytest.raises(DaemonNotRunning, match=r"control\.sock"):
        Remote(path).get("/v1/status")
    api = Api(path, mode=0o600, operator=lambda: Operator(lab.world, lambda: None), reload=lambda: None)
    try:
        assert Remote(path).get("/v1/status")["schema"] == 1
    finally:
        api.close()


def test_a_socket_of_systemd_is_used_and_left(lab: Lab, path: Path) -> None:
    """A socket that was handed in is served, and its file belongs to who made it."""
    given = socket.socket(socket.AF_UNIX)
    given.bind(str(path))
    given.listen()
    api = Api(given, mode=0o600, operator=lambda: Operator(lab.world, lambda: None), reload=lambda: None)
    try:
        assert Remote(path).get("/v1/status")["schema"] == 1
    finally:
        api.close()
    assert path.exists()
