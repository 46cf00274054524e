"""`releasd init`."""

import shlex
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from releasd.cli import options, output

if TYPE_CHECKING:
    from releasd.app.importing import Written

EPILOG = """\b
Examples:
  releasd init                                   for the repository here
  releasd init --repo /srv/git/demo.git --config /etc/releasd/releasd.toml
  releasd init --import                          translate another tool's configuration into .releasd.toml
\b
Writes one file, and never over another. semantic-release's configuration needs no import: it is read as it is.
"""
TOOLS = ("any", "python-semantic-release", "commitizen", "git-cliff", "release-please")
MOST = 10  # disagreements of replay that are shown


@click.command(epilog=EPILOG)
@options.repo
@options.as_json
@options.config
@click.option(
    "--import",
    "tool",
    is_flag=False,
    flag_value=TOOLS[0],
    type=click.Choice(TOOLS),
    help="Write the project's .releasd.toml from another tool's configuration instead, and prove it with replay.",
)
def command(repo: Path, as_json: bool, config_file: Path | None, tool: str | None) -> None:
    """Write a first configuration for a repository."""
    if tool is not None:
        _import(repo, as_json, None if tool == TOOLS[0] else tool)
        return
    from releasd.app.setup import write_config

    written = write_config(config_file, options.environ(), repo)
    if as_json:
        output.print_json({key: str(value) for key, value in asdict(written).items()})
        return
    out = output.console()
    out.print(f"wrote {written.file}", style="green")
    out.print(f"  project {written.project}: {written.repository}, branch {written.branch}")
    out.print("next:")
    out.print("  releasd doctor                  what is still missing, if anything")
    out.print("  releasd run                     the daemon (docs/service.md: as a service)")
    out.print(f"  releasd hook install --repo {repo}")
    out.print("  git push                        a feat: or fix: commit, and watch: releasd status --watch")


def _import(repo: Path, as_json: bool, tool: str | None) -> None:
    from releasd.app.importing import import_config, to_json

    written = import_config(repo, tool)
    if as_json:
        output.print_json(to_json(written))
    else:
        _show(written, repo)


def _show(written: "Written", repo: Path) -> None:
    """Print what was translated, what was not, and how many of the past releases come out the same."""
    out = output.console()
    out.print(f"wrote {written.file}, from {written.imported.tool} ({written.imported.source})", style="green")
    for option, became in written.imported.translated:
        out.print(f"  {option} → {became}")
    if written.imported.left:
        out.print("not translated:", style="yellow")
    for left in written.imported.left:
        out.print(f"  {left}", style="yellow")
    for found in written.replays:
        _show_replay(found, _replay(written.file, repo, found["package"]))
    out.print("next: commit it; plan, replay and the daemon read what is committed", style="bold")


def _show_replay(found: dict[str, Any], command: str) -> None:
    """Print how many past releases come out as they were, and the first that do not; `command` shows them all."""
    out = output.console()
    of = f" of {found['package']}" if found["package"] else ""
    count = len(found["releases"])
    if not count:
        out.print(f"replay{of}: there is no past release to compare with", style="yellow")
        for warning in found["warnings"]:
            out.print(f"  {warning}", style="yellow")
        return
    out.print(f"replay{of}: {found['agreed']} of {count} past releases come out as they were", style="bold")
    different = [each for each in found["releases"] if not each["agree"]]
    for each in different[:MOST]:
        out.print(f"  {each['to_tag']}: releasd would have released {each['predicted'] or 'nothing'}", style="yellow")
    if different:
        out.print(f"  all {len(different)}, and why: {command}", soft_wrap=True)


def _replay(file: Path, repo: Path, package: str | None) -> str:
    """Return the command that judges by a file which is not committed yet, from the folder where the user is."""
    own = file.name if file.parent == Path.cwd() else shlex.quote(str(file))
    where = "" if repo == Path() else f" --repo {shlex.quote(str(repo))}"
    of = f" --package {package}" if package else ""
    return f"releasd replay{where} --config {own}{of}"
