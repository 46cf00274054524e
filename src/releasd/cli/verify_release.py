"""`releasd verify-release`."""

from dataclasses import asdict
from pathlib import Path

import click

from releasd.cli import options, output
from releasd.errors import CheckFailed

EPILOG = """\b
Examples:
  releasd verify-release demo                                      the last release of a project
  releasd verify-release 12                                        a job's
  releasd verify-release ./downloads --allowed-signers signers     what somebody downloaded
\b
Without --allowed-signers the key under [signing] is the one that is trusted.
Exit code 1 when anything is not as it was released. docs/verify.md shows the same with sha256sum and ssh-keygen.
"""


@click.command(epilog=EPILOG)
@click.argument("target", metavar="PROJECT|JOB|DIR")
@click.option(
    "--allowed-signers",
    type=click.Path(path_type=Path, dir_okay=False, exists=True),
    help="Who may have signed, as ssh-keygen(1) describes the file.",
)
@options.as_json
@options.config
def command(target: str, allowed_signers: Path | None, as_json: bool, config_file: Path | None) -> None:
    """Check a release's files, provenance and signatures."""
    from releasd.app import verifyrelease

    environ = options.environ()
    release = verifyrelease.find(target, config_file, environ)
    found = list(verifyrelease.verify(release, config_file, environ, allowed_signers))
    if as_json:
        ok = all(finding.ok for finding in found)
        output.print_json(
            {"schema": 1, "release": release.name, "ok": ok, "findings": [asdict(finding) for finding in found]}
        )
    else:
        out = output.console()
        out.print(release.name, style="bold")
        for finding in found:
            mark, style = ("✓", "green") if finding.ok else ("✗", "bold red")
            out.print(f"{mark} {finding.what}: {finding.detail}", style=style)
            if finding.advice and not finding.ok:
                out.print(f"    → {finding.advice}")
    if not all(finding.ok for finding in found):
        raise SystemExit(CheckFailed.exit_code)
