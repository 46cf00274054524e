"""`releasd notes`."""

import sys
from typing import Any

import click

from releasd.cli import output
from releasd.cli.plan import asked_of, asked_options
from releasd.errors import NothingToRelease

EPILOG = """\b
Examples:
  releasd notes
  releasd notes --ref v1.3.0 --date 2026-11-23 > NOTES.md
"""


@click.command(epilog=EPILOG)
@asked_options
def command(as_json: bool, **asked: Any) -> None:
    """Show the release notes alone, as Markdown."""
    from releasd.app.inspect import plan

    found = plan(asked_of(**asked))
    if found["next"] is None:
        raise NothingToRelease(found["reason"])
    if as_json:
        output.print_json({"schema": 1, "version": found["next"]["version"], "notes": found["notes"]})
    else:
        sys.stdout.write(found["notes"])
