"""A docker daemon that makes containers so slowly that their builds are over by then."""

import json
import secrets
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from releasd.adapters.local import LocalHost
from releasd.model import ContainerSpec
from support.boxes import local_spec, make_workdir
from support.containers import IMAGE, Engine, busybox, docker, tar_of
from support.hosts import LEASH, eventually, make_place
from support.httpstub import Asked, Reply, http_stub

PLUGINS = Path("/etc/docker/plugins")  # where dockerd looks for the addresses of plugins, whatever its options


@contextmanager
def slow_docker(folder: Path, go: threading.Event) -> Iterator[Engine]:
    """A dockerd that begins to make a container only after `go`: an authorization plugin of ours holds it up."""

    def reply(asked: Asked) -> Reply:
        if asked.path == "/Plugin.Activate":
            return Reply(body=b'{"Implements": ["authz"]}')
        about = json.loads(asked.body)
        if asked.path == "/AuthZPlugin.AuthZReq" and "/containers/create" in about["RequestUri"]:
            go.wait(60)
        return Reply(body=b'{"Allow": true}')

    name = f"releasd-test-{secrets.token_hex(4)}"
    PLUGINS.mkdir(parents=True, exist_ok=True)
    address = PLUGINS / f"{name}.spec"
    with http_stub(reply) as stub:
        address.write_text(stub.url.replace("http:", "tcp:"))
        try:
            with docker(folder, f"--authorization-plugin={name}") as engine:
                engine.add_image(IMAGE, tar_of(busybox()))
                yield engine
        finally:
            go.set()
            address.unlink()


def test_a_container_that_comes_after_the_end_of_its_build_is_removed(tmp_path: Path) -> None:
    """Absent is not gone while docker may still make it: the folder stays, and a later look removes both."""
    go = threading.Event()
    with TemporaryDirectory(prefix="releasd-") as short, slow_docker(Path(short), go) as engine:
        workdir = make_workdir(engine)
        place = make_place(LocalHost(local_spec(engine, workdir, leash=LEASH)), tmp_path / "place")
        ended = place.run("echo never", container=ContainerSpec(image=IMAGE, pull="never"), timeout=3.0)
        assert ended.why == "timeout"
        assert engine.containers() == []
        go.set()
        assert eventually(lambda: engine.containers() != [])
        place.host.probe([])
        assert engine.containers() == []
        assert list(workdir.iterdir()) == []
