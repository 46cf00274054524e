"""The operational log: one line per event on standard error, as JSON or for a terminal, through structlog.

Rule 1: `event` is `noun.verb_past`; what it is about stands under `project job version commit step attempt host`.
Rule 2: what libraries log arrives in the same form as `library.logged`, from WARNING upwards.
Rule 3: every string passes the redaction that was handed in, keys and tracebacks included.

structlog's context does not cross threads: bind a job's keys inside the thread that runs it.
"""

import logging
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from math import isfinite
from typing import Any, Literal, TextIO

import structlog
from structlog.typing import EventDict, FilteringBoundLogger, Processor, WrappedLogger

KEYS = ("project", "job", "version", "commit", "step", "attempt", "host")
Redact = Callable[[bytes], bytes]
Format = Literal["auto", "json", "console"]

_FIRST = ("at", "level", "event", *KEYS)
_LOGGER = "releasd"


def configure(
    *, level: str, log_format: Format, stream: TextIO, redact: Redact, environ: Mapping[str, str]
) -> FilteringBoundLogger:
    """Send all logging of this process to `stream` and return the logger. Calling it again replaces what was.

    Args:
        level: the least level of releasd's own events: debug, info, warning or error.
        log_format: "auto" is "console" on a terminal and "json" elsewhere.
        stream: where lines go; standard error, outside tests.
        redact: takes secrets out of UTF-8 bytes.
        environ: asked for `NO_COLOR` (any value but the empty one turns colours off, see no-color.org).
    """
    shared: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True, key="at"),
        structlog.processors.format_exc_info,
    ]
    handler = logging.StreamHandler(stream)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=[*shared, _as_library],
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                lambda _logger, _method, fields: _plain(fields, redact),
                _in_order,
                _renderer(log_format, stream, environ),
            ],
        )
    )
    logging.basicConfig(handlers=[handler], level=logging.WARNING, force=True)
    own = logging.getLogger(_LOGGER)
    own.setLevel(level.upper())
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=lambda *_: own,
        cache_logger_on_first_use=False,  # a reload may change the level
    )
    logger: FilteringBoundLogger = structlog.get_logger()
    return logger


def _renderer(log_format: Format, stream: TextIO, environ: Mapping[str, str]) -> Processor:
    terminal = stream.isatty()
    if log_format == "console" or (log_format == "auto" and terminal):
        colours = terminal and not environ.get("NO_COLOR")
        return structlog.dev.ConsoleRenderer(
            colors=colours,
            timestamp_key="at",
            sort_keys=False,
            exception_formatter=structlog.dev.plain_traceback,  # the others would show local variables
        )
    return structlog.processors.JSONRenderer(ensure_ascii=False)


def _as_library(_logger: WrappedLogger, _method: str, fields: EventDict) -> EventDict:
    """Give a library's record the shape of our events: its text is no event name."""
    record = fields.get("_record")
    text, fields["event"] = fields["event"], "library.logged"
    return {**fields, "logger": record.name if record else None, "message": text}


def _in_order(_logger: WrappedLogger, _method: str, fields: EventDict) -> EventDict:
    """Put what every line has before what only this one has."""
    first = {key: fields[key] for key in _FIRST if key in fields}
    return {**first, **fields}


def _plain(value: Any, redact: Redact) -> Any:
    """Return `value` as JSON values, every string redacted before quoting could hide a secret from the search."""
    if value is None or isinstance(value, bool | int) or (isinstance(value, float) and isfinite(value)):
        return value
    if isinstance(value, Mapping):
        return {str(_plain(key, redact)): _plain(item, redact) for key, item in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [_plain(item, redact) for item in value]
    return redact(_text(value)).decode("utf-8", "replace")


def _text(value: Any) -> bytes:
    if isinstance(value, bytes):
        return value
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat().replace("+00:00", "Z").encode()
    return str(value).encode("utf-8", "backslashreplace")
