"""`releasd audit`."""

from dataclasses import asdict
from pathlib import Path

import click

from releasd.cli import options, output
from releasd.errors import CheckFailed

EPILOG = """\b
Examples:
  releasd audit verify             compare the audit file with itself, the store and the tags
  releasd audit verify --json
  releasd audit acknowledge 3 --note "uploaded by hand, by me"
"""


@click.group(epilog=EPILOG)
def command() -> None:
    """Verify the audit log, and settle alarms about indexes."""


@command.command()
@click.argument("alarm", type=int)
@click.option("--note", required=True, help="What came of it; goes into the audit log.")
@options.as_json
@options.config
def acknowledge(alarm: int, note: str, as_json: bool, config_file: Path | None) -> None:
    """Settle an alarm that `releasd status` shows: it is shown no more, and the file is not reported again."""
    from releasd.app import remote

    found = remote.connect(config_file, options.environ()).post(f"/v1/alarms/{alarm}/acknowledge", note=note)
    if as_json:
        output.print_json(found)
    else:
        output.console().print(f"alarm {alarm} ({found['why']}) is acknowledged: {found['note']}")


@command.command()
@options.as_json
@options.config
def verify(as_json: bool, config_file: Path | None) -> None:
    """Find any change, removal, addition or reordering of the audit log; exit code 1 when there is one."""
    from releasd.app.audit import verify_audit

    report, path = verify_audit(config_file, options.environ())
    if as_json:
        output.print_json({"schema": 1, "file": str(path), "ok": report.ok, **asdict(report)})
    elif report.ok:
        output.console().print(f"{path}: {report.lines} events, unbroken up to {report.head[:16]}…", style="green")
    else:
        out = output.console(stderr=True)
        out.print(f"{path}: {report.problem}", style="bold red")
        out.print(f"  the {report.lines} events before are as they were written")
        out.print("  → keep a copy of the file and of the database, then find out who could write to them")
    if not report.ok:
        raise SystemExit(CheckFailed.exit_code)
