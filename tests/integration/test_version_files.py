"""Edited manifests and lock files are accepted by the tools that they belong to, which are asked to trust the lock."""

import subprocess
from collections.abc import Mapping
from pathlib import Path

import uv

from releasd.core.files import apply_edit, detect
from releasd.model import ProjectConfig
from support.tools import require_tool

ROOT = """[workspace]
members = ["crates/*"]
resolver = "2"

[workspace.package]
version = "1.2.3"

[workspace.dependencies]
releasd-util = { path = "crates/util", version = "=1.2.3" }
"""
CORE = """[package]
name = "releasd-core"
version.workspace = true
edition = "2021"

[dependencies]
releasd-util.workspace = true
"""
UTIL = '[package]\nname = "releasd-util"\nversion = "1.2.3"\nedition = "2021"\n'
PYPROJECT = '[project]\nname = "My_Proj"\nversion = "1.2.3"\nrequires-python = ">=3.11"\n'


def _write(folder: Path, files: Mapping[str, str]) -> None:
    for path, text in files.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_text(text)


def _run(folder: Path, *command: str) -> None:
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr


def _release(folder: Path, paths: tuple[str, ...], version: str, pep440: str) -> dict[str, str]:
    files = {path: (folder / path).read_text() for path in paths}
    for edit in detect(files, ProjectConfig(), version=version, pep440=pep440).edits:
        files[edit.path] = apply_edit(edit, files[edit.path])
    _write(folder, files)
    return files


def test_cargo_accepts_the_workspace_and_its_lock_after_two_releases(tmp_path: Path) -> None:
    """With `--locked` Cargo refuses a lock that does not fit the manifests; it has nothing to say here."""
    cargo = require_tool("cargo")
    sources = {"crates/core/src/lib.rs": "", "crates/util/src/lib.rs": ""}
    _write(tmp_path, {"Cargo.toml": ROOT, "crates/core/Cargo.toml": CORE, "crates/util/Cargo.toml": UTIL, **sources})
    _run(tmp_path, cargo, "generate-lockfile", "--offline")
    paths = ("Cargo.toml", "Cargo.lock", "crates/core/Cargo.toml", "crates/util/Cargo.toml")
    for version in ("2.0.0", "2.1.0-beta.1"):
        after = _release(tmp_path, paths, version, version)
        _run(tmp_path, cargo, "metadata", "--locked", "--offline", "--format-version", "1")
        assert after["Cargo.lock"].count(f'version = "{version}"') == 2


def test_uv_accepts_its_lock_after_a_release(tmp_path: Path) -> None:
    """`uv lock --check` finds nothing to update, also for a pre-release in Python's spelling."""
    _write(tmp_path, {"pyproject.toml": PYPROJECT})
    _run(tmp_path, uv.find_uv_bin(), "lock", "--offline", "--no-config")
    after = _release(tmp_path, ("pyproject.toml", "uv.lock"), "2.0.0-beta.1", "2.0.0b1")
    assert 'version = "2.0.0b1"' in after["uv.lock"]
    _run(tmp_path, uv.find_uv_bin(), "lock", "--check", "--offline", "--no-config")
