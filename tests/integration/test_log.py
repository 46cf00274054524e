"""The operational log, through a real stream and real loggers. (The audit file: test_audit_file.py.)"""

import io
import json
import logging
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import structlog

from releasd.log.operational import KEYS, configure

SECRET = 'c4nary"va\\lue-ß'


class Terminal(io.StringIO):
    """A stream that says that it is a terminal."""

    def isatty(self) -> bool:
        return True


@pytest.fixture(autouse=True)
def _logging_as_before() -> Iterator[None]:
    root = logging.getLogger()
    before = list(root.handlers), root.level
    yield
    root.handlers[:], root.level = before
    logging.getLogger("releasd").setLevel(logging.NOTSET)
    structlog.reset_defaults()
    structlog.contextvars.clear_contextvars()


def start(stream: io.StringIO, *, level: str = "info", log_format: Any = "json", environ: Any = None) -> Any:
    def redact(data: bytes) -> bytes:
        return data.replace(SECRET.encode(), b"[redacted]")

    return configure(level=level, log_format=log_format, stream=stream, redact=redact, environ=environ or {})


def fail(why: str) -> None:
    held = hex(0xC0FFEE)
    raise RuntimeError(why if held else held)


def lines(stream: io.StringIO) -> list[dict[str, Any]]:
    return [json.loads(line) for line in stream.getvalue().splitlines()]


def test_an_event_is_one_json_line_in_a_fixed_order() -> None:
    """Time, level, event and the agreed keys come first whatever the order of the call; the rest follows."""
    stream = io.StringIO()
    start(stream).info("job.claimed", extra=1, host="h", attempt=2, step="build", job=7, project="demo")
    (line,) = lines(stream)
    assert list(line) == ["at", "level", "event", "project", "job", "step", "attempt", "host", "extra"]
    assert (line["level"], line["event"], line["job"]) == ("info", "job.claimed", 7)
    assert KEYS == ("project", "job", "version", "commit", "step", "attempt", "host")


def test_the_time_is_aware_utc() -> None:
    """`at` is ISO 8601 with a Z, and it is now."""
    stream = io.StringIO()
    start(stream).info("daemon.started")
    at = lines(stream)[0]["at"]
    assert at.endswith("Z")
    assert abs(datetime.fromisoformat(at) - datetime.now(UTC)) < timedelta(minutes=1)


def test_lines_below_the_level_are_left_out_and_a_second_call_changes_it() -> None:
    """A reload may lower the level for loggers that are in use already."""
    stream = io.StringIO()
    logger = start(stream, level="warning")
    logger.info("queue.looked_at")
    assert stream.getvalue() == ""
    start(stream, level="debug")
    structlog.get_logger().debug("queue.looked_at")
    assert [line["event"] for line in lines(stream)] == ["queue.looked_at"]


@pytest.mark.parametrize("library", ["paramiko.transport", "apscheduler.executors.default", "uvicorn.error", "alembic"])
def test_libraries_are_heard_from_warning_upwards(library: str) -> None:
    """Their records have the same form, once each; their chatter does not arrive."""
    stream = io.StringIO()
    start(stream, level="debug")
    logging.getLogger(library).info("chatter")
    logging.getLogger(library).warning("lost %s", "link")
    (line,) = lines(stream)
    assert (line["event"], line["logger"], line["message"]) == ("library.logged", library, "lost link")
    assert line["level"] == "warning"


def test_no_secret_comes_through_in_any_shape() -> None:
    """Values, keys, nested ones, bytes, tracebacks and libraries' messages are redacted before quoting hides them."""
    stream = io.StringIO()
    logger = start(stream)
    logger.info(
        "a.b", token=SECRET, nested={"x": [SECRET, (SECRET,)], SECRET: 1}, raw=SECRET.encode(), path=Path(SECRET)
    )
    event = "event " + SECRET
    logger.info(event)
    logging.getLogger("paramiko").error("with %s", SECRET)
    try:
        fail(SECRET)
    except RuntimeError:
        logger.exception("job.failed")
    text = stream.getvalue()
    assert text.count("[redacted]") >= 9
    assert "c4nary" not in text
    assert "RuntimeError" in lines(stream)[-1]["exception"]


def test_local_variables_are_not_part_of_a_traceback_on_a_terminal() -> None:
    """The console form shows the lines of a traceback, never what variables held."""
    stream = Terminal()
    logger = start(stream, log_format="auto")
    try:
        fail("broken")
    except RuntimeError:
        logger.exception("job.failed")
    assert "RuntimeError: broken" in stream.getvalue()
    assert "0xc0ffee" not in stream.getvalue()


def test_odd_values_still_make_a_line() -> None:
    """Times, lone surrogates, line breaks and objects of any kind are written, each event on one line."""
    stream = io.StringIO()
    at = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
    start(stream).info(
        "a.b", when=at, name="x\udcff\ny", what={1: object, "none": None, "yes": True}, part=0.5, rate=float("nan")
    )
    (line,) = lines(stream)
    assert line["when"] == "2026-01-02T03:04:05Z"
    assert line["name"] == "x\\udcff\ny"
    assert line["what"]["none"] is None
    assert (line["what"]["yes"], line["part"], line["rate"]) == (True, 0.5, "nan")


@pytest.mark.parametrize(
    ("stream", "log_format", "environ", "json_lines", "colours"),
    [
        (io.StringIO, "auto", {}, True, False),
        (io.StringIO, "console", {}, False, False),
        (Terminal, "auto", {}, False, True),
        (Terminal, "auto", {"NO_COLOR": ""}, False, True),
        (Terminal, "auto", {"NO_COLOR": "1"}, False, False),
        (Terminal, "json", {}, True, False),
    ],
)
def test_the_form_follows_setting_terminal_and_no_color(
    stream: type[io.StringIO], log_format: str, environ: dict[str, str], *, json_lines: bool, colours: bool
) -> None:
    """JSON away from a terminal unless asked otherwise; colours on a terminal alone, and never against NO_COLOR."""
    out = stream()
    start(out, log_format=log_format, environ=environ).info("job.claimed", job=7)
    text = out.getvalue()
    assert text.startswith("{") is json_lines
    assert ("\x1b[" in text) is colours
    assert "job.claimed" in text


def test_context_bound_in_a_thread_stays_there() -> None:
    """A job's keys stand on every line of its thread and on none of another's."""
    stream = io.StringIO()
    logger = start(stream)

    def work(job: int) -> None:
        with structlog.contextvars.bound_contextvars(job=job):
            logger.info("step.started", mine=job)

    threads = [threading.Thread(target=work, args=(job,)) for job in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(10)
    logger.info("queue.emptied")
    assert sorted(line["job"] for line in lines(stream)[:-1]) == list(range(8))
    assert all(line["job"] == line["mine"] for line in lines(stream)[:-1])
    assert "job" not in lines(stream)[-1]
