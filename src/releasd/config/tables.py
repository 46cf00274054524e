"""The tables `builds` and `gates`, which have the form, the rules and the reader of the repository's own."""

from collections.abc import Callable
from typing import Annotated, Any

from pydantic import BeforeValidator, InstanceOf
from pydantic_core import PydanticCustomError

from releasd.core.project import read_builds, read_gates
from releasd.core.reading import Reader
from releasd.model import BuildSpec, Gate

MISTAKES = "releasd_tables"  # the type of pydantic's error; its context holds `problems` as `key: what is allowed`


def _reading(key: str, read: Callable[[Reader], tuple[Any, ...]]) -> Callable[[Any], tuple[Any, ...]]:
    def validate(value: Any) -> tuple[Any, ...]:
        reader = Reader({key: value}, "", [])
        tables = read(reader)
        if reader.problems:
            raise PydanticCustomError(MISTAKES, "wrong tables", {"problems": tuple(reader.problems)})
        return tables

    return validate


Builds = Annotated[tuple[InstanceOf[BuildSpec], ...], BeforeValidator(_reading("builds", read_builds))]
Gates = Annotated[tuple[InstanceOf[Gate], ...], BeforeValidator(_reading("gates", read_gates))]
