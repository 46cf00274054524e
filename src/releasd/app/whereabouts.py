"""Which builds would run where, as far as the operator's configuration on this machine says; it may say nothing.

Read loosely and without pydantic, which costs more than the rest of `releasd plan`: what is wrong in it is for `releasd
doctor` to say.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from releasd.config.places import config_path, read_toml
from releasd.core.maturin import bound_to_host
from releasd.core.plan import recipe
from releasd.errors import ConfigError
from releasd.model import BuildSpec, Facts, ProjectConfig


@dataclass(frozen=True, slots=True, kw_only=True)
class Where:
    """A build and the hosts that have its labels; None where no operator's configuration names any."""

    name: str
    labels: tuple[str, ...]
    hosts: tuple[str, ...] | None


def builds(
    facts: Facts, config: ProjectConfig, *, repo: Path, environ: Mapping[str, str]
) -> tuple[tuple[Where, ...], tuple[str, ...]]:
    """Return the builds of a release, and what is odd about them."""
    warnings: list[str] = []
    operator = _operator(environ, warnings)
    project = _project(operator, repo)
    hosts = _hosts(operator, project)
    specs = _specs(facts, config, tuple((hosts or {}).values()), warnings) if "builds" not in project else ()
    bound = () if config.builds or "container" in project else bound_to_host(specs)
    if bound:
        warnings.append(
            f"{', '.join(bound)}: built on the host itself, so the wheel asks for the host's C library or a newer one; "
            "set container (docs/project.md, The manylinux recipe)"
        )
    own = [(build.name, build.labels) for build in specs]
    own += [(str(build.get("name")), tuple(map(str, build.get("labels", ())))) for build in _tables(project)]
    found = tuple(
        Where(
            name=name,
            labels=labels,
            hosts=None if hosts is None else tuple(host for host, has in hosts.items() if has >= frozenset(labels)),
        )
        for name, labels in own
    )
    return found, tuple(warnings)


def _specs(
    facts: Facts, config: ProjectConfig, hosts: tuple[frozenset[str], ...], warnings: list[str]
) -> Sequence[BuildSpec]:
    if config.builds:
        return config.builds
    try:
        return recipe(facts.files, config, hosts)
    except ConfigError as error:
        warnings.append(f"{error.message.splitlines()[0]}; {error.advice}")
        return ()


def _operator(environ: Mapping[str, str], warnings: list[str]) -> Mapping[str, Any]:
    file = config_path(None, environ)
    if not file.exists():
        return {}
    try:
        return read_toml(file)
    except ConfigError as error:
        warnings.append(f"{file} is not used: {error.message.splitlines()[0]}; releasd doctor")
        return {}


def _project(operator: Mapping[str, Any], repo: Path) -> Mapping[str, Any]:
    """Return what the operator says of this repository, where it is registered by its path."""
    place = repo.resolve()
    for project in _table(operator.get("projects")).values():
        repository = _table(project).get("repository")
        if isinstance(repository, str) and "://" not in repository and Path(repository).expanduser().resolve() == place:
            return _table(project)
    return {}


def _hosts(operator: Mapping[str, Any], project: Mapping[str, Any]) -> dict[str, frozenset[str]] | None:
    if not operator:
        return None
    from releasd.adapters.hosts import local_labels  # noqa: PLC0415 - what talks to hosts costs a quarter of the command

    allowed = _table(project.get("policy")).get("hosts", ())
    hosts = {str(name): _table(host) for name, host in _table(operator.get("hosts")).items()} or {"local": {}}
    return {
        name: frozenset(map(str, host.get("labels", ()))) | (frozenset() if "address" in host else local_labels())
        for name, host in hosts.items()
        if not allowed or name in allowed
    }


def _table(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


def _tables(project: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    builds = project.get("builds")
    return [_table(each) for each in builds] if isinstance(builds, list) else []
