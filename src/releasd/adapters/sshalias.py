"""Which host a remote's ssh alias stands for: what `ssh -G` says, for links in notes.

`git@work:me/demo` leads nowhere in a browser where `work` is a `Host` of someone's `~/.ssh/config`. Only ssh knows all
of its own rules (`Include`, patterns, `Match`), so it is asked; it prints its settings and connects to nothing. Asking
evaluates `Match exec` lines: commands of this user's own ssh configuration, which ssh runs for each fetch from that
host just the same. Those get the host's name from us, hence no name with a sign that a shell or ssh would act on is
asked about. Looking names up in the DNS (`CanonicalizeHostname`) is switched off.
"""

import os
import shlex
import subprocess
from collections.abc import Callable, Mapping
from pathlib import PurePath

from releasd.adapters.git.run import environment, run
from releasd.core.pages import hostname_of, resolved, ssh_host
from releasd.errors import GitError

ANSWER_WITHIN = 3.0  # seconds; only a slow `Match exec` can take any


def resolve(remote: str, ask: Callable[[str], str | None] | None = None) -> str:
    """Return the remote with the host that ssh would reach for its alias; as it is where there is none.

    `ask` is `hostname`, or a cache of it for who has many remotes.
    """
    host = ssh_host(remote)
    return resolved(remote, (ask or hostname)(host)) if host else remote


def hostname(host: str, *, timeout: float = ANSWER_WITHIN) -> str | None:
    """Return the name of the host that ssh would reach for `host`, which `core.pages.ssh_host` gave.

    Never fails: without an answer within `timeout` seconds it is not known, and the notes have no links.
    """
    program = _program(os.environ)
    if program is None:
        return None
    command = (*program, "-G", "-o", "CanonicalizeHostname=no", "--", host)
    try:
        answer = run(command, env=environment(), timeout=timeout)
    except (subprocess.TimeoutExpired, OSError, GitError):  # a `GitError` where there is no such program
        return None
    return hostname_of(answer.stdout.decode(errors="replace")) if answer.status == 0 else None


def _program(environ: Mapping[str, str]) -> tuple[str, ...] | None:
    """Return the ssh that git would run, with its options (`-F FILE`); None where it is none of OpenSSH's."""
    try:
        words = tuple(shlex.split(environ.get("GIT_SSH_COMMAND", ""))) or ("ssh",)
    except ValueError:  # what only a shell can take apart
        return None
    return words if PurePath(words[0]).name == "ssh" else None
