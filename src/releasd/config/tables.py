"""The tables `builds`, `gates` and `container`: their form, rules and reader are those of the repository's own."""

from collections.abc import Callable
from typing import Annotated, Any

from pydantic import BeforeValidator, InstanceOf
from pydantic_core import PydanticCustomError

from releasd.core.containers import read_container
from releasd.core.project import read_builds, read_gates
from releasd.core.reading import Reader
from releasd.model import BuildSpec, ContainerSpec, Gate

MISTAKES = "releasd_tables"  # the type of pydantic's error; its context holds `problems` as `key: what is allowed`


def _reading(key: str, read: Callable[[Reader], Any]) -> Callable[[Any], Any]:
    def validate(value: Any) -> Any:
        reader = Reader({key: value}, "", [])
        found = read(reader)
        if reader.problems:
            raise PydanticCustomError(MISTAKES, "wrong tables", {"problems": tuple(reader.problems)})
        return found

    return validate


Builds = Annotated[tuple[InstanceOf[BuildSpec], ...], BeforeValidator(_reading("builds", read_builds))]
Gates = Annotated[tuple[InstanceOf[Gate], ...], BeforeValidator(_reading("gates", read_gates))]
Container = Annotated[
    InstanceOf[ContainerSpec],
    BeforeValidator(_reading("container", lambda reader: read_container(reader, network="default"))),
]
