from collections.abc import Iterator
from pathlib import Path

import pytest

from releasd.store import Store
from support.store import fresh_store, url_of


@pytest.fixture
def url(tmp_path: Path) -> str:
    return url_of(tmp_path)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with fresh_store(tmp_path) as opened:
        yield opened
