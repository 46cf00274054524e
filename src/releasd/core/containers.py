"""Builds in containers: what a `container` key may say, what an operator allows, and the container of a recipe.

How a container is run is in adapters/runner/container.py; the words are those of `model.ContainerSpec`.
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase
from typing import Any

from releasd.core.reading import Reader, environment, matching, one_of
from releasd.errors import ConfigError
from releasd.model import BuildSpec, ContainerSpec

PULL = ("missing", "always", "never")
NETWORK = ("none", "default")
IMAGE = "an image's name with or without tag, name@sha256:…, or sha256:…"

_IMAGE = re.compile(r"[A-Za-z0-9][A-Za-z0-9._/:-]{0,255}(?:@sha256:[0-9a-f]{64})?")  # it becomes an argument
_EXACT = re.compile(r"(?:.*@)?sha256:[0-9a-f]{64}")
_MEMORY = re.compile(r"(?P<number>\d{1,9})(?P<unit>[kmg])")
_UNITS = {"k": 1 << 10, "m": 1 << 20, "g": 1 << 30}
_LEAST_MEMORY = 6 << 20  # docker refuses less
_LEAST_CPUS = 0.01  # so does the kernel's scheduler
_ELSEWHERE = frozenset({"macos", "windows", "zig"})  # no Linux container there, or a compiler that an image lacks


@dataclass(frozen=True, slots=True, kw_only=True)
class ImagePolicy:
    """What an operator allows containers to be made of. `allowed` are globs for names; empty allows every image."""

    require_digest: bool = False
    allowed: tuple[str, ...] = ()


def read_container(reader: Reader, *, network: str) -> ContainerSpec | None:
    """Return `container`, an image's name or a table; None where there is none or where it has mistakes.

    Args:
        reader: the table that has the key; what is wrong is added to its problems.
        network: the network where none is named.
    """
    if isinstance(reader.values.get("container"), str):
        image = reader.take("container", matching(_IMAGE), "", IMAGE)
        return ContainerSpec(image=image, network=network) if image else None
    table = reader.table("container")
    if table is None:
        return None
    spec = ContainerSpec(
        image=table.need("image", matching(_IMAGE), "", IMAGE),
        pull=table.take("pull", one_of(PULL), "missing", " or ".join(PULL)),
        network=table.take("network", one_of(NETWORK), network, " or ".join(NETWORK)),
        memory=table.take("memory", memory, None, 'a size like "512m" or "4g", at least 6m'),
        cpus=table.take("cpus", _cpus, None, "a number above 0, such as 1.5"),
        pids=table.take("pids", _count, None, "a whole number above 0"),
        env=table.take("env", environment, {}, "a table of texts, no name starting with RELEASD_"),
    )
    table.finish()
    return spec if spec.image else None


def memory(value: Any) -> int | None:
    """Return the bytes of "512m", "4g" or a whole number, else None."""
    if isinstance(value, str) and (match := _MEMORY.fullmatch(value.lower())):
        value = int(match["number"]) * _UNITS[match["unit"]]
    count = _count(value)
    return count if count is not None and count >= _LEAST_MEMORY else None


def is_exact(image: str) -> bool:
    """Return whether the name says which bytes it means: a digest, or an image's id."""
    return bool(_EXACT.fullmatch(image))


def check_images(builds: Iterable[BuildSpec], policy: ImagePolicy) -> None:
    """Raise `ConfigError` with every image that the operator does not allow."""
    problems = [
        f"builds: {build.name}: {why}"
        for build in builds
        if build.container is not None
        for why in _objections(build.container.image, policy)
    ]
    if problems:
        raise ConfigError(
            "the operator's policy does not allow these images",
            problems=tuple(problems),
            advice="name an image that it allows, or change require_digest or allowed_images in [projects.NAME.policy]",
        )


def _objections(image: str, policy: ImagePolicy) -> Iterable[str]:
    if policy.require_digest and not is_exact(image):
        yield f"{image} names no digest; write name@sha256:…"
    if policy.allowed and not any(fnmatchcase(image, pattern) for pattern in policy.allowed):
        yield f"{image} matches none of {', '.join(policy.allowed)}"


def in_container(builds: Sequence[BuildSpec], container: ContainerSpec | None) -> tuple[BuildSpec, ...]:
    """Return a recipe's builds with those for Linux moved into `container`; unchanged where there is none.

    The same commands run there, so with a manylinux image that holds the toolchain (config/manylinux.Containerfile)
    this is the manylinux recipe.
    """
    return tuple(build if container is None else _moved(build, container) for build in builds)


def _moved(build: BuildSpec, container: ContainerSpec) -> BuildSpec:
    if build.container is not None or _ELSEWHERE & set(build.labels):
        return build
    return replace(build, container=container, labels=tuple(dict.fromkeys((*build.labels, "linux"))))


def _count(value: Any) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) and value > 0 else None


def _cpus(value: Any) -> float | None:
    usable = isinstance(value, int | float) and not isinstance(value, bool) and _LEAST_CPUS <= value < float("inf")
    return float(value) if usable else None
