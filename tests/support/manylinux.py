"""config/manylinux.Containerfile, built by a real engine on a base of the host's own programs.

Real are the Containerfile, pip, maturin and uv, the toolchain and the download over TLS. Only rustup is a stand-in: it
puts the toolchain that the base brings where rustup would put the one that it downloads.
"""

import hashlib
import re
import ssl
import subprocess
import sys
import sysconfig
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from support import cache
from support.containers import Engine, shared_libraries
from support.mailserver import certificate
from support.rustimage import linkers, rust, toolchain, write_image
from support.tools import lacking, require_tool

BASE, IMAGE = "localhost/releasd-test:manylinux", "localhost/releasd-test:manylinux-rust"
CONTAINERFILE = Path(__file__).parents[2] / "config/manylinux.Containerfile"
_PYTHON = f"cp{sys.version_info[0]}{sys.version_info[1]}"
_APPLETS = ("sha256sum", "chmod", "rm", "ln")  # what a manylinux image has besides those of every image of the tests
_RUSTUP = """\
#!/bin/sh
set -eu
[ "$*" = "-y --no-modify-path --profile minimal --default-toolchain {version}" ]
mkdir -p "$CARGO_HOME/bin" "$RUSTUP_HOME"
ln -s {cargo} {rustc} "$CARGO_HOME/bin/"
"""


def build_manylinux(engine: Engine, folder: Path) -> None:
    """Make the base, then the image of it as the Containerfile says; `folder` is for this alone.

    Skips loudly, or fails under CI, where maturin and uv cannot be downloaded.
    """
    given = dict(re.findall(r"^ARG (\w+)=(\S+)$", CONTAINERFILE.read_text(), re.MULTILINE))
    cargo, rustc = rust()
    script = _RUSTUP.format(version=given["RUST"], cargo=cargo, rustc=rustc).encode()
    wheels = _wheels(f"maturin=={given['MATURIN']}", f"uv=={given['UV']}")
    with _served(folder, script) as url:
        _make_base(engine, folder / "cert.pem", wheels)
        digest = hashlib.sha256(script).hexdigest()
        own = {"BASE": BASE, "PYTHON": f"{_PYTHON}-{_PYTHON}", "RUSTUP": url, "RUSTUP_SHA256": digest}
        arguments = [f"--build-arg={name}={value}" for name, value in own.items()]
        engine.ask("build", "--network=host", f"--tag={IMAGE}", *arguments, f"--file={CONTAINERFILE}", str(folder))


def _make_base(engine: Engine, trusted: Path, wheels: Path) -> None:
    python, curl = Path(sys.executable).resolve(), Path(require_tool("curl"))
    library = Path(sysconfig.get_path("stdlib"))
    unwanted = {"test", "site-packages", "__pycache__", "idlelib", "tkinter"}
    modules = {path for path in library.rglob("*") if path.is_file() and not unwanted & set(path.parts)}
    modules = {path for path in modules if path.suffix != ".a"}
    programs = [python, curl, *library.glob("lib-dynload/*.so")]
    files = {*toolchain(), *programs, *shared_libraries(programs), *modules, trusted, *wheels.glob("*.whl")}
    links = {**dict.fromkeys((f"bin/{name}" for name in _APPLETS), "busybox"), **linkers(), "bin/curl": str(curl)}
    links[f"opt/python/{_PYTHON}-{_PYTHON}/bin/python"] = str(python)
    env = {"PATH": "/bin", "CURL_CA_BUNDLE": trusted, "PIP_NO_INDEX": "1", "PIP_FIND_LINKS": wheels}
    write_image(engine, BASE, files, links, *(f"--change=ENV {name}={value}" for name, value in env.items()))


def _wheels(*wanted: str) -> Path:
    """Return a folder with the wheels of these packages, downloaded by whoever comes first."""

    def download(into: Path) -> None:
        pip = (sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--only-binary=:all:", "--dest", into)
        subprocess.run((*pip, *wanted), capture_output=True, timeout=150, check=True)

    try:
        return cache.kept("wheels-" + "-".join(wanted), download)
    except (subprocess.SubprocessError, OSError) as error:
        lacking(f"THE CONTAINERFILE WAS NOT BUILT: {', '.join(wanted)} could not be downloaded: {error}")


@contextmanager
def _served(folder: Path, script: bytes) -> Iterator[str]:
    """Serve a file over TLS on this machine; yield its address. The certificate is in the folder."""
    (certificate(folder) / "rustup-init").write_bytes(script)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / "cert.pem", folder / "key.pem")
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(_Quiet, directory=folder)) as server:
        server.socket = context.wrap_socket(server.socket, server_side=True)
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"https://127.0.0.1:{server.server_address[1]}/rustup-init"
        server.shutdown()
        thread.join(10)


class _Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *_: object) -> None:
        """Say nothing."""
