"""Hosts whose tasks run in real containers, and proof that nothing is left of them."""

import secrets
import shlex
import shutil
import sys
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from releasd.adapters.local import LocalHost
from releasd.model import ContainerSpec, HostSpec
from releasd.ports import TaskResult
from support.containers import IMAGE, Engine, as_user, docker_engine, podman_engine, rootless_engine
from support.hosts import LEASH, Place, eventually, make_place

__all__ = ["docker_engine", "podman_engine", "rootless_engine"]

ENGINES = ("docker_engine", "podman_engine", "rootless_engine")


@dataclass(frozen=True, slots=True, kw_only=True)
class Site:
    """A host with an engine."""

    place: Place
    engine: Engine

    def run(self, script: str, **changes: object) -> TaskResult:
        """Run a script in a container, output unheeded."""
        return self.place.run(script, **{"container": ContainerSpec(image=IMAGE), **changes})

    def output(self, script: str, **changes: object) -> str:
        """Run a script in a container and return what it printed."""
        return self.place.output(script, **{"container": ContainerSpec(image=IMAGE), **changes})

    def leftovers(self) -> list[str]:
        """Return the processes, files and containers that are left of any task."""
        return [*self.place.leftovers(), *self.engine.containers()]


def local_spec(engine: Engine, workdir: Path, **changes: object) -> HostSpec:
    """Return an entry for this machine whose containers run in `engine`."""
    values = {"name": "here", "labels": frozenset({"linux"}), "workdir": str(workdir), "env": dict(engine.env)}
    return HostSpec(**{**values, "engine": engine.name, **changes})


def make_workdir(engine: Engine) -> Path:
    """Make a folder for tasks that the engine's user owns and can reach."""
    workdir = engine.folder / f"work-{secrets.token_hex(4)}"
    workdir.mkdir(mode=0o700)
    if engine.user:
        shutil.chown(workdir, engine.user, engine.user)
    return workdir


def run_as(user: str, engine: Engine, patch: pytest.MonkeyPatch) -> None:
    """Have runners on this machine started as `user`, by a Python that every user can read."""
    wrapper = engine.folder / "python"
    words = shlex.join((*as_user(user), "/usr/bin/python3"))
    wrapper.write_text(f'#!/bin/sh\nexec {words} "$@"\n')
    wrapper.chmod(0o755)
    patch.setattr(sys, "executable", str(wrapper))


@pytest.fixture(params=ENGINES)
def site(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Site]:
    """A host with each kind of engine in turn; after the test nothing may be left there."""
    engine: Engine = request.getfixturevalue(request.param)
    workdir = make_workdir(engine)
    if engine.user:
        run_as(engine.user, engine, monkeypatch)
    host = LocalHost(replace(local_spec(engine, workdir), leash=LEASH))
    made = make_place(host, tmp_path)
    site = Site(place=Place(host=host, workdir=workdir, dest=made.dest, mark=made.mark), engine=engine)
    yield site
    left = [] if eventually(lambda: not site.leftovers()) else site.leftovers()
    for name in engine.containers():
        engine.ask("rm", "--force", name)  # the engine is shared: the next test has no part in it
    assert left == []
