"""`releasd release`."""

import sys
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import click

from releasd.cli import options, output
from releasd.model import Bump

if TYPE_CHECKING:
    from releasd.app.remote import Remote

EPILOG = """\b
Examples:
  releasd release demo --wait             release what is on main now, and see it through
  releasd release demo --bump minor       whatever the commits ask for
  releasd release demo --ref 1a2b3c4      a commit that is not the newest
  releasd release demo --branch 1.x       another of its branches
  releasd release mono --package core     one of its packages
\b
With --wait the exit code is the release's: 0 released, 1 failed, 3 nothing to release.
"""


@click.command(epilog=EPILOG)
@click.argument("project", shell_complete=options.project_names)
@click.option(
    "--bump", type=click.Choice([b.value for b in Bump if b is not Bump.NONE]), help="Instead of the commits' word."
)
@click.option("--ref", help="A commit on the branch; default: its tip.")
@click.option("--branch", help="Another of the project's branches.")
@click.option("--package", help="One of the repository's packages; default: all that their commits ask for.")
@click.option("--wait", is_flag=True, help="Follow it to its end.")
@options.as_json
@options.config
def command(project: str, wait: bool, as_json: bool, config_file: Path | None, **asked: str | None) -> None:
    """Ask for a release now."""
    from releasd.app import remote

    daemon = remote.connect(config_file, options.environ())
    job = daemon.post("/v1/release", project=project, **asked)["job"]
    if wait:
        _wait(daemon, job, as_json=as_json)
    elif as_json:
        output.print_json(daemon.get(f"/v1/jobs/{job}"))
    else:
        output.console().print(f"job {job} is queued; follow it: releasd log {job} --follow")


def _wait(daemon: "Remote", job: int, *, as_json: bool) -> None:
    from releasd.cli.progress import follow, outcome
    from releasd.cli.statusview import named

    ended = follow(lambda: daemon.get(f"/v1/jobs/{job}"), quiet=as_json)
    released = [follow(partial(daemon.get, f"/v1/jobs/{child}"), quiet=as_json) for child in ended["children"]]
    errors = [error for each in released or [ended] if (error := outcome(each))]
    worst = min(errors, key=lambda error: error.exit_code, default=None)
    if as_json:
        output.print_json(ended | {"packages": released} if released else ended)
        sys.exit(worst.exit_code if worst else 0)
    for each in released or [ended]:
        if each["version"] and each["state"] == "succeeded":
            output.console().print(f"{named(each)} {each['version']} is released", style="bold green")
    if worst:
        raise worst
