"""`verify`: the index serves exactly what was built, and it installs."""

import sys
from dataclasses import replace
from pathlib import Path

import pytest

from releasd.errors import Conflict, Transient
from releasd.model import Artifact
from releasd.steps import proof, verify
from support.dist import METADATA, wheel
from support.fakehost import FakeHost, Scripted
from support.fakeports import FakeIndex, Scene, host_spec

WHEEL, SDIST = "demo-1.1.0-py3-none-any.whl", "demo-1.1.0.tar.gz"
NEWER = sys.version_info.minor + 1
FOREIGN_WHEEL = "demo-1.1.0-cp311-cp311-macosx_11_0_arm64.whl"


@pytest.fixture
def scene() -> Scene:
    """Return a release whose two files are served."""
    made = Scene()
    serve(made, WHEEL)
    serve(made, SDIST)
    return made


def serve(scene: Scene, name: str, required: str = "") -> None:
    """Have a sealed file served; `required` is a wheel's Requires-Python."""
    more = f"Requires-Python: {required}\n" if required else ""
    data = wheel(metadata=METADATA + more).getvalue() if name.endswith(".whl") else name.encode()
    scene.index.put(scene.seal(name, data))


def appear(scene: Scene, artifact: Artifact, *, after: int) -> None:
    """Have the index list a file only after so many pauses."""
    scene.index.stored.pop(artifact.filename)
    scene.clock.tick = lambda: scene.index.put(artifact) if len(scene.clock.slept) == after else None


def test_verifying_is_always_done_again(scene: Scene) -> None:
    """Looking is the whole step, so memory is no evidence."""
    assert verify.observe(scene.context()) is None


def test_what_is_served_as_built_is_verified(scene: Scene) -> None:
    """Every file has our digest by its listing and by download, and the version installs from that index."""
    evidence = verify.apply(scene.context())
    assert evidence == {"indexes": {"pypi": {"files": 2, "installed": "demo==1.1.0"}}}
    assert sorted(scene.index.downloads) == [WHEEL, SDIST]


def test_the_trial_installs_that_version_from_that_index_alone(scene: Scene) -> None:
    """A fresh environment on this machine takes the wheel from the index, past every cache and configuration."""
    verify.apply(scene.context())
    (task,) = scene.hosts.registered[0].tasks
    assert "--default-index https://i/simple demo==1.1.0" in task.script
    assert all(option in task.script for option in ("--no-cache", "--no-config", "--no-deps", "--only-binary :all:"))
    assert task.id.startswith("demo-3-5-verify-pypi-")


def test_the_arguments_of_the_trial_are_quoted(scene: Scene) -> None:
    """An index's address with shell characters stays one word."""
    scene.index.install_options = lambda: ("--default-index", "https://i/$(touch x)?a&b")
    verify.apply(scene.context())
    assert "'https://i/$(touch x)?a&b'" in scene.hosts.registered[0].tasks[0].script


def test_an_index_that_lags_is_waited_for(scene: Scene) -> None:
    """A file that is listed some seconds later is waited for."""
    appear(scene, scene.journal.sealed[1], after=3)
    assert verify.apply(scene.context())["indexes"]["pypi"]["files"] == 2
    assert scene.clock.slept == [proof.PAUSE] * 3


def test_waiting_does_not_download_again_and_again(scene: Scene) -> None:
    """While one file is not listed yet, the others are not fetched at every look: a wheel may be large."""
    appear(scene, scene.journal.sealed[1], after=50)
    verify.apply(scene.context())
    assert sorted(scene.index.downloads) == [WHEEL, SDIST]


def test_waiting_has_an_end(scene: Scene) -> None:
    """After the project's `verify_timeout` the attempt is put off, not for ever in one step."""
    scene.project = replace(scene.project, verify_timeout=10.0)
    scene.index.stored.pop(SDIST)
    with pytest.raises(Transient, match="does not serve all of them yet"):
        verify.apply(scene.context())
    assert sum(scene.clock.slept) == 10.0


@pytest.mark.parametrize("served", [True, False])
def test_a_foreign_file_is_a_conflict_at_once(scene: Scene, *, served: bool) -> None:
    """A file in this version that was not built here is named, whether ours are there or not."""
    if not served:
        scene.index.stored.clear()
    scene.index.stored["demo-1.1.0-1-py3-none-any.whl"] = "0" * 64
    with pytest.raises(Conflict, match=r"not built here: demo-1\.1\.0-1-py3-none-any\.whl") as caught:
        verify.apply(scene.context())
    assert "token" in caught.value.advice
    assert scene.clock.slept == []


def test_other_bytes_by_the_listing(scene: Scene) -> None:
    """A listing with another digest than the sealed one is a conflict."""
    scene.index.listing[WHEEL] = "0" * 64
    with pytest.raises(Conflict, match=f"serves {WHEEL} with other bytes"):
        verify.apply(scene.context())


def test_other_bytes_by_download_behind_a_true_listing(scene: Scene) -> None:
    """A mirror that lists our digest and serves something else is found, for the bytes are fetched."""
    scene.index.listing[WHEEL] = scene.index.stored[WHEEL]
    scene.index.stored[WHEEL] = "0" * 64
    with pytest.raises(Conflict, match=f"serves {WHEEL} with other bytes"):
        verify.apply(scene.context())


def test_a_listing_without_digests_is_judged_by_download(scene: Scene) -> None:
    """An index that gives no digests is verified by its bytes."""
    scene.index.listing = {WHEEL: None, SDIST: None}
    assert verify.apply(scene.context())["indexes"]["pypi"]["files"] == 2


def test_what_does_not_install_yet_is_looked_at_again(scene: Scene) -> None:
    """Served is not enough; but one bad moment of an index does not end a release: it is tried again."""
    scene.hosts.registered = [FakeHost(host_spec(), lambda _: Scripted(output=b"no match", exit_status=1))]
    with pytest.raises(Transient, match=r"demo==1\.1\.0 is served by pypi but does not install") as caught:
        verify.apply(scene.context())
    assert caught.value.advice == "releasd log 3 --step verify"
    assert scene.output("pypi") == "no match"


@pytest.mark.parametrize("files", [(FOREIGN_WHEEL, SDIST), (SDIST,)])
def test_a_release_without_a_wheel_for_this_machine_is_not_installed(files: tuple[str, ...]) -> None:
    """What cannot run here is not tried, and the evidence says so."""
    scene = Scene()
    for name in files:
        serve(scene, name)
    evidence = verify.apply(scene.context())
    assert evidence["indexes"]["pypi"]["installed"].startswith("not tried")
    assert scene.hosts.registered[0].tasks == []


def test_every_index_is_verified(scene: Scene) -> None:
    """A second index that serves other bytes fails the step."""
    scene.indexes["mirror"] = FakeIndex("mirror", stored={WHEEL: "0" * 64})
    scene.plan = replace(scene.plan, indexes=("pypi", "mirror"))
    with pytest.raises(Conflict, match="mirror serves"):
        verify.apply(scene.context())


def test_a_tag_only_release_verifies_nothing(scene: Scene) -> None:
    """Without an index there is nothing to look at."""
    scene.plan = replace(scene.plan, indexes=())
    assert verify.apply(scene.context()) == {"indexes": {}}


def test_the_scratch_folder_is_where_the_trial_runs(scene: Scene) -> None:
    """The task's folder is the attempt's own, which is removed afterwards."""
    scene.scratch = Path("/scratch/3-5")
    verify.apply(scene.context())
    assert scene.hosts.registered[0].tasks[0].dest == Path("/scratch/3-5")


def test_each_interpreter_that_is_here_installs_it(scene: Scene) -> None:
    """The script tries those that a wheel is for, and the evidence names those that were there."""
    said = b"releasd: installs for python3.12\nreleasd: installs for python3.13\n"
    scene.hosts.registered = [FakeHost(host_spec(), lambda _: Scripted(output=said))]
    evidence = verify.apply(scene.context())["indexes"]["pypi"]
    assert evidence["interpreters"] == ["python3.12", "python3.13"]
    (task,) = scene.hosts.registered[0].tasks
    assert "python3.12 python3.13" in task.script


def test_an_interpreter_that_no_wheel_is_for_is_not_tried() -> None:
    """Neither by the wheel's tags, nor by what it says of the Python that it requires."""
    scene = Scene()
    serve(scene, WHEEL, ">=3.13")
    verify.apply(scene.context())
    (task,) = scene.hosts.registered[0].tasks
    assert "python3.13" in task.script
    assert "python3.12" not in task.script


@pytest.mark.parametrize("said", ["", f"releasd: installs for python3.{NEWER}\n"])
def test_a_release_that_the_daemons_own_python_is_too_old_for(said: str) -> None:
    """Another interpreter that is here is taken, else its bytes are the proof: waiting would be for nothing."""
    scene = Scene()
    serve(scene, WHEEL, f">=3.{NEWER}")
    scene.index.rules = replace(scene.index.rules, gate="true")
    scene.plan = replace(scene.plan, smoke="demo")
    scene.hosts.registered = [FakeHost(host_spec(), lambda _: Scripted(output=said.encode()))]
    evidence = verify.apply(scene.context())["indexes"]["pypi"]
    why = "not tried: no wheel of this release is for an interpreter of the daemon's own machine"
    assert evidence["installed"] == ("demo==1.1.0" if said else f"{why} (requires-python >=3.{NEWER})")
    assert evidence["gate"] == "passed"
    assert (why in scene.output("pypi")) is not bool(said)
    (task,) = scene.hosts.registered[0].tasks
    assert sys.executable not in task.script
    assert f"python3.{NEWER}" in task.script


def test_a_release_that_asks_for_a_later_bugfix_release() -> None:
    """Neither the daemon's own interpreter nor another is taken whose last number is too low."""
    major, minor, micro = sys.version_info[:3]
    scene = Scene()
    serve(scene, WHEEL, f">={major}.{minor}.{micro + 1},!=3.{NEWER}.0")
    verify.apply(scene.context())
    (task,) = scene.hosts.registered[0].tasks
    assert f"sys.version_info[:3] in ((3, {NEWER}, 0),)" in task.script
    assert sys.executable not in task.script


def test_the_smoke_command_runs_where_the_index_was_installed_from(scene: Scene) -> None:
    """What the project calls working is asked of what users get; a failure is looked at again, not believed at once."""
    scene.plan = replace(scene.plan, smoke="demo --version")
    scene.hosts.registered = [
        FakeHost(host_spec(), lambda task: Scripted(exit_status=70 if "SMOKE" in task.env else 0))
    ]
    with pytest.raises(Transient, match=r"the smoke command fails with demo==1\.1\.0 from pypi"):
        verify.apply(scene.context())


def test_a_place_that_nothing_installs_from_is_proven_by_its_bytes(scene: Scene) -> None:
    """A private bucket serves bytes and no installation; the evidence says so, and a gate runs all the same."""
    scene.index.install_options = lambda: None
    scene.index.rules = replace(scene.index.rules, gate="true")
    evidence = verify.apply(scene.context())["indexes"]["pypi"]
    assert evidence == {"files": 2, "installed": "not tried: pypi is no place to install from", "gate": "passed"}
    (task,) = scene.hosts.registered[0].tasks
    assert task.env["RELEASD_INDEX"] == "pypi"
    assert "uv pip install" not in task.script
