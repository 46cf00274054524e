"""A second index for a stage's project, by the public one's rules; use it by importing the fixture."""

from collections.abc import Iterator

import pytest

from support.parts import IndexProcess
from support.stage import TOKEN, Stage


@pytest.fixture
def mirror(stage: Stage) -> Iterator[IndexProcess]:
    """A second index, which outlives the daemon: the project's files go there after the first."""
    index = IndexProcess(stage.folder / "mirror", token=TOKEN)
    urls = {key: value for key, value in index.urls.items() if key != "url"}
    stage.config["indexes"]["mirror"] = {**urls, "secret": "token"}
    stage.config["projects"]["demo"]["publish"] = ["local", "mirror"]
    yield index
    index.close()
