"""The index of the public one's rules and our adapter for it; use it by importing the fixtures `rules` and `index`."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from releasd.adapters.index import HttpIndex
from releasd.ports import Secret
from support.pypirules import PypiRules

TOKEN = Secret("pypi-AgEIcHlwaS5vcmcCJGNhbmFyeS1jYW5hcnk")


@pytest.fixture
def rules(tmp_path: Path) -> Iterator[PypiRules]:
    """Run an index with the public one's rules."""
    with PypiRules(tmp_path / "index", token=TOKEN.reveal()) as running:
        yield running


@pytest.fixture
def index(rules: PypiRules) -> HttpIndex:
    """Return the adapter for that index."""
    return make_index(rules)


def make_index(rules: PypiRules, *, upload_timeout: float = 60.0, token: Secret = TOKEN) -> HttpIndex:
    """Return an adapter for the index; `upload_timeout` in seconds."""
    return HttpIndex(
        name="rules",
        publish_url=rules.publish_url,
        simple_url=rules.simple_url,
        token=lambda: token,
        read_timeout=60,
        upload_timeout=upload_timeout,
    )


def ignore(_: bytes) -> None:
    """Take output and do nothing with it."""
