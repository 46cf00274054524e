"""`releasd replay`."""

import datetime as dt
from pathlib import Path
from typing import Any

import click

from releasd.cli import options, output
from releasd.core.project import ANALYSES

EPILOG = """\b
Examples:
  releasd replay                               this repository, by its own configuration
  releasd replay --repo ~/src/demo --html replay.html
  releasd replay --analysis semantic-release --config .releaserc.json
  releasd replay --json | jq -r '.releases[] | select(.agree | not) | .to_tag'
\b
Needs no daemon and no configuration; fetches and changes nothing. Differences are no failure: the exit code is 0.
"""


@click.command(epilog=EPILOG)
@options.repo
@click.option("--html", type=click.Path(path_type=Path, dir_okay=False), help="Also write a page to this file.")
@click.option("--notes", is_flag=True, help="With --json: also the notes of every release.")
@click.option(
    "--analysis", type=click.Choice(ANALYSES), help="How to read commits; default: as the configuration says."
)
@click.option(
    "--config",
    type=click.Path(path_type=Path, dir_okay=False),
    help="A project configuration used instead of the repository's.",
)
@click.option(
    "--config-from-history",
    "from_history",
    is_flag=True,
    help="Judge each release by the configuration at its own tag; --config fills in where a tag had none.",
)
@click.option("--package", help="One of the repository's packages.")
@click.option("--repository-url", help="Where the repository is on the web, for links; default: origin's URL.")
@click.option("--date", type=click.DateTime(["%Y-%m-%d"]), help="The day in the notes; default: each tag's day, UTC.")
@options.as_json
def command(as_json: bool, html: Path | None, date: dt.datetime | None, **asked: Any) -> None:
    """Show what releasd would have decided for every past release."""
    from releasd.app.replay import Asked, replay

    found = replay(Asked(**asked, date=date.date() if date else None))
    if html:
        _write(html, found)
    if as_json:
        output.print_json(found)
    else:
        show(found)


def _write(file: Path, found: dict[str, Any]) -> None:
    from releasd.cli.replaypage import page
    from releasd.errors import UsageError

    try:
        file.write_text(page(found), encoding="utf-8")
    except OSError as error:
        raise UsageError(f"{file}: {error.strerror}", advice="name a file that can be written") from error


def show(found: dict[str, Any]) -> None:
    """Print the report for people: how often the two agree, and every difference with its cause."""
    out = output.console()
    for warning in found["warnings"]:
        out.print(f"warning: {warning}", style="yellow")
    differing = [each for each in found["releases"] if not each["agree"]]
    if differing:
        out.print(_table(differing) if out.is_terminal else "\n".join(map(_line, differing)))
    out.print(agreement(found), style="bold" if found["releases"] else "yellow")
    left_out = found["tags_left_out"]
    more = f"; {left_out} other {'tag is' if left_out == 1 else 'tags are'} no release" if left_out else ""
    out.print(f"  read by {found['analysis']}, rules from {found['config']}{more}", style="dim")


def agreement(found: dict[str, Any]) -> str:
    """Return the figure that counts, as a sentence."""
    count = len(found["releases"])
    if not count:
        return f"no release tags that look like {found['tag_format']}: there is nothing to compare with"
    releases = "release" if count == 1 else "releases"
    percent = 100 * found["agreed"] / count
    shown = f"{percent:.0f}" if found["agreed"] in (0, count) else f"{min(max(percent, 0.1), 99.9):.1f}"
    return f"{found['agreed']} of {count} {releases} as releasd would have decided ({shown} %)"


def _line(release: dict[str, Any]) -> str:
    return f"{release['from_tag'] or '(first)'} → {release['to_tag']}: {release['why']}"


def _table(releases: list[dict[str, Any]]) -> Any:
    from rich.table import Table

    table = Table(box=None, pad_edge=False, header_style="bold")
    for name in ("from", "to", "predicted"):
        table.add_column(name, overflow="fold")
    table.add_column("why they differ", ratio=1)
    for each in releases:
        table.add_row(each["from_tag"] or "(first)", each["to_tag"], each["predicted"] or "no release", each["why"])
    return table
