"""`releasd approve`."""

from pathlib import Path

import click

from releasd.cli import options, output

EPILOG = """\b
Examples:
  releasd approve 7                          go on as planned
  releasd release demo --bump major          or say how far the version is to move
\b
A job waits for an approval when the project's rules would lose a breaking change (policy.lost_breaking = "hold").
"""


@click.command(epilog=EPILOG)
@click.argument("job", type=int)
@options.as_json
@options.config
def command(job: int, as_json: bool, config_file: Path | None) -> None:
    """Let a job that waits for an approval go on as it was planned."""
    from releasd.app import remote

    found = remote.connect(config_file, options.environ()).post(f"/v1/jobs/{job}/approve")
    if as_json:
        output.print_json(found)
    else:
        output.console().print(f"job {job} is approved; follow it: releasd log {job} --follow")
