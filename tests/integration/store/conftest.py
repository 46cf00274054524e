from collections.abc import Iterator
from pathlib import Path

import pytest

from releasd.store import Store, open_store
from support.store import url_of


@pytest.fixture
def url(tmp_path: Path) -> str:
    return url_of(tmp_path)


@pytest.fixture
def store(url: str) -> Iterator[Store]:
    with open_store(url) as opened:
        yield opened
