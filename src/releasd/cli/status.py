"""`releasd status`."""

import signal
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from types import FrameType
from typing import Any

import click

from releasd.cli import options, output

EPILOG = """\b
Examples:
  releasd status                 everything
  releasd status demo            one project
  releasd status 7               one job, with its steps, builds and files
  releasd status --watch         until interrupted
  releasd status --json | jq .jobs
\b
Works from the store, and says so, when the daemon is down. docs/status-json.md describes the JSON.
"""
REFRESH = 0.5  # seconds


@click.command(epilog=EPILOG)
@click.argument("what", metavar="[PROJECT|JOB]", required=False)
@click.option("--watch", is_flag=True, help="Show it live, until interrupted.")
@options.as_json
@options.config
def command(what: str | None, watch: bool, as_json: bool, config_file: Path | None) -> None:
    """Show the daemon, queue, what runs, hosts and last releases."""
    if watch and not as_json:
        _watch(config_file, what)
        return
    found = _ask(config_file, what)
    if as_json:
        output.print_json(found)
    else:
        output.console().print(_screen(found))


def _ask(config_file: Path | None, what: str | None) -> dict[str, Any]:
    from releasd.app import remote

    if what is not None and what.isdigit():
        return remote.job(config_file, options.environ(), int(what))
    return remote.status(config_file, options.environ(), what)


def _screen(found: dict[str, Any]) -> Any:
    from releasd.cli.statusview import job_screen, screen

    return screen(found) if "projects" in found else job_screen(found)


def _watch(config_file: Path | None, what: str | None) -> None:
    out = output.console()
    if not out.is_terminal:
        _watch_plainly(config_file, what)
        return
    from rich.live import Live

    with Live(console=out, screen=True, auto_refresh=False) as live, suppress(KeyboardInterrupt):
        for _ in _until_interrupted():
            live.update(_screen(_ask(config_file, what)), refresh=True)


def _watch_plainly(config_file: Path | None, what: str | None) -> None:
    """Print the status whenever it changed: for a log file or a pipe."""
    out, shown = output.console(), ""
    with suppress(KeyboardInterrupt):
        for _ in _until_interrupted():
            with out.capture() as capture:
                out.print(_screen(_ask(config_file, what)))
            if capture.get() != shown:
                shown = capture.get()
                sys.stdout.write(shown)
                sys.stdout.flush()


def _until_interrupted() -> Iterator[None]:
    """Yield every `REFRESH` seconds until a Ctrl-C, which is noted as well as raised.

    The interpreter swallows what is raised while it tidies up (a finalizer, a callback of a weak reference).
    """
    pressed: list[int] = []

    def interrupt(number: int, frame: FrameType | None) -> None:
        pressed.append(number)
        signal.default_int_handler(number, frame)

    signal.signal(signal.SIGINT, interrupt)
    while not pressed:
        yield
        time.sleep(REFRESH)
