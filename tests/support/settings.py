"""Operators' configurations for tests, as values."""

import pytest
from pydantic import ValidationError

from releasd.config import Settings
from releasd.config.problems import from_validation

DAEMON = {"daemon": {"state": "/srv/state", "runtime": "/srv/run"}}


def settings(**sections: object) -> Settings:
    return Settings(**{**DAEMON, **sections})


def problems(**sections: object) -> dict[str, str]:
    """Return what is wrong, by dotted path."""
    with pytest.raises(ValidationError) as caught:
        settings(**sections)
    return {".".join(map(str, loc)): why for loc, why in from_validation(caught.value, Settings)}
