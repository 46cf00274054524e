"""`releasd log`."""

import sys
import time
from codecs import IncrementalDecoder, getincrementaldecoder
from pathlib import Path
from typing import Any

import click

from releasd.cli import options, output
from releasd.model import JobId, StepName

EPILOG = """\b
Examples:
  releasd log 7                      all that job 7 wrote
  releasd log 7 --step build         its builds alone
  releasd log demo --follow          the newest job of a project, live, to its end
"""
PAUSE = 0.2  # seconds between looks
BLOCK = 1 << 16
LIVE = {"queued", "running"}


@click.command(epilog=EPILOG)
@click.argument("job", metavar="JOB|PROJECT")
@click.option("--step", type=click.Choice([step.value for step in StepName]), help="Only this step.")
@click.option("--follow", "-f", is_flag=True, help="Go on until the job ends; exit 1 if it failed.")
@options.as_json
@options.config
def command(job: str, step: str | None, follow: bool, as_json: bool, config_file: Path | None) -> None:
    """Show what a job's builds and steps wrote."""
    from releasd.adapters.joblog import JobLog
    from releasd.config.places import places

    folder = places(config_file, options.environ()).state / "logs"
    reader = _Reader(JobLog(folder, lambda data: data), config_file, _number(config_file, job, follow=follow), step)
    if as_json:
        output.print_json(reader.document())
    elif follow:
        succeeded = reader.follow()
        reader.show_known()
        sys.exit(0 if succeeded else 1)
    else:
        reader.show_new()
        reader.show_known()


def _number(config_file: Path | None, job: str, *, follow: bool) -> int:
    """Return the job meant. Following a project whose newest job is over says so: a new push may not be a job yet."""
    from releasd.app import remote
    from releasd.errors import DaemonNotRunning, UsageError

    if job.isdigit():
        return int(job)
    found = remote.status(config_file, options.environ(), job)
    for candidate in (*reversed(found["jobs"]), *found["recent"]):
        if candidate["project"] != job:
            continue
        if follow and candidate["state"] not in LIVE:
            ended = f"job {candidate['id']} of {job} ended before ({candidate['state']})"
            if not found["daemon"]["running"]:
                raise DaemonNotRunning(f"{ended}, and the daemon is not running", advice="start it: releasd run")
            output.console(stderr=True).print(f"{ended}; a push that is no job yet shows in: releasd status {job}")
        return int(candidate["id"])
    raise UsageError(f"{job} has no jobs", advice="releasd status lists projects and jobs")


class _Reader:
    """Reads a job's log files from where it stopped, and marks whose output each piece is."""

    def __init__(self, logs: Any, config_file: Path | None, job: int, step: str | None) -> None:
        self._logs = logs
        self._config_file = config_file
        self._job = JobId(job)
        self._step = step
        self._offsets: dict[tuple[StepName, str | None], int] = {}
        self._decoders: dict[tuple[StepName, str | None], IncrementalDecoder] = {}
        self._last: tuple[StepName, str | None] | None = None
        self._state()  # an unknown job is an error, not silence

    def _state(self) -> str:
        return str(self._found()["state"])

    def _found(self) -> dict[str, Any]:
        from releasd.app import remote

        return remote.job(self._config_file, options.environ(), self._job)

    def show_known(self) -> None:
        """Say, beside the output itself, what is known of the failures in it."""
        from releasd.cli.statusview import known

        for each in self._found()["known"]:
            output.console(stderr=True).print(known(each))

    def _files(self) -> list[Any]:
        return [file for file in self._logs.list(self._job) if self._step in {None, file.step.value}]

    def document(self) -> dict[str, Any]:
        """Return everything as one JSON document."""
        found = self._found()
        return {
            "schema": 1,
            "job": self._job,
            "state": found["state"],
            "known": found["known"],
            "files": [
                {"step": file.step, "part": file.part, "text": self._read(file, 0, file.size).decode(errors="replace")}
                for file in self._files()
            ],
        }

    def _read(self, file: Any, offset: int, limit: int) -> bytes:
        data: bytes = self._logs.read(self._job, file.step, file.part, offset=offset, limit=limit)
        return data

    def show_new(self) -> None:
        """Print what was written since the last call."""
        for file in self._files():
            key = (file.step, file.part)
            while data := self._read(file, self._offsets.get(key, 0), BLOCK):
                self._offsets[key] = self._offsets.get(key, 0) + len(data)
                self._print(key, data)

    def _print(self, key: tuple[StepName, str | None], data: bytes) -> None:
        if key != self._last:
            self._last = key
            output.console().print(f"── {key[0]}{f' · {key[1]}' if key[1] else ''}", style="bold cyan")
        sys.stdout.flush()
        sys.stdout.buffer.write(self._shown(key, data) if sys.stdout.isatty() else data)
        sys.stdout.buffer.flush()

    def _shown(self, key: tuple[StepName, str | None], data: bytes) -> bytes:
        """Return what a terminal is given: nothing that would steer it. A character may come in two pieces."""
        from releasd.cli.harmless import harmless

        decoder = self._decoders.setdefault(key, getincrementaldecoder("utf-8")("replace"))
        return harmless(decoder.decode(data)).encode(sys.stdout.encoding, "replace")

    def follow(self) -> bool:
        """Print until the job ends; return whether it succeeded."""
        while True:
            state = self._state()
            self.show_new()
            if state not in LIVE:
                return state == "succeeded"
            time.sleep(PAUSE)
