"""`releasd doctor`."""

from dataclasses import asdict
from pathlib import Path

import click

from releasd.cli import options, output
from releasd.errors import CheckFailed

EPILOG = """\b
Examples:
  releasd doctor
  releasd doctor --json | jq '.findings[] | select(.ok | not)'
\b
Exit code 0: all is well; 1: something is wrong; 2: the configuration has mistakes, all of them listed.
"""


@click.command(epilog=EPILOG)
@options.as_json
@options.config
def command(as_json: bool, config_file: Path | None) -> None:
    """Check the configuration and everything that it names."""
    from releasd.app.diagnose import diagnose

    out = output.console()
    found = []
    for finding in diagnose(config_file, options.environ()):
        found.append(finding)
        if not as_json:
            mark, style = ("✓", "green") if finding.ok else ("✗", "bold red")
            out.print(f"{mark} {finding.what}: {finding.detail}", style=style)
            if finding.advice and not finding.ok:
                out.print(f"    → {finding.advice}")
    if as_json:
        output.print_json({"schema": 1, "findings": [asdict(finding) for finding in found]})
    if not all(finding.ok for finding in found):
        raise SystemExit(CheckFailed.exit_code)
