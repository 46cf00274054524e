"""The entry of a destination in the operator's configuration."""

import pytest
from pydantic import ValidationError

from releasd.adapters.crates import CratesIndex
from releasd.adapters.secrets import SecretStore, Surroundings
from releasd.app.world import index_of
from releasd.config.sections import Index
from releasd.model import IndexRules


def test_a_registry_of_crates_has_one_address() -> None:
    """Its sparse index leads to all the others; addresses of Python's kind are a mistake, as is `url` for Python."""
    url = "https://crates.example.org/index/"
    made = Index(kind="crates", url=url, secret="token", max_file_mb=5)
    index = index_of("ours", made, SecretStore({}, Surroundings(environ={})))
    assert isinstance(index, CratesIndex)
    assert index.rules == IndexRules(max_file_size=5 << 20)
    assert index.takes("demo-1.0.0.crate")
    assert not index.takes("demo-1.0.0.tar.gz")
    both = {"kind": "crates", "url": url, "secret": "token", "publish_url": url}
    for wrong, why in (
        ({"kind": "crates"}, "url and secret missing"),
        (both, 'publish_url is for kind = "index"'),
        ({"url": url}, 'url is for kind = "crates"'),
    ):
        with pytest.raises(ValidationError, match=why):
            Index.model_validate(wrong)


@pytest.mark.parametrize("key", ["publish_url", "simple_url"])
def test_an_index_address_with_a_password_is_refused(key: str) -> None:
    """Uploader and installer get it as an argument, which everybody on the machine can read."""
    urls = {"publish_url": "https://h/", "simple_url": "https://h/simple"} | {key: "https://u:pw@h/"}
    with pytest.raises(ValidationError, match="name the secret under secret"):
        Index.model_validate({"secret": "token", **urls})
