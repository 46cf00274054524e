"""Which branches a registered project is released from: names, or globs as semantic-release has them."""

import re

from releasd.model import Project

_GLOB = re.compile(r"[*?+@!(){}\[\]|]")  # what makes a name a pattern for micromatch


def patterns(project: Project) -> tuple[str, ...]:
    """Return the names and globs of the branches that are released from, the main one first."""
    return tuple(dict.fromkeys((project.branch, *project.branches)))


def is_glob(pattern: str) -> bool:
    """Return whether it may stand for several names."""
    return _GLOB.search(pattern) is not None


def matches(pattern: str, name: str) -> bool:
    """Return whether a branch is meant by a name or glob. Raises `ConfigError` for a glob that cannot be read."""
    if not is_glob(pattern):
        return pattern == name
    from releasd.core.semrel import micromatch  # noqa: PLC0415 - most projects have one branch

    return micromatch.matches(pattern, name)


def is_released_from(project: Project, branch: str) -> bool:
    """Return whether pushes to `branch` are released."""
    return any(matches(pattern, branch) for pattern in patterns(project))
