"""`releasd plan`, and what `releasd notes` shares with it."""

import datetime as dt
import gc
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from releasd.cli import options, output
from releasd.core.project import ANALYSES
from releasd.errors import NothingToRelease

if TYPE_CHECKING:
    from releasd.app.inspect import Asked

EPILOG = """\b
Examples:
  releasd plan                              this repository, from HEAD
  releasd plan --repo ~/src/demo --ref main
  releasd plan --package core               one of several packages
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
            help="A project configuration (.toml, .json, .yaml) used instead of the repository's.",
        ),
        click.option("--analysis", type=click.Choice(ANALYSES), help="How to read commits; default: as configured."),
        click.option("--ref", default="HEAD", show_default=True, help="The commit, branch or tag to decide about."),
        click.option("--package", help="One of the repository's packages; default: all."),
        options.repo,
    ):
        function = option(function)
    return function


def asked_of(
    repo: Path,
    ref: str,
    config_file: Path | None,
    analysis: str | None,
    date: dt.datetime | None,
    repository_url: str | None,
    package: str | None,
) -> "Asked":
    """Return what the options ask for."""
    from releasd.app.inspect import Asked

    day = date.date() if date else dt.datetime.now(dt.UTC).date()
    return Asked(
        repo=repo,
        ref=ref,
        date=day,
        config=config_file,
        repository_url=repository_url,
        analysis=analysis,
        package=package,
    )


@click.command(epilog=EPILOG)
@asked_options
def command(as_json: bool, **asked: Any) -> None:
    """Show what would be released, and why, commit by commit."""
    gc.disable()  # nothing that is made here goes in circles, and `main` lets go of it all at once
    from releasd.app.inspect import plan, previews

    if as_json:
        found = plan(asked_of(**asked), options.environ())
        output.print_document(found)
        documents = found.get("packages", [found])
    else:
        from releasd.cli.planview import show

        documents = []
        for seen in previews(asked_of(**asked), options.environ()):
            show(seen)
            documents.append(seen.document)
    failed = [document["error"]["exit_code"] for document in documents if "error" in document]
    if failed:
        sys.exit(min(failed))
    if not any(document["next"] for document in documents):
        sys.exit(NothingToRelease.exit_code)
