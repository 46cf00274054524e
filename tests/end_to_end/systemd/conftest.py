"""One booted systemd for each file of tests; the service is installed anew for each test."""

from collections.abc import Iterator

import pytest

from support.service import Service
from support.systemd import Machine, booted


@pytest.fixture(scope="module")
def machine() -> Iterator[Machine]:
    with booted() as machine:
        yield machine


@pytest.fixture
def service(machine: Machine) -> Service:
    return Service(machine)
