"""Images come from a real registry on the loopback device, when they are missing or always, and by digest."""

import os
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from releasd.adapters.local import LocalHost
from releasd.core.containers import is_exact
from releasd.model import ContainerSpec
from releasd.ports import TaskResult
from support.boxes import Site, docker_engine, podman_engine, rootless_engine, site
from support.containers import HOLLOW_IMAGE, IMAGE
from support.ports import own_port
from support.sshd import wait_for_port
from support.tools import require_tool

__all__ = ["docker_engine", "podman_engine", "rootless_engine", "site"]

CONFIG = """\
version: 0.1
log: {{level: error}}
storage: {{filesystem: {{rootdirectory: {folder}/registry}}}}
http: {{addr: "127.0.0.1:{port}"}}
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Shelf:
    """A registry with one image, which the engine no longer has: `name` there, and the host that asks for it."""

    site: Site
    name: str
    host: LocalHost

    def run(self, image: str, pull: str) -> tuple[TaskResult, str]:
        """Run something in an image; return how it ended and what was said."""
        seen: list[bytes] = []
        task = self.site.place.task("echo inside", container=ContainerSpec(image=image, pull=pull))
        result = self.host.run(task, seen.append, lambda: False)
        return result, b"".join(seen).decode()


@pytest.fixture
def registry(tmp_path: Path) -> Iterator[str]:
    """A registry's address on the loopback device."""
    port = own_port()
    (tmp_path / "registry.yml").write_text(CONFIG.format(folder=tmp_path, port=port))
    with (tmp_path / "log").open("wb") as log:
        words = (require_tool("docker-registry"), "serve", tmp_path / "registry.yml")
        server = subprocess.Popen(words, stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=dict(os.environ))
    try:
        wait_for_port(port, server, tmp_path / "log")
        yield f"127.0.0.1:{port}"
    finally:
        server.terminate()
        server.wait(60)


@pytest.fixture
def shelf(site: Site, registry: str) -> Iterator[Shelf]:
    """A registry that has the image, and an engine that knows it speaks plain HTTP."""
    name = f"{registry}/box:1"
    conf = site.engine.folder / "registries.conf"
    conf.write_text(f'[[registry]]\nlocation = "{registry}"\ninsecure = true\n')
    own = {} if site.engine.name == "docker" else {"CONTAINERS_REGISTRIES_CONF": str(conf)}
    engine = replace(site.engine, env={**site.engine.env, **own})
    engine.ask("tag", IMAGE, name)
    engine.ask("push", name)
    engine.ask("rmi", name)
    host = LocalHost(replace(site.place.host.spec, env=engine.env))
    yield Shelf(site=site, name=name, host=host)
    for left in engine.ask("image", "ls", "--format", "{{.Repository}}:{{.Tag}}@{{.Digest}}").split():
        if left.startswith(registry):
            tag, _, digest = left.partition("@")
            engine.ask("rmi", f"{registry}/box@{digest}" if tag.endswith("<none>") else tag)


def test_a_missing_image_is_pulled_once_and_its_digest_told(shelf: Shelf) -> None:
    """The first build pulls, the second does not; the evidence names the digest, by which the same can be had again."""
    assert shelf.host.probe([], ContainerSpec(image=shelf.name)).is_image_absent
    first, said = shelf.run(shelf.name, "missing")
    assert (first.exit_status, said.endswith("inside\n")) == (0, True)
    digests = [each for each in first.evidence["image_digests"].split() if each.startswith(shelf.name[:-2])]
    assert digests
    assert all(map(is_exact, digests))
    second, said = shelf.run(shelf.name, "missing")
    seconds = {"seconds": first.evidence["seconds"]}
    assert ({**second.evidence, **seconds}, said) == (first.evidence, "inside\n")
    for digest in digests:
        assert shelf.run(digest, "missing")[0].evidence["image_id"] == first.evidence["image_id"]


def test_an_image_that_is_always_pulled_is_the_registrys(shelf: Shelf) -> None:
    """With `always` a tag that moved in the registry is followed, whatever this host has under that name."""
    first, _ = shelf.run(shelf.name, "always")
    engine = shelf.site.engine
    engine.ask("tag", HOLLOW_IMAGE, shelf.name)  # moved here, and unable to run anything
    again, said = shelf.run(shelf.name, "always")
    assert again.evidence["image_id"] == first.evidence["image_id"]
    assert said.endswith("inside\n")
