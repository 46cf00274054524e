"""`releasd run`."""

import os
from pathlib import Path

import click

from releasd.cli import options

EPILOG = """\b
Examples:
  releasd run --config /etc/releasd/releasd.toml
  systemctl enable --now releasd      run it as a service instead (docs/service.md)
\b
Signals: TERM and INT stop it within 10 s, HUP reads the configuration again.
"""


@click.command(epilog=EPILOG)
@options.config
def command(config_file: Path | None) -> None:
    """Run the daemon in the foreground."""
    from releasd.app.serve import run

    run(config_file, os.environ)
