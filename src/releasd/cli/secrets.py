"""`releasd secrets`."""

from dataclasses import asdict
from pathlib import Path

import click

from releasd.cli import options, output
from releasd.errors import CheckFailed, ReleasdError

EPILOG = """\b
Examples:
  releasd secrets check                              all that the configuration names
  releasd secrets check pypi-token                   one of them
  sudo -u releasd releasd secrets check --json       as the daemon's user
\b
Nothing of a secret is shown, not even its length. Exit code 1 when one cannot be had.
Each failure has its cause: unreachable, denied, missing, malformed or misconfigured.
"""


@click.group(epilog=EPILOG)
def command() -> None:
    """Prove that each secret can be had, without showing it."""


def _complete(ctx: click.Context, _: click.Parameter, incomplete: str) -> list[str]:
    from releasd.app import secretcheck

    try:
        known = secretcheck.names(ctx.params.get("config_file"), options.environ())
    except ReleasdError:
        return []  # a shell that completes has no place for a message
    return [name for name in known if name.startswith(incomplete)]


@command.command(epilog=EPILOG)
@click.argument("names", metavar="[NAME]...", nargs=-1, shell_complete=_complete)
@options.as_json
@options.config
def check(names: tuple[str, ...], as_json: bool, config_file: Path | None) -> None:
    """Fetch the secrets as the daemon would, and say whether each could be had; needs no daemon."""
    from releasd.app import secretcheck

    environ = options.environ()
    who = secretcheck.caller(config_file, environ)
    found = []
    out = output.console()
    if not as_json:
        other = f"; the daemon's files are {who.daemon_user}'s" if who.daemon_user else ""
        out.print(f"as {who.user} (uid {who.uid}){other}", style="dim")
    for access in secretcheck.check(config_file, environ, names):
        found.append(access)
        if not as_json:
            _show(access.name, access.place, access.cause, access.message, access.advice)
    if as_json:
        output.print_json({"schema": 1, "as": asdict(who), "secrets": [asdict(access) for access in found]})
    elif not found:
        out.print("the configuration names no secret")
    if not all(access.ok for access in found):
        raise SystemExit(CheckFailed.exit_code)


def _show(name: str, place: str, cause: str | None, message: str, advice: str) -> None:
    out = output.console()
    if cause is None:
        out.print(f"✓ {name} ({place})", style="green")
        return
    out.print(f"✗ {name} ({place}): {cause}: {message}", style="bold red")
    if advice:
        out.print(f"    → {advice}")
