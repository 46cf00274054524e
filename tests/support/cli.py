"""The command line, as a user runs it."""

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from support.gitrepo import ISOLATED


@dataclass(frozen=True)
class Said:
    """What a command said, and its exit code."""

    code: int
    out: str
    err: str

    @property
    def document(self) -> Any:
        """Return standard output as the one JSON document that it has to be."""
        return json.loads(self.out)


@dataclass
class Terminal:
    """A user's shell: where they are and what is set. `home` holds everything that a command might write."""

    home: Path
    where: Path
    environ: dict[str, str] = field(default_factory=dict)

    def run(self, *arguments: str, where: Path | None = None, environ: Mapping[str, str] | None = None) -> Said:
        """Run `releasd` with these arguments, its output piped."""
        kept = {name: os.environ[name] for name in ("PATH", "LANG", "SYSTEMROOT") if name in os.environ}
        done = subprocess.run(
            (sys.executable, "-m", "releasd.cli", *arguments),
            cwd=where or self.where,
            env={**kept, **ISOLATED, **self._nothing_set_up(), **self.environ, **(environ or {})},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert "Traceback" not in done.stderr, done.stderr
        return Said(done.returncode, done.stdout, done.stderr)

    def _nothing_set_up(self) -> dict[str, str]:
        """Return what keeps this machine's own releasd, if it has one, out of the test."""
        return {"HOME": str(self.home), "RELEASD_CONFIG": str(self.home / "releasd.toml")}


def on_a_terminal(terminal: Terminal, *arguments: str, **environ: str) -> str:
    """Run a command on a pseudo-terminal; return what it showed."""
    program = "import pty, sys; pty.spawn(sys.argv[1:])"
    command = (sys.executable, "-c", program, sys.executable, "-m", "releasd.cli", *arguments)
    env = {"PATH": "/usr/bin:/bin", "HOME": str(terminal.home), "TERM": "xterm-256color", **terminal.environ, **environ}
    done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, env=env, timeout=60, check=True)
    return done.stdout.decode()
