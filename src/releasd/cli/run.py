"""`releasd run`."""

import gc
import os
from pathlib import Path

import click

from releasd.cli import USUAL_COLLECTION, options

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

    gc.freeze()  # what was imported stays, and is not looked through again
    gc.set_threshold(*USUAL_COLLECTION)
    run(config_file, os.environ)
