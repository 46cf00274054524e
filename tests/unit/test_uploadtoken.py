"""A token that cannot be one is caught before it is sent (the hand-run workflow once sent a log line)."""

import pytest

from releasd.adapters.uvpublish import check_token
from releasd.errors import SecretError
from releasd.ports import Secret

MALFORMED = {
    "empty": ("", "empty"),
    "log-line": ("\x1b[0;34m[INFO]\x1b[0m Fetching PyPI token from Doppler...\npypi-REALTOKEN", "colour codes"),
    "two-lines": ("pypi-REAL\nTOKEN", "white space"),
    "space": ("pypi-REAL TOKEN", "white space"),
    "control": ("pypi-REAL\x00TOKEN", "characters that no token has"),
    "not-ascii": ("pypi-REALTÖKEN", "characters that no token has"),
    "prefix": ("ghp_REALTOKEN", "does not begin with 'pypi-'"),
}


@pytest.mark.parametrize(("value", "why"), MALFORMED.values(), ids=MALFORMED)
def test_malformed_token_is_refused_without_showing_it(value: str, why: str) -> None:
    """The message says what is wrong with the shape, and holds nothing of the value."""
    with pytest.raises(SecretError) as caught:
        check_token(Secret(value), public=True)
    assert why in caught.value.message
    assert "REAL" not in caught.value.message + caught.value.advice
    assert "doctor" in caught.value.advice


def test_well_shaped_token_passes() -> None:
    """A token of the public index, as it is issued."""
    check_token(Secret("pypi-AgEIcHlwaS5vcmcCJGFiY2RlZg_-"), public=True)


def test_private_index_may_have_any_prefix() -> None:
    """Only the public index promises the prefix."""
    check_token(Secret("glpat-abcdef"), public=False)
