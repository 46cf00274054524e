"""An ssh whose user has a home of the test's making: the real one takes it from the system, not from `$HOME`."""

from pathlib import Path

from support.tools import require_tool

# What ssh assumes of a user's home, after what the user's own file says: the first that is said counts.
DEFAULTS = """\
Include {folder}/config
Match all
  UserKnownHostsFile {folder}/known_hosts
  GlobalKnownHostsFile none
  IdentityFile {folder}/id_ed25519
"""


def make_ssh_home(home: Path) -> Path:
    """Return `.ssh` in `home`, for a test to fill; `home/bin` is the folder whose `ssh` reads it, to be put on PATH."""
    folder = home / ".ssh"
    folder.mkdir(parents=True)
    (home / "ssh_config").write_text(DEFAULTS.format(folder=folder))
    (home / "bin").mkdir()
    (home / "bin/ssh").write_text(f'#!/bin/sh\nexec {require_tool("ssh")} -F {home}/ssh_config "$@"\n')
    (home / "bin/ssh").chmod(0o755)
    return folder
