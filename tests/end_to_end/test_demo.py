"""The demonstration is the first thing that anyone runs: it has to show what it promises, and leave nothing behind."""

import os
import re
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from support.truth import assert_told


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> tuple[str, Path]:
    """Run `releasd demo` with a temporary folder of its own; return what it printed, and that folder."""
    folder = tmp_path_factory.mktemp("d")
    environ = {**os.environ, "TMPDIR": str(folder), "RELEASD_CONFIG": "/nonexistent"}
    done = subprocess.run(
        (sys.executable, "-m", "releasd.cli", "demo"),
        env=environ,
        capture_output=True,
        text=True,
        timeout=150,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout, folder


def test_demo_shows_a_release_from_push_to_installation(demo: tuple[str, Path]) -> None:
    """The pusher is told, every step ends well, and the new version installs from the index and works."""
    shown, _ = demo
    assert_told(shown, "remote: releasd: greeting 0.2.0 will be released to local")
    steps = re.findall(r"✓ (\w+) ", shown)
    assert steps[:9] == ["preflight", "sync", "version", "build", "check", "tag", "publish", "verify", "announce"]
    assert "'0.2.0 hello, world'" in shown


def test_demo_shows_status_tag_changelog_and_audit(demo: tuple[str, Path]) -> None:
    """What a release leaves behind is shown: the status, the annotated tag with its witness, the notes, the chain."""
    shown, _ = demo
    assert re.search(r"greeting\s+0\.2\.0\s+v0\.2\.0", shown)
    assert re.search(r"Releasd-Audit: \d+:[0-9a-f]{64}", shown)
    assert "* greet by name (" in shown
    assert re.search(r"\d+ events, unbroken up to", shown)


def test_demo_shows_that_a_failed_build_leaves_no_trace(demo: tuple[str, Path]) -> None:
    """The second push fails in its build: the tags and the index's files are those of before."""
    shown, _ = demo
    assert "✗ build" in shown
    assert "tags: v0.1.0 v0.2.0; files on the index: 2; main: as it was pushed." in shown


def test_demo_leaves_nothing_behind(demo: tuple[str, Path]) -> None:
    """Its folder is gone and none of its processes lives on."""
    _, folder = demo
    assert list(folder.iterdir()) == []
    left = [p for p in psutil.process_iter(["cmdline"]) if str(folder) in " ".join(p.info["cmdline"] or ())]
    assert left == []
