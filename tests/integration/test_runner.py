"""The runner under every Python of this machine: hosts have older and newer ones than the daemon."""

import ast
import os
import shutil
import subprocess
import sys
import tarfile
import tempfile
from collections.abc import Iterator
from pathlib import Path
from types import FunctionType

import pytest

from releasd.adapters import local, runner
from releasd.adapters.runner import folders
from releasd.errors import HostLost, Permanent
from support.hosts import Place, eventually, make_local, make_place

NOBODY = 65534


def pythons() -> list[str]:
    """Return one interpreter of each version from 3.8 on that can be found here, and the system's."""
    names = [f"python3.{minor}" for minor in range(8, 16)]
    found = [shutil.which(name) for name in names]
    found += [str(path) for path in sorted((Path.home() / ".pyenv" / "versions").glob("3.*/bin/python3"))]
    candidates = [sys.executable, "/usr/bin/python3", *(path for path in found if path)]
    by_version: dict[str, str] = {}
    for path in candidates:
        command = (path, "-c", "import sys; print(sys.version)")
        if Path(path).exists():
            version = subprocess.run(command, check=False, capture_output=True, text=True, timeout=30).stdout
            if version and tuple(map(int, version.split()[0].split(".")[:2])) >= (3, 8):
                by_version.setdefault(version.split()[0], path)
    return list(by_version.values())


@pytest.fixture(params=pythons())
def place(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Place]:
    """This machine, with the runner under one of its Pythons; after the test nothing may be left."""
    monkeypatch.setattr(local.sys, "executable", request.param)
    place = make_place(make_local(request, tmp_path / "work"), tmp_path)
    yield place
    assert eventually(lambda: not place.leftovers(), 10), place.leftovers()


def make_source(path: Path, name: str) -> Path:
    with tarfile.open(path, "w") as tar:
        tar.addfile(tarfile.TarInfo("file"))
        tar.addfile(tarfile.TarInfo(name))
    return path


def test_a_task_runs_under_every_python(place: Place, tmp_path: Path) -> None:
    """Sources in, a file out, a straggler killed: with each version that a host may have."""
    source = make_source(tmp_path / "source.tar", "folder/file")
    result = place.run('test -f folder/file; SLEEP & echo x > "$RELEASD_OUT/a.whl"', source=source)
    assert [output.size for output in result.outputs] == [2]
    assert place.leftovers() == []


def test_evil_sources_are_refused_under_every_python(place: Place, tmp_path: Path) -> None:
    """The check is our own: versions without tarfile's data filter are as safe."""
    with pytest.raises(Permanent, match="outside of the folder"):
        place.run("true", source=make_source(tmp_path / "evil.tar", "../evil"))


def test_a_timeout_ends_everything_under_every_python(place: Place) -> None:
    """The subreaper works with each version."""
    assert place.run("(setsid sh -c 'SLEEP' &) ; SLEEP", timeout=0.3).why == "timeout"


@pytest.fixture
def own_folder() -> Iterator[Path]:
    """A folder of an ordinary user's, whom this process is for the time of the test."""
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as name:
        if os.getuid() != 0:
            yield Path(name)
            return
        os.chown(name, NOBODY, NOBODY)
        os.seteuid(NOBODY)
        try:
            yield Path(name)
        finally:
            os.seteuid(0)


def test_folders_closed_even_to_their_owner_are_removed(own_folder: Path) -> None:
    """A cache that made itself read-only does not outlive the build."""
    task = own_folder / "t-1"
    lock = folders.claim(task)
    (task / "deep" / "er").mkdir(parents=True)
    (task / "deep" / "er" / "file").touch()
    (task / "deep" / "er").chmod(0o000)
    (task / "deep").chmod(0o500)
    assert folders.release(task, lock, lambda: None)
    assert list(own_folder.iterdir()) == []


def test_what_is_not_ours_to_remove_is_said_to_be_left(own_folder: Path) -> None:
    """Files of another user, as a container's root leaves them, keep folder and lock for the next attempt."""
    task = own_folder / "t-1"
    lock = folders.claim(task)
    own_folder.chmod(0o500)  # nobody but root gets past this: the folder itself cannot go
    try:
        is_gone = folders.release(task, lock, lambda: None)
    finally:
        own_folder.chmod(0o700)
    assert not is_gone
    assert sorted(path.name for path in own_folder.iterdir()) == ["t-1", "t-1.lock"]
    folders.open_workdir(str(own_folder))
    assert list(own_folder.iterdir()) == []


@pytest.mark.parametrize("name", runner.MODULES)
def test_the_runner_is_written_in_python_3_8(name: str) -> None:
    """No syntax that an older host's Python cannot read."""
    ast.parse((Path(runner.__file__).parent / f"{name}.py").read_text(), feature_version=(3, 8))


def test_what_is_sent_is_the_runner_without_what_people_read() -> None:
    """Texts that are no docstrings stay to the byte, lines stay where they were; comments do not travel."""
    source = '''"""Docstring.

    More of it."""
from __future__ import annotations
TEXT = """# no comment

two lines up is none"""
def f():
    """One line."""
    return TEXT  # a comment
class C:
    """Of a class."""
'''
    bare = runner.bare(source)
    found: dict[str, object] = {}
    exec(bare, found)
    function = found["f"]
    assert isinstance(function, FunctionType)
    assert function() == "# no comment\n\ntwo lines up is none"
    assert function.__code__.co_firstlineno == 8
    assert not any(word in bare for word in ("Docstring", "More", "One line", "a comment", "Of a class"))
    assert len(runner.bundle()) < 25_000  # a change of one commit is to stay below rsync's 33 kB


def told(source: str) -> set[str]:
    """Return the texts in a Python source."""
    return {
        node.value
        for node in ast.walk(ast.parse(source))
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
    }


@pytest.mark.parametrize("name", runner.MODULES)
def test_no_text_of_the_runner_is_changed_on_its_way(name: str) -> None:
    """Scripts for shells are among them; only docstrings become empty, and code alone is indented by less."""
    source = (Path(runner.__file__).parent / f"{name}.py").read_text()
    assert told(runner.bare(source)) <= told(source) | {""}


# Starts a runner whose daemon is gone, and prints how many of its modules it compiled, and what it loaded.
WATCHED = """
import sys
made = []
sys.addaudithook(lambda event, args: event == "compile" and "releasd" in str(args[1]) and made.append(args))
i = sys.stdin.buffer
try:
    exec(i.read(int(i.readline())))
except SystemExit:
    print(len(made), *sys.modules, file=sys.stderr)
"""


@pytest.mark.parametrize("is_compiled", [True, False])
def test_a_start_pays_for_nothing_that_it_does_not_need(*, is_compiled: bool) -> None:
    """Nothing is compiled where the Python is the daemon's own; modules that few builds use are not loaded."""
    command = (sys.executable, "-I", "-S", "-c", WATCHED)
    sent = runner.bundle(is_compiled=is_compiled)
    done = subprocess.run(command, input=sent, capture_output=True, check=True, timeout=60)
    assert done.stdout.startswith(b"\0releasd-runner-1\n")
    compiled, *modules = done.stderr.decode().split()
    assert int(compiled) == (0 if is_compiled else len(runner.MODULES))
    assert {f"{runner.__name__}.{name}" for name in runner.MODULES} < set(modules)
    assert not {"typing", "tarfile", "tokenize"} & set(modules)


def test_a_python_that_cannot_run_the_runner_is_told_with_its_words(
    request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A broken interpreter is a permanent error that says what it printed; a killed one is a lost host."""
    place = make_place(make_local(request, tmp_path / "work"), tmp_path)
    broken = tmp_path / "broken"
    for script, error, text in (
        ("echo no module named tarfile >&2; exit 1", Permanent, "exit status 1.*no module named tarfile"),
        ("kill -9 $$", HostLost, "went away"),
        ("printf '\\0releasd-runner-1\\nXXXXXXXXXX'; cat", Permanent, "no runner sends"),
    ):
        broken.write_text(f"#!/bin/sh\n{script}\n")
        broken.chmod(0o755)
        monkeypatch.setattr(local.sys, "executable", str(broken))
        with pytest.raises(error, match=text):
            place.host.probe([])
