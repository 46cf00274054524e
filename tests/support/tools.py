"""System tools that tests need: loudly skipped where missing, a failure under CI."""

import os
import shutil
from typing import NoReturn

import pytest


def require_tool(name: str) -> str:
    """Return the path of `name`; skip loudly, or fail under CI, where it is missing."""
    path = shutil.which(name) or shutil.which(name, path="/usr/sbin:/sbin:/usr/local/sbin")
    if path is None:
        lacking(f"{name} is not installed: see .ci/run for the packages that the tests need")
    return path


def lacking(message: str) -> NoReturn:
    """Skip loudly, or fail under CI, for the reason given."""
    if os.environ.get("CI"):
        pytest.fail(message)
    pytest.skip(message)
