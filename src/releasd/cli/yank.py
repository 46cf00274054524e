"""`releasd yank`."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click
from rich.text import Text

from releasd.cli import options, output
from releasd.errors import Transient

EPILOG = """\b
Examples:
  releasd yank demo 1.3.0
  releasd yank demo 1.3.0 --reason "loses data on Windows"
  releasd yank demo 1.3.0 --json | jq -r .forward.command
\b
Changes nothing: it says what to do. Needs no daemon. Exit code 1 when an index could not be read.
"""
STATES = {"released": "green", "other bytes": "bold red", "foreign": "bold red", "unknown": "yellow"}


@click.command(epilog=EPILOG)
@click.argument("project", shell_complete=options.project_names)
@click.argument("version")
@click.option("--reason", default="", help="What installers tell those who pinned it.")
@options.as_json
@options.config
def command(project: str, version: str, reason: str, as_json: bool, config_file: Path | None) -> None:
    """Say how to yank a version, and plan the release past it."""
    from releasd.app import yank

    found = yank.plan(project, version, reason, config_file, options.environ())
    if as_json:
        output.print_json(found)
    else:
        for line in _lines(found):
            output.console().print(line)
    if any(place["error"] for place in found["indexes"]):
        raise SystemExit(Transient.exit_code)


def _lines(found: dict[str, Any]) -> Iterator[Text]:
    job = f"released by job {found['job']}" if found["job"] else "not released by this releasd"
    yield Text(f"{found['project']} {found['version']}: {job}", style="bold")
    for place in found["indexes"]:
        yield from _place(place)
    yield Text("\nWhat yanking does, and what it does not:")
    yield from (Text(f"  • {effect}") for effect in found["effects"])
    yield Text("\nThe way on is a new version:")
    yield from _forward(found["forward"])


def _place(place: dict[str, Any]) -> Iterator[Text]:
    yield Text(f"\n{place['index']}, {place['distribution']}:", style="bold")
    if place["error"]:
        yield Text(f"  cannot be read: {place['error']}", style="red")
    elif not place["files"]:
        yield Text("  serves no file of this version", style="dim")
    for file in place["files"]:
        line = Text(f"  {file['filename']} ")
        line.append(file["state"], style=STATES[file["state"]])
        yield line.append(", yanked already" if file["yanked"] else "", style="dim")
    yield from (Text(f"  {number}. {step}") for number, step in enumerate(place["steps"], 1))


def _forward(forward: dict[str, Any]) -> Iterator[Text]:
    if forward["error"]:
        yield Text(f"  it cannot be planned here: {forward['error']}", style="yellow")
    for each in forward["releases"]:
        package = f"{each['package']} " if each["package"] else ""
        yield Text(f"  {package}{each['version']} (tag {each['tag']}), {each['bump']}: {each['reason']}")
    yield Text(f"  push the fix, or revert what was wrong; then: {forward['command']}")
