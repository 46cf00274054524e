"""Which versions of Python a project's wheels are for, from its `requires-python`."""

from collections.abc import Mapping
from typing import Any

from releasd.core import toml

RELEASED = tuple(f"3.{minor}" for minor in range(8, 15))  # what extension modules are built for, oldest first


def supported(document: Mapping[str, Any]) -> tuple[str, ...]:
    """Return the versions that pyproject.toml's `requires-python` allows; all where it says nothing readable."""
    from packaging.specifiers import InvalidSpecifier, SpecifierSet  # noqa: PLC0415 - for the speed of `plan`

    text = toml.table(document, "project").get("requires-python", "")
    try:
        allowed = SpecifierSet(text if isinstance(text, str) else "")
    except InvalidSpecifier:
        return RELEASED
    # A bound such as >=3.9.2 leaves the later releases of 3.9 in.
    return tuple(version for version in RELEASED if allowed.contains(f"{version}.99")) or RELEASED
