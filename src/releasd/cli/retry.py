"""`releasd retry`."""

from pathlib import Path

import click

from releasd.cli import options, output
from releasd.model import StepName

EPILOG = """\b
Examples:
  releasd retry 7                  go on where job 7 stopped: the same version, the same files
  releasd retry 7 --from build     build everything again (only while nothing is tagged)
"""


@click.command(epilog=EPILOG)
@click.argument("job", type=int)
@click.option("--from", "step", type=click.Choice([step.value for step in StepName]), help="Start again at this step.")
@options.as_json
@options.config
def command(job: int, step: str | None, as_json: bool, config_file: Path | None) -> None:
    """Resume a failed or cancelled job where it stopped, or tell those who were not told of a release."""
    from releasd.app import remote

    found = remote.connect(config_file, options.environ()).post(f"/v1/jobs/{job}/retry", **{"from": step})
    if as_json:
        output.print_json(found)
    else:
        output.console().print(f"job {job} is queued again; follow it: releasd log {job} --follow")
