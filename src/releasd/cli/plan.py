"""`releasd plan`, and what `releasd notes` shares with it."""

import datetime as dt
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click

from releasd.cli import options, output
from releasd.errors import NothingToRelease

EPILOG = """\b
Examples:
  releasd plan                              this repository, from HEAD
  releasd plan --repo ~/src/demo --ref main
  releasd plan --json | jq -r .next.version
\b
Needs no daemon and no configuration; fetches and changes nothing. Exit code 3 when nothing would be released.
"""
F = TypeVar("F", bound=Callable[..., Any])


def asked_options(function: F) -> F:
    """Add the options that say what to decide about."""
    for option in (
        options.as_json,
        click.option("--repository-url", help="Where the repository is on the web, for links; default: origin's URL."),
        click.option("--date", type=click.DateTime(["%Y-%m-%d"]), help="The day in the notes; default: today, UTC."),
        click.option(
            "--config",
            "config_file",
            type=click.Path(path_type=Path, dir_okay=False),
            help="A project configuration (.toml) used instead of the repository's.",
        ),
        click.option("--ref", default="HEAD", show_default=True, help="The commit, branch or tag to decide about."),
        options.repo,
    ):
        function = option(function)
    return function


def document(
    repo: Path, ref: str, config_file: Path | None, date: dt.datetime | None, repository_url: str | None
) -> dict[str, Any]:
    """Return the plan as JSON values."""
    from releasd.app.inspect import Asked, plan

    day = date.date() if date else dt.datetime.now(dt.UTC).date()
    return plan(Asked(repo=repo, ref=ref, date=day, config=config_file, repository_url=repository_url))


@click.command(epilog=EPILOG)
@asked_options
def command(as_json: bool, **asked: Any) -> None:
    """Show what would be released, and why, commit by commit."""
    found = document(**asked)
    if as_json:
        output.print_json(found)
    else:
        show(found)
    if found["next"] is None:
        sys.exit(NothingToRelease.exit_code)


def show(found: dict[str, Any]) -> None:
    """Print a plan for people: the verdicts, the step from old to new version, the files."""
    out = output.console()
    for warning in found["warnings"]:
        out.print(f"warning: {warning}", style="yellow")
    if out.is_terminal and found["commits"]:
        out.print(_verdicts(found["commits"]))
    for commit in () if out.is_terminal else found["commits"]:
        out.print(f"{commit['commit'][:7]} {commit['bump']:5} {_headline(commit)} ({commit['why']})")
    last = found["last"]["version"] if found["last"] else "(none)"
    if found["next"] is None:
        out.print(f"{last}: {found['reason']}", style="yellow")
        return
    out.print(f"{last} → {found['next']['version']}", style="bold green")
    out.print(f"  {found['reason']}; tag {found['next']['tag']}")
    for file in found["files"]:
        out.print(f"  {file['path']}: {file['old']} → {file['new']}", style="dim")


def _verdicts(commits: list[dict[str, Any]]) -> Any:
    from rich.table import Table

    table = Table(box=None, pad_edge=False, header_style="bold")
    for name in ("commit", "bump"):
        table.add_column(name, no_wrap=True)
    for name in ("subject", "why"):
        table.add_column(name, ratio=1)
    styles = {"major": "bold red", "minor": "green", "patch": "cyan", "none": "dim"}
    for commit in commits:
        cells = (commit["commit"][:7], commit["bump"], _headline(commit), commit["why"])
        table.add_row(*cells, style=styles[commit["bump"]])
    return table


def _headline(commit: dict[str, Any]) -> str:
    scope = f"({commit['scope']})" if commit["scope"] else ""
    return f"{commit['type']}{scope}: {commit['subject']}" if commit["type"] else str(commit["subject"])
