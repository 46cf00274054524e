"""A real devpi-server: started by the product's own code, shared by a test process (each xdist worker has its own).

Use it by `from support.devpi import devpi` in the test module; each test takes project names of its own.
"""

from collections.abc import Iterator

import pytest

from releasd.adapters.devpi import DevpiIndex, devpi_index


@pytest.fixture(scope="session")
def devpi(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DevpiIndex]:
    """Run one index for all tests of this process."""
    with devpi_index(tmp_path_factory.mktemp("devpi")) as index:
        yield index
