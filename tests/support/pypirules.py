"""An index with the public index's upload rules and texts, in one thread or one process, with faults to order.

Rules and texts: publishing-facts.md §2 (read there from the public index's own source). It keeps its files in a folder,
so that it can be stopped, started again, and looked at. Faults are scripted, each for a number of requests; a second
process orders them by POST /_faults and reads what was accepted at GET /_stats.

    with PypiRules(tmp_path, token="pypi-test") as index:
        index.fault("status", status=502, times=2)
        ... index.publish_url, index.simple_url, index.stats(), index.requests
"""

import argparse
import base64
import json
import signal
import sys
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Self

from support.uploadrules import Limits, Refused, Stored, judge, parse_multipart

_JSON = "application/vnd.pypi.simple.v1+json"
_CHUNK = 8192


@dataclass(kw_only=True)
class Fault:
    """What goes wrong with the next `times` requests of `method`.

    `kind`: "status" (answer `status`), "drop_before" (close unheard), "drop_mid" (close after part of the body),
    "drop_after" (store, then close without an answer), "hang" (say nothing for `seconds`), "after" (store, then
    answer `status`).
    """

    kind: str
    times: int = 1
    method: str = "POST"
    status: int = 503
    retry_after: str | None = None
    text: str = "made to fail"
    seconds: float = 30.0
    skip: int = 0  # so many requests go well first


@dataclass
class Request:
    """A request as it came."""

    method: str
    path: str
    headers: Mapping[str, str] = field(default_factory=dict)


class PypiRules:
    """The index. `lag` is the seconds until a stored file is listed; `html` serves PEP 503 pages alone."""

    def __init__(self, folder: Path, *, token: str = "pypi-test-token", port: int = 0) -> None:
        self.folder = folder
        self.token = token
        self.lag = 0.0
        self.html = False
        self.hashes = True
        self.limits = Limits()
        self.other_listed: dict[str, str] = {}  # filename -> the digest to list instead
        self.other_served: dict[str, bytes] = {}  # filename -> the bytes to serve instead
        self.requests: list[Request] = []
        self._faults: list[Fault] = []
        self._guard = threading.RLock()
        self._files = _load(folder)
        self._server = _Server(("127.0.0.1", port), type("Handler", (_Handler,), {"index": self}))
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)

    @property
    def url(self) -> str:
        """The server's root, with no slash at the end."""
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    @property
    def publish_url(self) -> str:
        """Where to upload to."""
        return f"{self.url}/legacy/"

    @property
    def simple_url(self) -> str:
        """Where to read."""
        return f"{self.url}/simple/"

    @property
    def files(self) -> dict[str, Stored]:
        """All accepted files by name."""
        with self._guard:
            return dict(self._files)

    def start(self) -> Self:
        self._thread.start()
        return self

    def stop(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join(5)

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.stop()

    def fault(self, kind: str, **settings: Any) -> None:
        """Order a fault; see `Fault`. Faults of one method happen in the order in which they were ordered."""
        with self._guard:
            self._faults.append(Fault(kind=kind, **settings))

    def fail_next(self, status: int, times: int = 1, *, method: str = "POST", retry_after: str | None = None) -> None:
        """Answer the next `times` requests of `method` with `status`."""
        self.fault("status", status=status, times=times, method=method, retry_after=retry_after)

    def stats(self) -> dict[str, dict[str, Any]]:
        """Return every accepted file with its counts, as GET /_stats does."""
        return {name: asdict(stored) for name, stored in self.files.items()}

    def posts(self) -> int:
        """Return how many uploads were tried."""
        return sum(request.method == "POST" for request in self.requests)

    def next_fault(self, method: str) -> Fault | None:
        """Take one use off the first fault ordered for `method`."""
        with self._guard:
            for fault in self._faults:
                if fault.method != method or fault.times <= 0:
                    continue
                if fault.skip:
                    fault.skip -= 1
                    return None
                fault.times -= 1
                return fault
        return None

    def accept(self, fields: Mapping[str, str], filename: str, content: bytes) -> None:
        """Store an upload, or raise `Refused`."""
        with self._guard:
            new = judge(fields, filename, content, self._files, self.limits)
            if new is None:
                self._files[filename].accepted += 1
            else:
                _write(self.folder / "files" / filename, content)
                self._files[filename] = new
            _write(self.folder / "state.json", json.dumps(self.stats()).encode())

    def listed(self, project: str) -> list[Stored]:
        """Return the project's files that have been there for longer than the lag."""
        seen_before = time.time() - self.lag
        return [stored for stored in self.files.values() if stored.project == project and stored.at <= seen_before]

    def digest(self, stored: Stored) -> str:
        """Return the digest to list."""
        return self.other_listed.get(stored.filename, stored.sha256)

    def content(self, filename: str) -> bytes:
        """Return the bytes to serve."""
        return self.other_served.get(filename) or (self.folder / "files" / filename).read_bytes()


def _load(folder: Path) -> dict[str, Stored]:
    (folder / "files").mkdir(parents=True, exist_ok=True)
    state = folder / "state.json"
    return {name: Stored(**stored) for name, stored in json.loads(state.read_text()).items()} if state.exists() else {}


def _write(path: Path, content: bytes) -> None:
    temporary = path.with_name(path.name + ".new")
    temporary.write_bytes(content)
    temporary.replace(path)


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Say nothing of clients that went away, as killed uploaders do."""
        if not isinstance(sys.exception(), ConnectionError):
            super().handle_error(request, client_address)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    timeout = 60
    wbufsize = -1  # head and body of an answer leave together, as with any real server: else each costs 40 ms (Nagle)
    index: PypiRules  # set on a subclass made for each server

    def do_GET(self) -> None:
        self._guarded(self._get)

    def do_HEAD(self) -> None:
        self._guarded(self._get)

    def do_POST(self) -> None:
        self._guarded(self._fault_order if self.path == "/_faults" else self._upload)

    def log_message(self, *_: object) -> None:
        """Say nothing: the requests are recorded."""

    def _guarded(self, serve: Callable[[], None]) -> None:
        private = self.path.startswith("/_")
        fault = None if private else self.index.next_fault(self.command)
        if not private:
            self.index.requests.append(
                Request(self.command, self.path, {name.title(): value for name, value in self.headers.items()})
            )
        try:
            _misbehave(self, fault, serve) if fault else serve()
        except (BrokenPipeError, ConnectionResetError):
            self.close_connection = True  # the other side went away

    def _get(self) -> None:
        index = self.index
        match self.path.partition("?")[0].strip("/").split("/"):
            case ["_stats"]:
                answer(self, 200, json.dumps(index.stats()).encode(), "application/json")
            case ["simple", project] if listed := index.listed(project):
                answer(self, 200, *_page(index, project, listed, self.headers.get("Accept", "")))
            case ["files", filename] if filename in index.files:
                answer(self, 200, index.content(filename), "application/octet-stream")
            case _:
                answer(self, 404, b"404 Not Found", "text/plain")

    def _fault_order(self) -> None:
        self.index.fault(**json.loads(_read_body(self)))
        answer(self, 200, b"{}", "application/json")

    def _upload(self) -> None:
        body = _read_body(self)
        try:
            _authorise(self.index, self.headers.get("Authorization", ""))
            self.index.accept(*parse_multipart(self.headers["Content-Type"], body))
        except Refused as refused:
            refuse(self, refused)
        else:
            answer(self, 200, b"OK", "text/plain")


def answer(handler: BaseHTTPRequestHandler, status: int, body: bytes, kind: str, **headers: str) -> None:
    """Send a whole answer."""
    handler.send_response(status)
    for name, value in {"Content-Type": kind, "Content-Length": str(len(body)), **headers}.items():
        handler.send_header(name.replace("_", "-"), value)
    handler.end_headers()
    if handler.command != "HEAD":
        handler.wfile.write(body)


def refuse(handler: BaseHTTPRequestHandler, refused: Refused) -> None:
    """Send a refusal in the public index's JSON form, whose `code` is what uv shows."""
    body = {"message": refused.text, "code": f"{refused.status} {refused.text}", "title": "Refused"}
    answer(handler, refused.status, json.dumps(body).encode(), "application/json")


def _misbehave(handler: BaseHTTPRequestHandler, fault: Fault, serve: Callable[[], None]) -> None:
    handler.close_connection = True
    match fault.kind:
        case "status":
            _read_body(handler)
            headers = {"Retry_After": fault.retry_after} if fault.retry_after else {}
            answer(handler, fault.status, fault.text.encode(), "text/plain", Connection="close", **headers)
        case "hang":
            time.sleep(fault.seconds)
        case "drop_mid":
            handler.rfile.read(min(_CHUNK, int(handler.headers.get("Content-Length") or 0)) // 2)
        case "drop_after" | "after":
            _serve_unheard(handler, serve)
            if fault.kind == "after":
                answer(handler, fault.status, fault.text.encode(), "text/plain", Connection="close")
        case "drop_before":
            pass
        case unknown:
            raise ValueError(unknown)


def _serve_unheard(handler: BaseHTTPRequestHandler, serve: Callable[[], None]) -> None:
    """Do the work and throw the answer away."""

    class Nowhere:
        def write(self, data: bytes) -> int:
            return len(data)

        def flush(self) -> None:
            """Nothing to do."""

    real, handler.wfile = handler.wfile, Nowhere()  # type: ignore[assignment] # a writer is all that is used of it
    serve()
    handler._headers_buffer = []
    handler.wfile = real
    handler.close_connection = True


def _read_body(handler: BaseHTTPRequestHandler) -> bytes:
    if handler.headers.get("Transfer-Encoding", "").lower() != "chunked":
        return handler.rfile.read(int(handler.headers.get("Content-Length") or 0))
    body = b""
    while size := int(handler.rfile.readline().strip() or b"0", 16):
        body += handler.rfile.read(size)
        handler.rfile.readline()
    handler.rfile.readline()
    return body


def _authorise(index: PypiRules, header: str) -> None:
    expected = base64.b64encode(f"__token__:{index.token}".encode()).decode()
    if header != f"Basic {expected}":
        raise Refused(
            403, "Invalid or non-existent authentication information. See /help/#invalid-auth for more information."
        )


def _page(index: PypiRules, project: str, files: list[Stored], accept: str) -> tuple[bytes, str]:
    if _JSON in accept and not index.html:
        return json.dumps(_json_page(index, project, files)).encode(), _JSON
    links = "".join(f'<a href="/files/{f.filename}{_fragment(index, f)}">{f.filename}</a><br>\n' for f in files)
    return f"<!DOCTYPE html><html><body>\n{links}</body></html>".encode(), "text/html; charset=utf-8"


def _fragment(index: PypiRules, stored: Stored) -> str:
    return f"#sha256={index.digest(stored)}" if index.hashes else ""


def _json_page(index: PypiRules, project: str, files: list[Stored]) -> dict[str, Any]:
    return {
        "meta": {"api-version": "1.1"},
        "name": project,
        "versions": sorted({f.version for f in files}),
        "files": [
            {
                "filename": f.filename,
                "url": f"/files/{f.filename}",
                "hashes": {"sha256": index.digest(f)} if index.hashes else {},
                "size": f.size,
                "yanked": False,
            }
            for f in files
        ],
    }


def main() -> None:
    """Run as a process of its own, print the URLs as one line of JSON, end on SIGTERM."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--folder", type=Path, required=True)
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--token", default="pypi-test-token")
    options = parser.parse_args()
    with PypiRules(options.folder, token=options.token, port=options.port) as index:
        urls = {"url": index.url, "publish_url": index.publish_url, "simple_url": index.simple_url}
        print(json.dumps(urls), flush=True)  # noqa: T201 - its answer to whoever started it
        signal.sigwait({signal.SIGTERM, signal.SIGINT})


if __name__ == "__main__":
    # Blocked before any thread starts, so that only sigwait sees them.
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM, signal.SIGINT})
    sys.exit(main())
