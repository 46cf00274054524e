"""A plan for people: the commits and their verdicts, the step from old to new version, the diff, the builds.

On a terminal with colours and a table; elsewhere one line for each commit, and complete. What comes from commits and
files is shown without control characters: a terminal would obey them.
"""

import sys
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any

from releasd.cli import output
from releasd.core.preview import unified
from releasd.core.rules import SHORT
from releasd.core.version import one_line

if TYPE_CHECKING:
    from releasd.app.inspect import Preview
    from releasd.app.whereabouts import Where

COLOURS = {"major": "bold red", "minor": "green", "patch": "cyan", "none": "dim"}
_ROWS = 200  # of the table on a terminal; elsewhere there are all
_LONGEST = 400  # characters of a line that someone else wrote


class _Plain:
    """Stands for Rich's console where there is no terminal: importing Rich is a tenth of the command's time."""

    is_terminal = False

    def print(self, text: str = "", **_style: object) -> None:
        sys.stdout.write(f"{text}\n")


def show(seen: "Preview") -> None:
    """Print a plan."""
    out = output.console() if sys.stdout.isatty() else _Plain()
    found = seen.document
    if found["package"]:
        out.print(f"{found['package']}:", style="bold")
    if "error" in found:
        out.print(f"  {_safe(found['error']['message'])}", style="bold red")
        out.print(f"  → {_safe(found['error']['advice'])}")
        return
    for warning in (*found["warnings"], *seen.warnings):
        out.print(f"warning: {warning}", style="yellow")
    if out.is_terminal:
        _table(out, found["commits"])
    else:
        sys.stdout.writelines(f"{line}\n" for line in _lines(found["commits"]))
    last = found["last"]["version"] if found["last"] else "(none)"
    if found["next"] is None:
        out.print(f"{last} → no release", style="bold yellow")
        out.print(f"  {found['reason']}")
        return
    _arrow(out, last, found)
    _builds(out, seen.builds)
    _diff(out, seen)


def _arrow(out: Any, last: str, found: dict[str, Any]) -> None:
    new = found["next"]
    out.print(f"{last} → {new['version']}", style="bold green")
    python = f" ({new['pep440']} for Python)" if new["pep440"] not in (None, new["version"]) else ""
    out.print(f"  {found['reason']}; tag {new['tag']}{python}")


def _builds(out: Any, builds: Iterable["Where"]) -> None:
    for build in builds:
        labels = f" ({', '.join(build.labels)})" if build.labels else ""
        if build.hosts is None:
            where = f"any host with the labels {', '.join(build.labels)}" if build.labels else "any host"
            out.print(f"  build {build.name}: {where}", style="dim")
        elif build.hosts:
            out.print(f"  build {build.name}{labels}: {' or '.join(build.hosts)}", style="dim")
        else:
            out.print(f"  build {build.name}{labels}: no registered host has these labels", style="yellow")


def _diff(out: Any, seen: "Preview") -> None:
    for change in seen.changes:
        out.print()
        for line in unified(change):
            out.print(one_line(line.expandtabs(), len(line) * 8), style=_colour(line), soft_wrap=True)


def _colour(line: str) -> str:
    if line.startswith(("--- ", "+++ ")):
        return "bold"
    return {"+": "green", "-": "red", "@": "cyan"}.get(line[:1], "")


def _safe(text: str) -> str:
    return one_line(text.expandtabs(), _LONGEST)


def _lines(commits: Iterable[dict[str, Any]]) -> Iterator[str]:
    for commit in commits:
        yield f"{commit['commit'][:SHORT]} {commit['bump']:5} {_headline(commit)} ({_safe(commit['why'])})"


def _table(out: Any, commits: list[dict[str, Any]]) -> None:
    from rich.table import Table

    if not commits:
        return
    table = Table(box=None, pad_edge=False, header_style="bold")
    for name in ("commit", "bump"):
        table.add_column(name, no_wrap=True)
    table.add_column("subject", ratio=3)
    table.add_column("why", ratio=2)
    for commit in commits[:_ROWS]:
        cells = (commit["commit"][:SHORT], commit["bump"], _headline(commit), _safe(commit["why"]))
        table.add_row(*cells, style=COLOURS[commit["bump"]])
    out.print(table)
    if len(commits) > _ROWS:
        out.print(f"… and {len(commits) - _ROWS} older commits: releasd plan | less", style="dim")


def _headline(commit: dict[str, Any]) -> str:
    scope = f"({commit['scope']})" if commit["scope"] else ""
    mark = "!" if commit["breaking"] else ""
    return _safe(f"{commit['type']}{scope}{mark}: {commit['subject']}" if commit["type"] else commit["subject"])
