"""`check`: nobody sees a file before it is known to be good."""

from dataclasses import replace
from pathlib import Path

import pytest
from packaging.tags import parse_tag

from releasd.errors import CheckFailed, Denied, HostLost, Transient
from releasd.model import IndexRules
from releasd.ports import Probe
from releasd.steps import check, trial
from support.dist import METADATA, sdist, wheel, wheel_name
from support.fakehost import FakeHost, Scripted
from support.fakeports import FakeHosts, FakeIndex, Scene, host_spec

SDIST = "my_demo-1.2.0.tar.gz"
LINUX = "cp311-cp311-manylinux_2_17_x86_64"


@pytest.fixture
def scene(tmp_path: Path) -> Scene:
    """Return a release of a good wheel and a good sdist."""
    made = Scene(tmp_path)
    made.release_commit()
    made.plan = replace(made.plan, distribution="my-demo", version="1.2.0", pep440="1.2.0")
    made.seal(wheel_name(), wheel().getvalue())
    made.seal(SDIST, sdist().getvalue())
    return made


def tasks(scene: Scene) -> list[str]:
    """Return the scripts that were run, by host."""
    return [f"{host.spec.name}: {task.script}" for host in scene.hosts.registered for task in host.tasks]


def _each(tag: str) -> list[str]:
    """Return a compressed tag's parts, as a WHEEL file has them."""
    return sorted(map(str, parse_tag(tag)))


def test_checking_is_always_done_again(scene: Scene) -> None:
    """It changes nothing, so memory is no evidence."""
    assert check.observe(scene.context()) is None


def test_good_files_pass(scene: Scene) -> None:
    """Every file is judged; the wheel is installed and imported, and the evidence says where."""
    evidence = dict(check.apply(scene.context()))
    assert set(evidence.pop("attachments")) == {"SHA256SUMS", "provenance.intoto.json", "sbom.cdx.json"}
    assert evidence == {"files": [wheel_name(), SDIST], "installed": {wheel_name(): "one"}}


def test_the_wheel_is_imported_away_from_the_sources(scene: Scene) -> None:
    """The trial gets the wheel alone, in a fresh environment, and imports by the interpreter in isolation."""
    check.apply(scene.context())
    (task,) = scene.hosts.registered[0].tasks
    assert "-I -c 'import my_demo'" in task.script
    assert [path.name for path in task.inputs] == [wheel_name()]
    assert task.source is None


def test_all_problems_are_told_together(scene: Scene) -> None:
    """Whoever fixes them needs to know all of them, and each one's file."""
    scene.plan = replace(scene.plan, version="2.0.0", pep440="2.0.0")
    with pytest.raises(CheckFailed) as caught:
        check.apply(scene.context())
    assert f"{wheel_name()}: its name says version 1.2.0" in caught.value.message
    assert f"{SDIST}: its metadata has version 1.2.0" in caught.value.message
    assert tasks(scene) == []


def test_two_sdists_are_one_too_many(scene: Scene) -> None:
    """An index takes one sdist for a release."""
    scene.seal("my-demo-1.2.0.tar.gz", sdist().getvalue())
    with pytest.raises(CheckFailed, match="takes one sdist for a release, these are 2"):
        check.apply(scene.context())


def test_a_wheel_without_modules_only_has_to_install(scene: Scene) -> None:
    """Scripts, data or a namespace: that it installs is all there is to see."""
    scene.journal.sealed = []
    scene.seal(wheel_name(), wheel({"my_demo-1.2.0.data/scripts/tool": "#!python\n"}).getvalue())
    check.apply(scene.context())
    assert "'import sys'" in tasks(scene)[0]


def test_what_does_not_import_fails(scene: Scene) -> None:
    """An import that fails is told with its file, its host and where to read why."""
    scene.hosts = FakeHosts([FakeHost(host_spec(), lambda _: Scripted(output=b"ImportError", exit_status=1))])
    with pytest.raises(CheckFailed, match="does not import on one") as caught:
        check.apply(scene.context())
    assert caught.value.advice == "releasd log 3 --step check"
    assert scene.output(wheel_name()) == "ImportError"


def test_a_trial_that_hangs_fails(scene: Scene) -> None:
    """An import that never ends is ended and is no success."""
    scene.hosts = FakeHosts([FakeHost(host_spec(), lambda _: Scripted(hangs=True))])
    with pytest.raises(CheckFailed):
        check.apply(scene.context())


@pytest.fixture
def native(scene: Scene) -> Scene:
    """Return the scene with a Linux wheel that the host `big` built."""
    scene.journal.sealed = []
    scene.seal(wheel_name(LINUX), wheel(tags=[LINUX]).getvalue(), host="big")
    return scene


def test_a_native_wheel_is_tried_where_it_was_built(native: Scene) -> None:
    """The host that built it is asked first, whatever the order of registration."""
    native.hosts = FakeHosts([FakeHost(host_spec(name, "linux", "x86_64")) for name in ("small", "big")])
    assert check.apply(native.context())["installed"] == {wheel_name(LINUX): "big"}


def test_another_host_of_the_platform_will_do(native: Scene) -> None:
    """When the builder is gone, any host with the platform's labels tries the wheel."""
    lost = FakeHost(host_spec("big", "linux", "x86_64"), lambda _: Scripted(error=HostLost("gone")))
    native.hosts = FakeHosts([lost, FakeHost(host_spec("small", "linux", "x86_64"))])
    assert check.apply(native.context())["installed"] == {wheel_name(LINUX): "small"}


class Shut(FakeHost):
    """A host that refuses us."""

    def probe(self, *_: object, **__: object) -> Probe:
        raise Denied("one refused our key")


def test_a_builder_that_refuses_us_is_passed_over(native: Scene) -> None:
    """Another host can say as much about the wheel."""
    musl = wheel_name("cp311-cp311-musllinux_1_2_x86_64")
    native.journal.sealed = []
    native.seal(musl, wheel(tags=["cp311-cp311-musllinux_1_2_x86_64"]).getvalue(), host="big")
    shut = Shut(host_spec("big", "linux"), lambda _: Scripted(error=Denied("one refused our key")))
    native.hosts = FakeHosts([shut, FakeHost(host_spec("small", "linux", "x86_64", "musl"))])
    assert check.apply(native.context())["installed"] == {musl: "small"}


def test_a_drained_host_tries_a_wheel_only_where_no_other_can(native: Scene) -> None:
    """What runs on it is to be finished, and a release is not finished without its check."""
    native.hosts = FakeHosts([FakeHost(host_spec(name, "linux", "x86_64")) for name in ("big", "small")])
    native.journal.out = {"big": "is drained"}
    assert check.apply(native.context())["installed"] == {wheel_name(LINUX): "small"}
    native.hosts = FakeHosts(native.hosts.registered[:1])
    assert check.apply(native.context())["installed"] == {wheel_name(LINUX): "big"}


def test_all_hosts_lost_is_put_off(native: Scene) -> None:
    """Nothing is known about the wheel, so the attempt is repeated, not failed."""
    native.hosts = FakeHosts(
        [FakeHost(host_spec("big", "linux", "x86_64"), lambda _: Scripted(error=HostLost("gone")))]
    )
    with pytest.raises(HostLost, match="no able host can be reached"):
        check.apply(native.context())


def test_a_wheel_that_was_cross_compiled(native: Scene) -> None:
    """No host is of its platform, which is why it was: it is not tried, log and evidence say so, and nothing fails."""
    tag = "cp39-abi3-manylinux_2_17_aarch64.manylinux2014_aarch64"
    native.seal(wheel_name(tag), wheel(tags=_each(tag)).getvalue(), host="big")
    native.hosts = FakeHosts([FakeHost(host_spec("big", "linux", "x86_64", "zig"))])
    said = "not tried: no host of that platform (manylinux2014_aarch64, manylinux_2_17_aarch64)"
    assert check.apply(native.context())["installed"] == {wheel_name(LINUX): "big", wheel_name(tag): said}
    assert said in native.output(wheel_name(tag))


def test_a_wheel_for_two_processors(native: Scene) -> None:
    """A host of either will do: none is of both."""
    tag = "cp39-abi3-macosx_10_12_x86_64.macosx_11_0_arm64.macosx_10_12_universal2"
    native.journal.sealed = []
    native.seal(wheel_name(tag), wheel(tags=_each(tag)).getvalue(), host="gone")
    native.hosts = FakeHosts([FakeHost(host_spec("mini", "macos", "arm64"))])
    assert check.apply(native.context())["installed"] == {wheel_name(tag): "mini"}


def test_a_wheel_for_musl_is_not_tried_with_glibc(native: Scene) -> None:
    """Its builder is asked which C library it has; another host has to say so by its labels."""
    tag = "cp39-abi3-musllinux_1_2_x86_64"
    native.journal.sealed = []
    native.seal(wheel_name(tag), wheel(tags=[tag]).getvalue(), host="big")
    hosts = [FakeHost(host_spec("big", "linux", "x86_64")), FakeHost(host_spec("debian", "linux", "x86_64"))]
    native.hosts = FakeHosts(hosts)
    said = "not tried: no host of that platform (musllinux_1_2_x86_64)"
    assert check.apply(native.context())["installed"] == {wheel_name(tag): said}
    native.hosts = FakeHosts([*hosts, FakeHost(host_spec("alpine", "linux", "x86_64", "musl"))])
    assert check.apply(native.context())["installed"] == {wheel_name(tag): "alpine"}


def test_a_builder_that_is_away_is_waited_for(native: Scene) -> None:
    """What it is cannot be asked: that is no reason to release a wheel untried."""
    gone = HostLost("gone")
    native.hosts = FakeHosts([FakeHost(host_spec("big", "docker"), lambda _: Scripted(error=gone), probe_error=gone)])
    with pytest.raises(HostLost, match="no able host can be reached"):
        check.apply(native.context())


def test_the_builder_tries_its_own_wheel_whatever_its_labels_say(native: Scene) -> None:
    """An SSH host has only the labels that its operator wrote; what it is, its probe says."""
    native.hosts = FakeHosts([FakeHost(host_spec("big", "linux", "docker"))])
    assert check.apply(native.context())["installed"] == {wheel_name(LINUX): "big"}


def test_a_trial_keeps_to_the_hosts_allowed_for_the_project(native: Scene) -> None:
    """A host that the operator excluded never imports this project's code."""
    native.project = replace(native.project, hosts=("big",))
    lost = FakeHost(host_spec("big", "linux", "x86_64"), lambda _: Scripted(error=HostLost("gone")))
    native.hosts = FakeHosts([lost, FakeHost(host_spec("small", "linux", "x86_64"))])
    with pytest.raises(HostLost):
        check.apply(native.context())


def test_a_wheel_that_does_not_install_is_put_off(scene: Scene) -> None:
    """A dependency may not have come: the budget of attempts decides, not the first try."""
    scene.hosts = FakeHosts([FakeHost(host_spec(), lambda _: Scripted(exit_status=trial.NOT_INSTALLED))])
    with pytest.raises(Transient, match="does not install on one"):
        check.apply(scene.context())


def test_a_wheel_for_one_interpreter_is_tried_with_that_one(scene: Scene) -> None:
    """A cp312 wheel needs Python 3.12; a host without it says so, and the release goes on."""
    tag = "cp312-cp312-any"
    scene.journal.sealed = []
    scene.seal(wheel_name(tag), wheel(tags=[tag]).getvalue())
    assert list(check.apply(scene.context())["installed"].values()) == ["one"]
    assert "cpython==3.12.*" in tasks(scene)[0]

    said = "one has no Python that it is for (cpython==3.12.*)"
    scene.hosts = FakeHosts([FakeHost(host_spec(), lambda _: Scripted(exit_status=trial.NO_INTERPRETER))])
    assert list(check.apply(scene.context())["installed"].values()) == [f"not tried: {said}"]
    assert said in scene.output(wheel_name(tag))


def test_a_host_without_uv(scene: Scene) -> None:
    """Nothing is known about the wheel then, so it is not passed."""
    scene.hosts = FakeHosts([FakeHost(host_spec(), lambda _: Scripted(exit_status=trial.NO_ENVIRONMENT))])
    with pytest.raises(CheckFailed, match="can be made on one"):
        check.apply(scene.context())


def test_the_interpreter_is_one_that_the_metadata_allows(scene: Scene) -> None:
    """A pure wheel says nothing in its name of the Python that it needs."""
    scene.journal.sealed = []
    scene.seal(wheel_name(), wheel(metadata=f"{METADATA}Requires-Python: >=3.13\n").getvalue())
    check.apply(scene.context())
    assert "for wanted in '<4,>=3,>=3.13'" in tasks(scene)[0]


def test_each_wheel_is_tried_by_itself(scene: Scene) -> None:
    """Two wheels make two trials under two ids: one cannot stand in for the other."""
    scene.seal(wheel_name("py2.py3-none-any"), wheel(tags=["py2-none-any", "py3-none-any"]).getvalue())
    check.apply(scene.context())
    ids = [task.id for task in scene.hosts.registered[0].tasks]
    assert len(ids) == len(set(ids)) == 2


def test_the_smoke_command_runs_in_the_trial_environment(scene: Scene) -> None:
    """It is handed over as it was written, and runs after the import, with the environment's programs first."""
    scene.plan = replace(scene.plan, smoke='demo --version | grep "it\'s"')
    check.apply(scene.context())
    (task,) = scene.hosts.registered[0].tasks
    assert task.env["SMOKE"] == 'demo --version | grep "it\'s"'
    assert task.script.index("import my_demo") < task.script.index('sh -euc "$SMOKE"')


def test_a_smoke_command_that_fails(scene: Scene) -> None:
    """It is told apart from an import that fails."""
    scene.plan = replace(scene.plan, smoke="demo")
    scene.hosts = FakeHosts([FakeHost(host_spec(), lambda _: Scripted(exit_status=trial.SMOKED))])
    with pytest.raises(CheckFailed, match="the smoke command fails with"):
        check.apply(scene.context())


def test_files_are_held_to_the_strictest_of_their_indexes(scene: Scene) -> None:
    """One index that takes little is one that would refuse, after the tag."""
    tag = "cp311-cp311-linux_x86_64"
    scene.hosts = FakeHosts([FakeHost(host_spec("one", "linux", "x86_64"))])
    scene.seal(wheel_name(tag), wheel(tags=[tag]).getvalue())
    scene.indexes = {"pypi": FakeIndex(), "own": FakeIndex(rules=IndexRules(pypi_rules=False))}
    scene.plan = replace(scene.plan, indexes=("own",))
    assert wheel_name(tag) in check.apply(scene.context())["files"]
    scene.plan = replace(scene.plan, indexes=("own", "pypi"))
    with pytest.raises(CheckFailed, match="linux_x86_64 is refused"):
        check.apply(scene.context())


def test_an_sdist_is_held_to_the_release_commit(scene: Scene) -> None:
    """What the build swept in stops the release, before the tag, unless the project says that its build makes it."""
    scene.journal.sealed = []
    scene.seal(SDIST, sdist({"my_demo-1.2.0/.env": "TOKEN=1"}).getvalue())
    with pytest.raises(CheckFailed, match=r"not in the release commit: \.env"):
        check.apply(scene.context())
    scene.plan = replace(scene.plan, sdist_generated=(".env",))
    check.apply(scene.context())
    assert "it leaves out tracked files: pyproject.toml" in scene.output("judge")
