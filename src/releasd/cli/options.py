"""Options that several commands share."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click

F = TypeVar("F", bound=Callable[..., Any])


def as_json(function: F) -> F:
    """Add `--json`."""
    return click.option("--json", "as_json", is_flag=True, help="Print one JSON document and nothing else.")(function)


def config(function: F) -> F:
    """Add `--config`, the operator's configuration."""
    return click.option(
        "--config",
        "config_file",
        type=click.Path(path_type=Path, dir_okay=False),
        help="The operator's configuration; default: $RELEASD_CONFIG, then the system's place.",
    )(function)


def repo(function: F) -> F:
    """Add `--repo`."""
    return click.option(
        "--repo", type=click.Path(path_type=Path, file_okay=False), default=".", help="The repository; default: here."
    )(function)


def host_names(ctx: click.Context, _: click.Parameter, incomplete: str) -> list[str]:
    """Complete a host's name, as the operator's configuration has it; nothing where there is none to read."""
    return _names(ctx, "hosts", incomplete)


def project_names(ctx: click.Context, _: click.Parameter, incomplete: str) -> list[str]:
    """Complete a project's name, as `host_names` does a host's."""
    return _names(ctx, "projects", incomplete)


def _names(ctx: click.Context, section: str, incomplete: str) -> list[str]:
    from releasd.config.places import config_path, read_toml
    from releasd.errors import ConfigError

    try:
        named = read_toml(config_path(ctx.params.get("config_file"), environ())).get(section, {})
    except ConfigError:
        return []
    return [name for name in named if name.startswith(incomplete)] if isinstance(named, dict) else []


def environ() -> dict[str, str]:
    """Return this process's environment, to be handed in."""
    return dict(os.environ)
