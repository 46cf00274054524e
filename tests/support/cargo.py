"""The real cargo, and workspaces for it to package."""

import os
import re
import subprocess
from collections.abc import Mapping
from pathlib import Path

from releasd.core.crates import SEVERAL_SINCE, build
from support.tools import lacking, require_tool

CORE = """[package]
name = "demo-core"
version = "{version}"
edition = "2021"
description = "what the demo needs"
license = "MIT"
publish = ["local"]
"""
APP = """[package]
name = "demo"
version = "{version}"
edition = "2021"
description = "the demo"
license = "MIT"
publish = ["local"]

[dependencies]
demo-core = {{ path = "../core", version = "{version}", registry = "local" }}
"""
# The workspace's own lock file, and a package of somebody who uses it.
LOCK = """version = 4

[[package]]
name = "demo"
version = "1.0.0"
dependencies = [
 "demo-core",
]

[[package]]
name = "demo-core"
version = "1.0.0"
"""
USER = {
    "Cargo.toml": '[package]\nname = "user"\nversion = "0.1.0"\nedition = "2021"\n',
    "src/main.rs": 'fn main() {\n    println!("it needs {}", demo::needed());\n}\n',
}


def require_cargo() -> str:
    """Return the path of a cargo that packages several crates at once; skip loudly, or fail under CI, without."""
    cargo = require_tool("cargo")
    said = subprocess.run((cargo, "--version"), capture_output=True, text=True, timeout=30, check=True).stdout
    found = re.search(r"(\d+)\.(\d+)", said)
    if not found or (int(found[1]), int(found[2])) < tuple(map(int, SEVERAL_SINCE.split("."))):
        lacking(f"cargo {SEVERAL_SINCE} is needed to package crates that need each other; this is {said.strip()}")
    return cargo


def workspace(version: str = "1.0.0") -> dict[str, str]:
    """Return two crates, one of which needs the other, as a workspace's files."""
    return {
        "Cargo.toml": '[workspace]\nmembers = ["core", "app"]\nresolver = "2"\n',
        "core/Cargo.toml": CORE.format(version=version),
        "core/src/lib.rs": f'/// Which one it is.\npub const VERSION: &str = "{version}";\n',
        "app/Cargo.toml": APP.format(version=version),
        "app/src/lib.rs": "/// Which one it needs.\npub fn needed() -> &'static str {\n    demo_core::VERSION\n}\n",
    }


def write(folder: Path, files: Mapping[str, str]) -> Path:
    """Write files below `folder` and return it."""
    for path, text in files.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_text(text)
    return folder


def cargo(*arguments: str, cwd: Path, home: Path, environ: Mapping[str, str] | None = None) -> str:
    """Run cargo with a home of its own; return what it said, and fail where it does."""
    done = subprocess.run(
        (require_cargo(), *arguments),
        cwd=cwd,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
        env={**_own_environ(), "CARGO_HOME": str(home), **(environ or {})},
    )
    assert done.returncode == 0, done.stderr
    return done.stdout + done.stderr


def built(folder: Path, crate: str, *, home: Path, environ: Mapping[str, str] | None = None) -> Path:
    """Run the recipe's script in `folder`, as a host does, and return the one crate that it leaves."""
    require_cargo()
    files = {path: (folder / path).read_text() for path in ("Cargo.toml",)}
    tmp, out = folder.parent / f"tmp-{folder.name}", folder.parent / f"out-{folder.name}"
    for place in (tmp, out):
        place.mkdir()
    env = {**_own_environ(), "CARGO_HOME": str(home), "TMPDIR": str(tmp), "RELEASD_OUT": str(out), **(environ or {})}
    subprocess.run(("sh", "-c", build(files, (crate,)).run), cwd=folder, env=env, check=True, timeout=120)
    (made,) = out.iterdir()
    return made


def _own_environ() -> dict[str, str]:
    """Return this process's variables without those that make another registry of any."""
    return {key: value for key, value in os.environ.items() if not key.startswith("CARGO_")}
