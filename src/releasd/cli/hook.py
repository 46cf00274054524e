"""`releasd hook`."""

from dataclasses import asdict
from pathlib import Path
from typing import Any

import click

from releasd.cli import options, output
from releasd.errors import CheckFailed

EPILOG = """\b
Examples:
  releasd hook install --repo /srv/git/demo.git     in the repository that is pushed to (post-receive)
  releasd hook install                              in this clone (reference-transaction)
  releasd hook status
\b
An existing hook is kept and runs first; core.hooksPath is respected.
"""


@click.group(epilog=EPILOG)
def command() -> None:
    """Install, remove or look at the git hook of a repository."""


@command.command()
@options.repo
@click.option(
    "--kind",
    type=click.Choice(["post-receive", "reference-transaction"]),
    help="Default: post-receive in a bare repository, else reference-transaction.",
)
@options.as_json
@options.config
def install(repo: Path, kind: Any, as_json: bool, config_file: Path | None) -> None:
    """Put the hook into a repository."""
    from releasd.adapters import hookfiles
    from releasd.config.places import places

    where = places(config_file, options.environ())
    found = hookfiles.install(repo, socket=where.runtime / "hook.sock", spool=where.state / "spool", kind=kind)
    _show(found, as_json)


@command.command()
@options.repo
@options.as_json
def remove(repo: Path, as_json: bool) -> None:
    """Take the hook out of a repository; an earlier one is put back."""
    from releasd.adapters import hookfiles

    _show(hookfiles.remove(repo), as_json)


@command.command()
@options.repo
@options.as_json
def status(repo: Path, as_json: bool) -> None:
    """Say what is in a repository; exit code 1 unless the hook is installed and a daemon answers."""
    from releasd.adapters import hookfiles

    found = hookfiles.status(repo)
    _show(found, as_json)
    if found.state != "installed" or not found.answering:
        raise SystemExit(CheckFailed.exit_code)


def _show(found: Any, as_json: bool) -> None:
    if as_json:
        output.print_json(
            {key: str(value) if isinstance(value, Path) else value for key, value in asdict(found).items()}
        )
        return
    out = output.console()
    out.print(f"{found.kind}: {found.state}", style="green" if found.state == "installed" else "yellow")
    out.print(f"  {found.path}")
    if found.earlier:
        out.print(f"  runs {found.earlier.name} first")
    if found.state == "installed":
        out.print(f"  daemon: {'answers' if found.answering else 'does not answer'} on {found.socket}")
