"""Images come from a real registry on the loopback device, when they are missing or always, and by digest."""

import os
import socket
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from releasd.adapters.local import LocalHost
from releasd.core.containers import is_exact
from releasd.model import ContainerSpec
from releasd.ports import Cache, TaskResult
from support.boxes import Site, docker_engine, podman_engine, rootless_engine, site
from support.containers import HOLLOW_IMAGE, IMAGE, Engine, busybox, tar_of
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
    engine: Engine

    def run(self, image: str, pull: str, **changes: object) -> tuple[TaskResult, str]:
        """Run something in an image; return how it ended and what was said."""
        seen: list[bytes] = []
        box = ContainerSpec(image=image, pull=pull)
        task = self.site.place.task(**{"script": "echo inside", "container": box, **changes})
        result = self.host.run(task, seen.append, lambda: False)
        return result, b"".join(seen).decode()

    def fill_cache(self, pull: str) -> str:
        """Run a build that leaves something in its cache; return what it said, which begins with what it found."""
        script = 'cd "$UV_CACHE_DIR/.."; ls; touch filled'
        result, said = self.run(self.name, pull, script=script, cache=Cache(mode="full", project="demo", target="w"))
        assert (result.exit_status, result.evidence["cache"]) == (0, "full")
        return said

    def move(self) -> None:
        """Have another image under that name in the registry, and the old one here."""
        self.engine.add_image(self.name, tar_of({**busybox(), "other": b""}))
        self.engine.ask("push", self.name)
        self.engine.ask("rmi", self.name)
        self.engine.ask("tag", IMAGE, self.name)

    def forget(self) -> None:
        """Have no image under that name here."""
        self.engine.ask("rmi", self.name)


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
    yield Shelf(site=site, name=name, host=host, engine=engine)
    for left in engine.ask("image", "ls", "--format", "{{.Repository}}:{{.Tag}}@{{.Digest}}").split():
        tag, _, digest = left.partition("@")
        if left.startswith(registry) and not tag.endswith("<none>"):
            engine.ask("rmi", tag)
        elif left.startswith(registry) and digest:
            engine.ask("rmi", f"{registry}/box@{digest}")


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


def test_a_tag_that_moved_finds_no_cache_of_another_image(shelf: Shelf) -> None:
    """With `always` the cache is the one of the image that the build runs in, not of the one that was here before."""
    shelf.fill_cache("missing")
    assert "filled" in shelf.fill_cache("always")
    shelf.move()
    assert "filled" not in shelf.fill_cache("always")


def test_an_image_that_was_missing_has_the_cache_of_its_bytes(shelf: Shelf) -> None:
    """The first build, which pulls, fills what the second finds; another image of that name has another cache."""
    shelf.fill_cache("missing")
    assert "filled" in shelf.fill_cache("missing")
    shelf.move()
    shelf.forget()
    assert "filled" not in shelf.fill_cache("missing")


def test_a_registry_that_never_answers_ends_with_the_builds_time(site: Site) -> None:
    """A pull is on the build's clock, and nothing is left of it; no build has begun."""
    with socket.create_server(("127.0.0.1", 0)) as silent:
        image = f"127.0.0.1:{silent.getsockname()[1]}/box:1"
        result = site.run("echo inside", container=ContainerSpec(image=image), timeout=2.0)
    assert (result.why, result.exit_status != 0, result.outputs) == ("timeout", True, ())


def test_a_pull_is_heard(shelf: Shelf) -> None:
    """What the engine says while it pulls is in the build's output before the build's own."""
    _, said = shelf.run(shelf.name, "missing")
    before, _, after = said.partition("inside")
    assert before.strip()
    assert after == "\n"
