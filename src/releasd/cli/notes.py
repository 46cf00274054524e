"""`releasd notes`."""

import sys
from typing import Any

import click

from releasd.cli import options, output
from releasd.cli.plan import asked_of, asked_options
from releasd.errors import ConfigError, NothingToRelease

EPILOG = """\b
Examples:
  releasd notes
  releasd notes --package core              one of several packages
  releasd notes --ref v1.3.0 --date 2026-11-23 > NOTES.md
"""


@click.command(epilog=EPILOG)
@asked_options
def command(as_json: bool, **asked: Any) -> None:
    """Show the release notes alone, as Markdown."""
    from releasd.app.inspect import plan

    found = plan(asked_of(**asked), options.environ())
    if "error" in found:
        raise ConfigError(found["error"]["message"], advice=found["error"]["advice"])
    released = [each for each in found.get("packages", [found]) if each["next"]]
    if not released:
        raise NothingToRelease(found["reason"])
    if not as_json:
        sys.stdout.write("\n".join(each["notes"] for each in released))
    elif "packages" in found:
        output.print_json({"schema": 1, "packages": [_as_json(each) for each in released]})
    else:
        output.print_json({"schema": 1} | _as_json(found))


def _as_json(found: dict[str, Any]) -> dict[str, Any]:
    named = {"package": found["package"]} if found["package"] else {}
    return named | {"version": found["next"]["version"], "notes": found["notes"]}
