"""The real cargo, uv and pip with a host's caches: what they download is found again, with the network gone."""

import hashlib
import io
import json
import os
import shutil
import tarfile
import threading
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from releasd.adapters.hosts import with_defaults
from releasd.adapters.local import LocalHost
from releasd.model import ContainerSpec
from releasd.ports import Cache
from support.boxes import docker_engine, local_spec, make_workdir
from support.containers import Engine
from support.hosts import Place, eventually, make_local, make_place, make_tar, member
from support.rustimage import IMAGE, add_rust_image
from support.tools import require_tool

__all__ = ["docker_engine"]

MAIN = 'fn main() { println!("{}", dep::word()); }\n'
DEP = '[package]\nname = "dep"\nversion = "1.0.0"\nedition = "2021"\n[lib]\npath = "lib.rs"\n'
BACKEND = """\
import os, zipfile
def build_wheel(where, config=None, metadata=None):
    name = 'made-1.0-py3-none-any.whl'
    with zipfile.ZipFile(os.path.join(where, name), 'w') as wheel:
        wheel.writestr('made.py', 'x = 1')
        wheel.writestr('made-1.0.dist-info/METADATA', 'Metadata-Version: 2.1\\nName: made\\nVersion: 1.0\\n')
        wheel.writestr('made-1.0.dist-info/WHEEL', 'Wheel-Version: 1.0\\nRoot-Is-Purelib: true\\nTag: py3-none-any\\n')
        wheel.writestr('made-1.0.dist-info/RECORD', '')
    return name
"""


class _Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *_: object) -> None:
        """Say nothing."""

    def end_headers(self) -> None:
        """Let clients keep what they get, as indexes do."""
        self.send_header("Cache-Control", "max-age=3600")
        super().end_headers()


@dataclass(frozen=True)
class Site:
    """A folder served over HTTP on this machine."""

    folder: Path
    server: ThreadingHTTPServer

    @property
    def url(self) -> str:
        """Return where it is."""
        return f"http://127.0.0.1:{self.server.server_address[1]}"

    def add(self, path: str, data: bytes) -> bytes:
        """Serve a file."""
        target = self.folder / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(data)
        return data

    def vanish(self) -> None:
        """Serve nothing any more."""
        shutil.rmtree(self.folder)


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    """A server for one test."""
    folder = tmp_path / "site"
    folder.mkdir()
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(_Quiet, directory=folder)) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield Site(folder, server)
        server.shutdown()
        thread.join(10)


@pytest.fixture
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Place]:
    """This machine, with releasd's own tools on its PATH; after the test nothing may be left there."""
    place = make_place(make_local(request, tmp_path / "host/builds"), tmp_path)
    spec = with_defaults(place.host.spec, os.environ["PATH"])
    place = replace(place, workdir=tmp_path / "host/builds", host=LocalHost(spec))
    yield place
    assert eventually(lambda: not place.leftovers()), place.leftovers()


def run(
    place: Place, script: str, files: dict[str, str], mode: str = "deps", container: ContainerSpec | None = None
) -> tuple[int, str]:
    """Run a script over some sources with a cache; return its exit status and what it printed."""
    source = make_tar(place.dest.parent / "source.tar", [(member(name), text.encode()) for name, text in files.items()])
    said: list[bytes] = []
    cache = Cache(mode=mode, project="demo", target="linux")
    task = place.task(script, source=source, cache=cache, container=container)
    result = place.host.run(task, said.append, lambda: False)
    return result.exit_status, b"".join(said).decode()


def packed(files: dict[str, str], root: str) -> bytes:
    """Return a tar.gz of files below one folder."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as tar:
        for name, text in files.items():
            info = member(f"{root}/{name}")
            info.size = len(text.encode())
            tar.addfile(info, io.BytesIO(text.encode()))
    return buffer.getvalue()


def rust_project(site: Site) -> dict[str, str]:
    """Serve a crate from a registry, and return a project that locks it."""
    crate = packed({"Cargo.toml": DEP, "lib.rs": 'pub fn word() -> &\'static str { "good" }\n'}, "dep-1.0.0")
    checksum = hashlib.sha256(site.add("dl/dep/1.0.0/download", crate)).hexdigest()
    entry = {"name": "dep", "vers": "1.0.0", "deps": [], "cksum": checksum, "features": {}, "yanked": False}
    site.add("index/3/d/dep", json.dumps(entry).encode() + b"\n")
    site.add("index/config.json", json.dumps({"dl": f"{site.url}/dl"}).encode())
    source = f'registry = "sparse+{site.url}/index/"'
    package = f'name = "dep"\nversion = "1.0.0"\nsource = "sparse+{site.url}/index/"\nchecksum = "{checksum}"\n'
    return {
        "Cargo.toml": '[package]\nname = "demo"\nversion = "0.1.0"\nedition = "2021"\n'
        '[dependencies]\ndep = { version = "1", registry = "local" }\n',
        "src/main.rs": MAIN,
        ".cargo/config.toml": f"[registries.local]\n{source.replace('registry', 'index')}\n",
        "Cargo.lock": 'version = 3\n\n[[package]]\nname = "demo"\nversion = "0.1.0"\ndependencies = [\n "dep",\n]\n\n'
        f"[[package]]\n{package}",
    }


def test_cargo_finds_its_downloads_again_and_only_those_that_the_lock_proves(place: Place, site: Site) -> None:
    """A second release builds without the registry; one whose cached crate was exchanged does not use it."""
    require_tool("cargo")
    files = rust_project(site)
    build = "cargo build --locked --quiet && ./target/debug/demo"
    assert run(place, build, files) == (0, "good\n")
    site.vanish()
    offline = build.replace("--quiet", "--quiet --offline")
    assert run(place, offline, files) == (0, "good\n")
    (crate,) = (place.workdir.parent / "caches").glob("*/files/cargo/registry/cache/*/dep-1.0.0.crate")
    evil = packed(
        {
            "Cargo.toml": '[package]\nname = "dep"\nversion = "1.0.0"\n[lib]\npath = "lib.rs"\n',
            "lib.rs": 'pub fn word() -> &\'static str { "evil" }\n',
        },
        "dep-1.0.0",
    )
    crate.write_bytes(evil)
    status, said = run(place, offline, files)
    assert status != 0
    assert "evil" not in said


def vendored(files: dict[str, str], word: str) -> dict[str, str]:
    """Return a project that brings its locked crate along, changed: cargo tells such a crate by its version alone."""
    (checksum,) = (line.split('"')[1] for line in files["Cargo.lock"].splitlines() if line.startswith("checksum"))
    replaced = '[source.local]\nregistry = "sparse+{}"\nreplace-with = "own"\n[source.own]\ndirectory = "vendor"\n'
    config = files[".cargo/config.toml"]
    return {
        **files,
        ".cargo/config.toml": config + replaced.format(config.split('"')[1].removeprefix("sparse+")),
        "vendor/dep/.cargo-checksum.json": json.dumps({"files": {}, "package": checksum}),
        "vendor/dep/Cargo.toml": DEP,
        "vendor/dep/lib.rs": f'pub fn word() -> &\'static str {{ "{word}" }}\n',
    }


def inner(word: str) -> dict[str, str]:
    """Return the second crate of a project, which says `word`."""
    return {
        "inner/Cargo.toml": '[package]\nname = "inner"\nversion = "0.1.0"\nedition = "2021"\n[lib]\npath = "lib.rs"\n',
        "inner/lib.rs": f'pub fn word() -> &\'static str {{ "{word}" }}\n',
    }


def local(files: dict[str, str], word: str) -> dict[str, str]:
    """Return a project of two crates that says what its locked crate says, and `word`."""
    lock = files["Cargo.lock"].replace(' "dep",\n', ' "dep",\n "inner",\n')
    return {
        **files,
        **inner(word),
        "Cargo.toml": files["Cargo.toml"] + 'inner = { path = "inner" }\n',
        "Cargo.lock": f'{lock}\n[[package]]\nname = "inner"\nversion = "0.1.0"\n',
        "src/main.rs": 'fn main() { println!("{} {}", dep::word(), inner::word()); }\n',
    }


def alone(word: str) -> dict[str, str]:
    """Return a project of two crates, and none from a registry, that says `word`."""
    return {
        **inner(word),
        "Cargo.toml": '[package]\nname = "demo"\nversion = "0.1.0"\nedition = "2021"\n'
        '[dependencies]\ninner = { path = "inner" }\n',
        "Cargo.lock": 'version = 3\n\n[[package]]\nname = "demo"\nversion = "0.1.0"\ndependencies = [\n "inner",\n]\n\n'
        '[[package]]\nname = "inner"\nversion = "0.1.0"\n',
        "src/main.rs": 'fn main() { println!("{}", inner::word()); }\n',
    }


@pytest.mark.parametrize(("kind", "said"), [(local, "good {}\n"), (vendored, "{}\n")])
def test_a_full_cache_never_has_another_commits_code(
    place: Place, site: Site, kind: Callable[[dict[str, str], str], dict[str, str]], said: str
) -> None:
    """A release of another branch, all of its files older than the last build, is compiled from its own files."""
    require_tool("cargo")
    files = rust_project(site)
    build = "cargo build --locked --quiet && $CARGO_TARGET_DIR/debug/demo"
    for word in ("main", "1.x", "main"):
        assert run(place, build, kind(files, word), "full") == (0, said.format(word))


@pytest.mark.slow
def test_a_full_cache_in_a_container_never_has_another_commits_code(docker_engine: Engine, tmp_path: Path) -> None:
    """In a container the sources are always at the same path, which is one thing less by which cargo could tell."""
    add_rust_image(docker_engine)
    spec = local_spec(docker_engine, make_workdir(docker_engine) / "builds")
    made = make_place(LocalHost(spec), tmp_path)
    place = replace(made, workdir=Path(spec.workdir))
    build = "cargo build --locked --offline --quiet && $CARGO_TARGET_DIR/debug/demo"
    for word in ("main", "1.x"):
        said = run(place, build, alone(word), "full", container=ContainerSpec(image=IMAGE))
        assert said == (0, f"{word}\n")
    assert place.leftovers() == docker_engine.containers() == []


def test_a_full_cache_spares_the_locked_crates(place: Place, site: Site) -> None:
    """The second release compiles its own crates and no other, which is what a full cache is for."""
    require_tool("cargo")
    files = local(rust_project(site), "main")
    status, said = run(place, "cargo build --locked", files, "full")
    assert (status, said.count("Compiling")) == (0, 3)
    status, said = run(place, "cargo build --locked --verbose", files, "full")
    assert status == 0
    assert "Fresh dep v1.0.0" in said
    assert said.count("Compiling") == 2


def wheel(name: str) -> bytes:
    """Return a wheel of one module."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr(f"{name}.py", "x = 1")
        about = f"{name}-1.0.dist-info"
        archive.writestr(f"{about}/METADATA", f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n")
        archive.writestr(f"{about}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        archive.writestr(f"{about}/RECORD", f"{name}.py,,\n{about}/METADATA,,\n{about}/WHEEL,,\n{about}/RECORD,,\n")
    return buffer.getvalue()


def python_index(site: Site) -> str:
    """Serve a wheel, and a package that has to be built; return the address of the index."""
    sdist = packed(
        {
            "PKG-INFO": "Metadata-Version: 2.1\nName: made\nVersion: 1.0\n",
            "pyproject.toml": '[build-system]\nrequires = []\nbuild-backend = "backend"\nbackend-path = ["."]\n'
            '[project]\nname = "made"\nversion = "1.0"\n',
            "backend.py": BACKEND,
        },
        "made-1.0",
    )
    for name, file, data in (("got", "got-1.0-py3-none-any.whl", wheel("got")), ("made", "made-1.0.tar.gz", sdist)):
        digest = hashlib.sha256(site.add(f"files/{file}", data)).hexdigest()
        page = f'<!DOCTYPE html><a href="/files/{file}#sha256={digest}">{file}</a>'
        site.add(f"simple/{name}/index.html", page.encode())
    return f"{site.url}/simple/"


def test_uv_finds_a_downloaded_wheel_again_and_not_one_that_was_built(place: Place, site: Site) -> None:
    """Offline, the downloaded wheel installs; what an earlier build compiled is gone, as "deps" says."""
    index = python_index(site)
    install = "uv --no-config pip install --quiet --no-build-isolation --python python3 --target ./into"
    assert run(place, f"{install} --index-url {index} got made && ls into/got.py into/made.py", {}) == (
        0,
        "into/got.py\ninto/made.py\n",
    )
    site.vanish()
    assert run(place, f"{install} --offline --index-url {index} got && ls into/got.py", {}) == (0, "into/got.py\n")
    status, _ = run(place, f"{install} --offline --index-url {index} made", {})
    assert status != 0


def test_what_pip_built_is_not_found_again(place: Place, site: Site) -> None:
    """The wheels that pip made from sources are compiled files: "deps" drops them, and pip builds once more."""
    index = python_index(site)
    pip = "PIP_CONFIG_FILE=/dev/null python3 -m pip install --quiet --no-build-isolation --target ./into"
    build = f'test ! -e "$PIP_CACHE_DIR/wheels"; {pip} --index-url {index} made; test -e "$PIP_CACHE_DIR/wheels"'
    for _ in range(2):
        status, said = run(place, build, {})
        assert status == 0, said
