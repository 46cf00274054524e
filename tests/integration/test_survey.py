"""What a host tells of itself: from the real runner here, and with programs on its PATH that misbehave."""

import os
import signal
import time
from pathlib import Path

import psutil
import pytest

from releasd.adapters.local import LocalHost
from releasd.adapters.runner import survey
from releasd.core.platform import derived_labels
from releasd.model import HostSpec
from support.parts import eventually


def program(folder: Path, name: str, script: str) -> None:
    """Put a program on the PATH."""
    folder.mkdir(exist_ok=True)
    (folder / name).write_text(f"#!/bin/sh\n{script}\n")
    (folder / name).chmod(0o755)


@pytest.fixture
def bin_folder(tmp_path: Path) -> Path:
    """Return a folder of programs: one of each kind."""
    folder = tmp_path / "bin"
    program(folder, "git", "echo git version 2.39.5")
    program(folder, "cargo", "echo cargo 1.85.0-nightly '(abc 2026-01-01)'")
    program(folder, "uv", "exit 3")
    listed = "printf 'quay.io/pypa/manylinux2014_x86_64:latest\\n<none>:<none>\\nquay.io/x:1\\n'"
    program(folder, "docker", f'case "$1" in image) {listed};; *) echo Docker version 20.10.24, build 297e128;; esac')
    program(folder, "podman", 'case "$1" in image) exit 125;; *) echo podman version 4.3.1;; esac')
    return folder


def test_versions_and_images_are_found(bin_folder: Path) -> None:
    """A version where a program says one; images of an engine that answers, not of one that is merely installed."""
    found = survey.programs({"PATH": str(bin_folder)})
    assert found["programs"] == {
        "git": "2.39.5", "cargo": "1.85.0", "uv": "?", "docker": "20.10.24", "podman": "4.3.1",
    }  # fmt: skip
    assert found["images"] == {"docker": ["quay.io/pypa/manylinux2014_x86_64:latest", "quay.io/x:1"]}
    labels = derived_labels("Linux", "x86_64", {"libc": "glibc 2.36", **found})
    assert labels == {"linux", "x86_64", "glibc2.36", "docker"}


def lives(pid: int) -> bool:
    """Return whether a process runs; one that is dead and was not collected does not."""
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


@pytest.mark.parametrize(
    "script",
    ["echo $$ > FOLDER/pid; exec sleep 614", "sleep 614 & echo $! > FOLDER/pid; wait"],
    ids=["program", "wrapper"],
)
def test_a_program_that_hangs_is_not_waited_for(
    bin_folder: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, script: str
) -> None:
    """A container engine that never answers is one that does not; it is ended, with what a wrapper started."""
    program(bin_folder, "docker", script.replace("FOLDER", str(tmp_path)))
    monkeypatch.setattr(survey, "LIMIT", 1.0)
    begun = time.monotonic()
    found = survey.programs({"PATH": f"{bin_folder}:/bin"})
    assert time.monotonic() - begun < 60
    assert (found["programs"]["docker"], found["images"]) == ("?", {})
    hanging = int((tmp_path / "pid").read_text())
    eventually(lambda: not lives(hanging), "the program is ended")


def test_a_pipe_that_stays_open_is_not_waited_for(
    bin_folder: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """A program's helper that went to a session of its own, and keeps the pipe, does not hold up the survey."""
    program(bin_folder, "docker", f"setsid sleep 614 & echo $! > {tmp_path}/pid; sleep 615")
    monkeypatch.setattr(survey, "LIMIT", 1.0)
    begun = time.monotonic()
    try:
        assert survey.programs({"PATH": f"{bin_folder}:/usr/bin:/bin"})["programs"]["docker"] == "?"
        assert time.monotonic() - begun < 60
    finally:
        os.kill(int((tmp_path / "pid").read_text()), signal.SIGKILL)


@pytest.mark.parametrize(
    ("facts", "label"),
    [({"libc": "musl"}, "musl"), ({"libc": "macos 14.5"}, None), ({}, None), ({"images": {"podman": []}}, "podman")],
)
def test_labels_follow_from_facts(facts: dict[str, object], label: str | None) -> None:
    """The C library where a wheel depends on it, and each engine that answers, images or not."""
    assert derived_labels("Darwin", "arm64", facts) == {"macos", "arm64"} | ({label} if label else set())


def test_a_real_host_tells_what_it_is(bin_folder: Path, tmp_path: Path) -> None:
    """By way of the runner, as from any host; what costs a process is asked for only in a survey."""
    spec = HostSpec(name="here", labels=frozenset(), workdir=str(tmp_path / "work"), path=f"{bin_folder}:/usr/bin:/bin")
    found = LocalHost(spec).probe(["git"], survey=True)
    assert found.facts["programs"]["git"] == "2.39.5"
    assert found.facts["cores"] >= 1
    assert found.facts["memory"] > 1 << 24
    assert found.facts["libc"].split()[0] in {"glibc", "musl", "macos"}
    assert abs(found.facts["clock_offset"]) < 5
    plain = LocalHost(spec).probe(["git"])
    assert "programs" not in plain.facts
    assert plain.facts["cores"] == found.facts["cores"]
