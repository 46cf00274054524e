"""From a push to a release: what a maintainer sees when all goes well."""

from collections.abc import Callable

from support.packages import HATCH
from support.stage import Stage
from support.truth import assert_released, assert_told


def test_push_is_released(make_stage: Callable[..., Stage]) -> None:
    """A feat: pushed through the hook is on the index and tagged, and every record of it is true."""
    stage = make_stage(HATCH)
    stage.start()
    shown = stage.push("feat: more", {"src/demo/more.py": "MORE = 1\n"})
    assert_told(shown, "demo 1.1.0 will be released to local")
    job = stage.wait_over()
    assert_released(stage, job, "1.1.0")
    assert stage.git("show", "v1.1.0:src/demo/__init__.py") == '__version__ = "1.1.0"'
    assert stage.main() == stage.tags()["v1.1.0"]
