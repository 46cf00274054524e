"""The programs that a build names: each has to be on its host; of `cibuildwheel|auditwheel` any one will do."""

from collections.abc import Collection, Iterable


def programs(tools: Iterable[str]) -> tuple[str, ...]:
    """Return every program that is worth looking for."""
    return tuple(program for tool in tools for program in tool.split("|"))


def lacking(tools: Iterable[str], missing: Collection[str]) -> tuple[str, ...]:
    """Return the tools that a host lacks whose `missing` programs were looked for, as people read them."""
    return tuple(tool.replace("|", " or ") for tool in tools if all(each in missing for each in tool.split("|")))
