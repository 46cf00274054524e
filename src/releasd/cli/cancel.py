"""`releasd cancel`."""

from pathlib import Path

import click

from releasd.cli import options, output

EPILOG = """\b
Examples:
  releasd cancel 7
\b
A build is ended at once, its processes on the host too; any other step is finished first.
"""


@click.command(epilog=EPILOG)
@click.argument("job", type=int)
@options.as_json
@options.config
def command(job: int, as_json: bool, config_file: Path | None) -> None:
    """Cancel a job."""
    from releasd.app import remote

    found = remote.connect(config_file, options.environ()).post(f"/v1/jobs/{job}/cancel")
    if as_json:
        output.print_json(found)
    else:
        said = "is cancelled" if found["state"] == "cancelled" else "is being cancelled"
        output.console().print(f"job {job} {said}")
