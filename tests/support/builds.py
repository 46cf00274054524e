"""A release of one build on one able host, for tests of the `build` step."""

from pathlib import Path

from releasd.model import BuildSpec
from releasd.ports import Task
from support.fakehost import FakeHost, Scripted
from support.fakeports import FakeHosts, Scene, host_spec

WHEEL = "demo-1.1.0-py3-none-any.whl"


def builds_of(*names: str, **fields: object) -> tuple[BuildSpec, ...]:
    """Return builds whose scripts are their names."""
    return tuple(BuildSpec(name=name, run=name, **fields) for name in names)


def leaves_files(task: Task) -> Scripted:
    """Leave one wheel, named after the build."""
    return Scripted(output=b"building\n", files={f"{task.script}-1.1.0-py3-none-any.whl": task.script.encode()})


def build_scene(scratch: Path) -> Scene:
    """Return it, with the release commit there."""
    made = Scene(scratch, builds=builds_of("demo"))
    made.release_commit()
    made.hosts = FakeHosts([FakeHost(host_spec(), leaves_files)])
    return made


def sealed(scene: Scene) -> dict[str, str]:
    """Return the sealed files and the builds that they are of."""
    return {artifact.filename: artifact.build for artifact in scene.journal.artifacts()}
