"""`releasd init`."""

from dataclasses import asdict
from pathlib import Path

import click

from releasd.cli import options, output

EPILOG = """\b
Examples:
  releasd init                                   for the repository here
  releasd init --repo /srv/git/demo.git --config /etc/releasd/releasd.toml
\b
Writes one file, and never over another.
"""


@click.command(epilog=EPILOG)
@options.repo
@options.as_json
@options.config
def command(repo: Path, as_json: bool, config_file: Path | None) -> None:
    """Write a first configuration for a repository."""
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
