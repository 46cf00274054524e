"""A registry of crates on this machine, as strict as the public one: sparse index, web API, downloads, ordered faults.

    with CratesRegistry(folder) as registry:
        registry.fault("status", status=502)       # the next upload
        cargo with registry.environ

What is judged, and in which words, is what the public registry does (its `publish` controller); the formats are the
Cargo book's. It keeps everything in its folder, so that one started again there has it all. The real cargo uploads to
it and downloads from it in the tests, which is what holds it to the protocol.
"""

import gzip
import hashlib
import io
import json
import struct
import tarfile
import threading
import tomllib
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Self

from releasd.core.crates import index_path

LARGEST = 10 << 20  # bytes


@dataclass
class Fault:
    """What goes wrong with uploads: `status`, `refuse` (200 with errors), `drop_before`, `drop_after`, `hold`."""

    kind: str
    status: int = 503
    text: str = "on order"
    times: int = 1
    skip: int = 0
    retry_after: str | None = None


class Refused(Exception):
    """The registry does not take a crate, and says why."""

    def __init__(self, status: int, text: str) -> None:
        super().__init__(text)
        self.status = status


class CratesRegistry:
    """See the module. `lag` is the number of looks at a crate's lines until what was stored is listed."""

    def __init__(self, folder: Path, *, token: str = "registry-token", port: int = 0) -> None:
        self.folder = folder
        self.token = token
        self.lag = 0
        self.told: list[dict[str, Any]] = []  # what uploads said of their crates, those refused included
        self.order: list[str] = []  # NAME-VERSION of what was stored
        self.agents: list[str] = []
        self.other_served: dict[str, bytes] = {}
        self.without_api = False
        self.released = threading.Event()  # ends what is on `hold`
        self.uploads = 0  # tried, whatever became of them
        self._faults: list[Fault] = []
        self._hidden: dict[str, int] = {}
        self._guard = threading.RLock()
        folder.mkdir(parents=True, exist_ok=True)
        self._server = ThreadingHTTPServer(("127.0.0.1", port), type("Handler", (_Handler,), {"registry": self}))
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)

    @property
    def port(self) -> int:
        return int(self._server.server_address[1])

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def index_url(self) -> str:
        return f"{self.url}/index/"

    @property
    def environ(self) -> dict[str, str]:
        """What makes a cargo know it as `local`."""
        return {"CARGO_REGISTRIES_LOCAL_INDEX": f"sparse+{self.index_url}"}

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.released.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join(5)

    def fault(self, kind: str, **settings: Any) -> None:
        with self._guard:
            self._faults.append(Fault(kind, **settings))

    def stored(self) -> dict[str, str]:
        """Return the digests of all crates by file name."""
        return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in self.folder.glob("*.crate")}

    def lines(self, name: str) -> list[dict[str, Any]]:
        path = self.folder / "index" / index_path(name)
        return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []

    def yank(self, name: str, version: str) -> None:
        """Mark a version as an owner does by `cargo yank`."""
        lines = [{**line, "yanked": line["vers"] == version} for line in self.lines(name)]
        (self.folder / "index" / index_path(name)).write_text("".join(f"{json.dumps(line)}\n" for line in lines))

    def page(self, path: str) -> bytes | None:
        """Return a page of the index; None where there is none, or not yet."""
        if path == "config.json":
            api = {} if self.without_api else {"api": self.url}
            return json.dumps({"dl": f"{self.url}/dl/{{lowerprefix}}/{{crate}}/{{version}}", **api}).encode()
        file = self.folder / "index" / path
        if not file.is_file():
            return None
        with self._guard:
            if self._hidden.get(path, 0) > 0:
                self._hidden[path] -= 1
                shown = file.read_text().splitlines()[:-1]
                return "".join(f"{line}\n" for line in shown).encode() or None
        return file.read_bytes()

    def next_fault(self) -> Fault | None:
        with self._guard:
            for fault in self._faults:
                if fault.times > 0 and fault.skip > 0:
                    fault.skip -= 1
                    return None
                if fault.times > 0:
                    fault.times -= 1
                    return fault
        return None

    def store(self, body: bytes) -> None:
        """Judge an upload and keep it. Raises `Refused`."""
        about, data = _parts(body)
        with self._guard:
            self.told.append(about)
            self._judge(about, data)
            name, version = about["name"], about["vers"]
            (self.folder / f"{name}-{version}.crate").write_bytes(data)
            path = index_path(name)
            file = self.folder / "index" / path
            file.parent.mkdir(parents=True, exist_ok=True)
            with file.open("a") as lines:
                lines.write(json.dumps(_line(about, data)) + "\n")
            self._hidden[path] = self.lag
            self.order.append(f"{name}-{version}")

    def _judge(self, about: dict[str, Any], data: bytes) -> None:
        name, version = about["name"], about["vers"]
        if len(data) > LARGEST:
            raise Refused(413, f"max upload size is: {LARGEST}")
        missing = [key for key in ("description", "license") if not about.get(key)]
        if missing and not (missing == ["license"] and about.get("license_file")):
            raise Refused(400, f"missing or empty metadata fields: {', '.join(missing)}")
        if any(line["vers"].partition("+")[0] == version.partition("+")[0] for line in self.lines(name)):
            raise Refused(400, f"crate version `{version}` is already uploaded")
        for dependency in about["deps"]:
            if dependency.get("registry") is None and not self.lines(dependency["name"]):
                raise Refused(400, f"no known crate named `{dependency['name']}`")
            if dependency["version_req"] == "*":
                raise Refused(400, f"wildcard (`*`) dependency constraints are not allowed: {dependency['name']}")
        _judge_file(f"{name}-{version}", data)


def _parts(body: bytes) -> tuple[dict[str, Any], bytes]:
    """Return the two parts of an upload, which have to fill it to the last byte."""
    try:
        (first,) = struct.unpack_from("<I", body)
        (second,) = struct.unpack_from("<I", body, 4 + first)
        about, data = json.loads(body[4 : 4 + first]), body[8 + first :]
    except (struct.error, ValueError):
        raise Refused(400, "invalid upload request") from None
    if len(data) != second:
        raise Refused(400, f"invalid upload length: {len(body)}")
    return about, data


def _judge_file(root: str, data: bytes) -> None:
    """Refuse a file that is not one folder with a manifest of that name and version in it."""
    try:
        with tarfile.open(fileobj=io.BytesIO(gzip.decompress(data))) as archive:
            names = [member.name for member in archive]
            if not all(member.isreg() for member in archive) or any(not n.startswith(f"{root}/") for n in names):
                raise Refused(400, "invalid path found, or an entry that is no file")
            manifest = archive.extractfile(f"{root}/Cargo.toml")
            package = tomllib.loads(manifest.read().decode() if manifest else "")["package"]
    except (tarfile.TarError, OSError, KeyError, EOFError) as error:
        raise Refused(400, f"failed to process the file: {error}") from None
    if f"{package['name']}-{package['version']}" != root:
        raise Refused(400, "metadata of the upload and of Cargo.toml differ")


def _line(about: dict[str, Any], data: bytes) -> dict[str, Any]:
    """Return a crate's line in the index."""
    deps = [
        {
            "name": dep.get("explicit_name_in_toml") or dep["name"],
            "package": dep["name"] if dep.get("explicit_name_in_toml") else None,
            "req": dep["version_req"],
            **{key: dep[key] for key in ("features", "optional", "default_features", "target", "kind")},
            "registry": dep.get("registry"),
        }
        for dep in about["deps"]
    ]
    return {
        "name": about["name"],
        "vers": about["vers"],
        "deps": deps,
        "cksum": hashlib.sha256(data).hexdigest(),
        "features": {},
        "features2": about["features"],
        "yanked": False,
        "links": about["links"],
        "v": 2,
    }


class _Handler(BaseHTTPRequestHandler):
    registry: CratesRegistry
    protocol_version = "HTTP/1.1"

    def log_message(self, *_: object) -> None:
        """Say nothing."""

    def do_GET(self) -> None:
        self.registry.agents.append(self.headers.get("User-Agent", ""))
        found: bytes | None = None
        if self.path.startswith("/index/"):
            found = self.registry.page(self.path.removeprefix("/index/"))
        elif self.path.startswith("/dl/"):
            name = "-".join(self.path.split("/")[-2:]) + ".crate"
            file = self.registry.folder / name
            found = self.registry.other_served.get(name) or (file.read_bytes() if file.is_file() else None)
        self._answer(200 if found is not None else 404, found or b"")

    def do_PUT(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.registry.uploads += 1
        fault = self.registry.next_fault()
        if fault and fault.kind == "drop_before":
            self.close_connection = True
            return
        if fault and fault.kind == "hold":
            self.registry.released.wait(60)
            self.close_connection = True
            return
        if fault and fault.kind in {"status", "refuse"}:
            status = fault.status if fault.kind == "status" else 200
            self._answer(status, _errors(fault.text), retry_after=fault.retry_after)
            return
        if self.path != "/api/v1/crates/new" or self.headers.get("Authorization") != self.registry.token:
            self._answer(403, _errors(f"authentication failed: {self.headers.get('Authorization')}"))
            return
        try:
            self.registry.store(body)
        except Refused as refused:
            self._answer(refused.status, _errors(str(refused)))
            return
        if fault and fault.kind == "drop_after":
            self.close_connection = True
            return
        told = {"invalid_categories": [], "invalid_badges": [], "other": ["all is well"]}
        self._answer(200, json.dumps({"warnings": told}).encode())

    def _answer(self, status: int, body: bytes, *, retry_after: str | None = None) -> None:
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        if retry_after:
            self.send_header("Retry-After", retry_after)
        self.end_headers()
        self.wfile.write(body)


def _errors(text: str) -> bytes:
    return json.dumps({"errors": [{"detail": text}]}).encode()
