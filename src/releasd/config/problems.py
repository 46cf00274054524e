"""Turns what pydantic and the cross-references found into lines for the operator.

Each line reads `file: key.path: what is wrong; what is allowed`. Values are never repeated unless a validator of
this package chose to: a token written into the wrong place must not travel on into a log.
"""

from collections.abc import Iterator, Mapping, Sequence
from difflib import get_close_matches
from typing import Any, get_args

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from releasd.config.tables import MISTAKES

Loc = tuple[int | str, ...]
Problem = tuple[Loc, str]


def from_validation(error: ValidationError, root: type[BaseModel]) -> tuple[Problem, ...]:
    """Return one problem for each of pydantic's findings. `root` is the model that was validated."""
    found = error.errors(include_url=False, include_input=False)
    return tuple(problem for item in found for problem in _problems(item, root))


def unknown_names(data: Mapping[str, Any]) -> tuple[Problem, ...]:
    """Return one problem for each name that `data`, the merged configuration, uses and does not define."""
    return tuple(_references(data))


def suggest(word: str, known: Sequence[str]) -> str:
    """Return `did you mean …?` where a known word is near, else the list of what is known."""
    near = get_close_matches(word, known, n=1, cutoff=0.5)
    if near:
        return f"did you mean {near[0]}?"
    return f"known are {', '.join(sorted(known))}" if known else "none is defined"


def _problems(item: ErrorDetails, root: type[BaseModel]) -> Iterator[Problem]:
    if item["type"] != MISTAKES:
        yield _path(item), _say(item, root)
        return
    for problem in item["ctx"]["problems"]:
        key, _, why = problem.partition(": ")
        yield (*item["loc"][:-1], key), why


def _path(item: ErrorDetails) -> Loc:
    return tuple(part for part in item["loc"] if part != "[key]")


def _say(item: ErrorDetails, root: type[BaseModel]) -> str:
    match item["type"]:
        case "extra_forbidden":
            allowed = sorted(_model_at(root, item["loc"][:-1]).model_fields)
            return f"unknown key; {suggest(str(item['loc'][-1]), allowed)}"
        case "missing":
            return "is missing; it is required"
        case "string_pattern_mismatch":  # `Name` is the only type with a pattern
            return "not accepted here; allowed are letters, digits and . _ -, beginning with a letter or digit"
        case "value_error":
            return item["msg"].removeprefix("Value error, ")
        case _:
            return f"not accepted; it {item['msg'].replace('Input should', 'has to', 1)}"


def _model_at(model: type[BaseModel], loc: Loc) -> type[BaseModel]:
    """Return the model of the table at `loc`; names of tables and positions in lists are passed over."""
    for part in loc:
        field = model.model_fields.get(str(part))
        if field is not None:
            model = next(_models(field.annotation), model)
    return model


def _models(annotation: Any) -> Iterator[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for inner in get_args(annotation):
        yield from _models(inner)


def _references(data: Mapping[str, Any]) -> Iterator[Problem]:
    for name, project in _tables(data, "projects"):
        yield from _each(data, ("projects", name, "publish"), project.get("publish"), "indexes")
        yield from _each(data, ("projects", name, "webhooks"), project.get("webhooks"), "webhooks")
        yield from _each(data, ("projects", name, "forge"), [project.get("forge")], "forges")
        yield from _each(data, ("projects", name, "mail"), project.get("mail"), "mail")
        for deploy in _entries(project.get("deploy")):
            yield from _each(data, ("projects", name, "deploy", "host"), [deploy.get("host")], "hosts")
        policy = project.get("policy")
        if isinstance(policy, Mapping):
            yield from _each(data, ("projects", name, "policy", "hosts"), policy.get("hosts"), "hosts")
    for section in ("indexes", "webhooks", "mail", "forges"):
        for name, table in _tables(data, section):
            yield from _each(data, (section, name, "secret"), [table.get("secret")], "secrets")


def _tables(data: Mapping[str, Any], section: str) -> Iterator[tuple[str, Mapping[str, Any]]]:
    tables = data.get(section)
    if isinstance(tables, Mapping):
        yield from ((name, table) for name, table in tables.items() if isinstance(table, Mapping))


def _entries(value: Any) -> Iterator[Mapping[str, Any]]:
    yield from (entry for entry in value if isinstance(entry, Mapping)) if isinstance(value, list | tuple) else ()


def _each(data: Mapping[str, Any], loc: Loc, names: Any, section: str) -> Iterator[Problem]:
    defined = data.get(section)
    known = list(defined) if isinstance(defined, Mapping) else []
    if section == "hosts" and not known:
        known = ["local"]  # the implicit one
    for name in names if isinstance(names, list | tuple) else ():
        if isinstance(name, str) and name not in known:
            yield loc, f"{name} is not defined as [{section}.{name}]; {suggest(name, known)}"
