"""How values are written into columns and read back.

Times are whole microseconds since 1970 in UTC: they sort, compare and round-trip the same on every database.
Structures are JSON text. Whoever reads the tables with another tool can read both.
"""

from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
from sqlalchemy import BigInteger, Dialect, String, Text, TypeDecorator

from releasd.model import Bump, FileState, JobState, Plan, StepName, StepState

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MICROSECOND = timedelta(microseconds=1)

_PLAN = msgspec.json.Decoder(Plan)


def clean(text: str) -> str:
    """Return `text` with what no database takes (lone surrogates of odd file names, NUL) made visible."""
    return text.encode("utf-8", "backslashreplace").decode().replace("\0", "\\0")


class Utc(TypeDecorator[datetime]):
    """An aware UTC datetime."""

    impl = BigInteger
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> int | None:  # noqa: ARG002 (interface)
        """Return microseconds. Raises ValueError for a naive time."""
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError("a stored time must be aware")
        return (value - EPOCH) // MICROSECOND

    def process_result_value(self, value: int | None, dialect: Dialect) -> datetime | None:  # noqa: ARG002 (interface)
        """Return the aware UTC time."""
        return None if value is None else EPOCH + timedelta(microseconds=value)


class Json(TypeDecorator[Any]):
    """Any JSON value, as text."""

    impl = Text
    cache_ok = True

    def process_bind_param(self, value: Any, dialect: Dialect) -> str | None:  # noqa: ARG002 (interface)
        """Return the JSON text."""
        return None if value is None else msgspec.json.encode(value).decode()

    def process_result_value(self, value: str | None, dialect: Dialect) -> Any:  # noqa: ARG002 (interface)
        """Return the decoded value."""
        return None if value is None else msgspec.json.decode(value)


class PlanJson(Json):
    """A `Plan`, as JSON text."""

    cache_ok = True

    def process_result_value(self, value: str | None, dialect: Dialect) -> Plan | None:  # noqa: ARG002 (interface)
        """Return the decoded plan."""
        return None if value is None else _PLAN.decode(value)


class Word(TypeDecorator[Any]):
    """A member of one of the model's string enums, as its text."""

    impl = String
    cache_ok = True

    def __init__(self, enum: type[Bump | FileState | JobState | StepName | StepState]) -> None:
        super().__init__()
        self.enum = enum

    def process_bind_param(self, value: str | None, dialect: Dialect) -> str | None:  # noqa: ARG002 (interface)
        """Return the member's text."""
        return None if value is None else str(value)

    def process_result_value(self, value: str | None, dialect: Dialect) -> Any:  # noqa: ARG002 (interface)
        """Return the member."""
        return None if value is None else self.enum(value)
