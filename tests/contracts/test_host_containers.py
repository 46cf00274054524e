"""What a build in a container sees, may do and leaves, in docker, in podman and in podman without root."""

import shutil
from dataclasses import replace
from pathlib import Path

import psutil
import pytest

from releasd.errors import Permanent
from releasd.model import ContainerSpec
from support.boxes import Site, docker_engine, podman_engine, rootless_engine, site
from support.containers import HOLLOW_IMAGE, IMAGE
from support.hosts import make_tar, member

__all__ = ["docker_engine", "podman_engine", "rootless_engine", "site"]


@pytest.fixture
def source(site: Site) -> Path:
    """Sources of one old file, where the host's user can read them."""
    info = member("notes.txt")
    info.mtime = 1_000_000_000
    path = make_tar(site.place.workdir.parent / f"{site.place.mark}.tar", [(info, b"first\n")])
    path.chmod(0o644)
    return path


def test_files_come_back_and_the_folder_can_be_removed(site: Site) -> None:
    """What a build leaves belongs to the host's user: it is collected, and nothing stays (the fixture looks)."""
    made = site.run('mkdir -p deep/er && echo x > deep/er/file && chmod 500 deep && echo wheel > "$RELEASD_OUT/a.whl"')
    assert made.exit_status == 0
    assert [output.path.read_text() for output in made.outputs] == ["wheel\n"]


def test_every_host_shows_a_build_the_same_paths(site: Site, source: Path) -> None:
    """Folders, host name and variables are the same in each engine, for the bytes of a build may depend on them."""
    script = "pwd; hostname; env"
    seen = site.output(script, source=source, env={"SOURCE_DATE_EPOCH": "7"}).splitlines()
    assert seen[:2] == ["/releasd/src", "releasd"]
    fixed = {"HOME=/releasd/home", "TMPDIR=/tmp", "LANG=C.UTF-8", "RELEASD_OUT=/releasd/out", "SOURCE_DATE_EPOCH=7"}
    assert fixed <= set(seen)


def test_sources_and_image_are_read_only_and_the_script_has_a_copy(site: Site, source: Path) -> None:
    """A build may write into its tree, which is a copy with the files' times, and into neither sources nor image."""
    seen = site.output(
        "ls -l --full-time notes.txt 2>/dev/null || ls -le notes.txt; echo more >> notes.txt; cat notes.txt\n"
        "for place in /releasd/sources /releasd/inputs / /bin; do touch $place/x 2>/dev/null && echo wrote $place\n"
        "done; : > /tmp/x; : > /var/tmp/y; : > ~/z; echo fine",
        source=source,
    )
    assert "2001" in seen.splitlines()[0]
    assert seen.splitlines()[1:] == ["first", "more", "fine"]


def test_a_build_has_no_rights_and_no_network(site: Site) -> None:
    """No capability in any set, none to be gained by a set-uid program, and no device but the loop."""
    seen = site.output("grep -E 'Cap|NoNewPrivs' /proc/self/status; tail -n +3 /proc/net/dev; id -u")
    facts = dict(line.replace(":", "").split()[:2] for line in seen.splitlines()[:6])
    assert {facts[name] for name in ("CapInh", "CapPrm", "CapEff", "CapBnd")} == {"0" * 16}
    assert facts["NoNewPrivs"] == "1"
    devices = {line.split(":")[0].strip() for line in seen.splitlines() if ":" in line and "Cap" not in line}
    assert devices - {"NoNewPrivs"} <= {"lo", "sit0", "tunl0", "ip6tnl0"}


def test_a_network_is_there_for_those_who_ask(site: Site) -> None:
    """With `network = "default"` the engine's own network is there (the tests' docker has none to give)."""
    if site.engine.user:
        seen = site.output("cat /proc/net/dev", container=ContainerSpec(image=IMAGE, network="default"))
        assert "tap0:" in seen


def test_neither_script_nor_variables_reach_the_engine(site: Site) -> None:
    """They are in no argument of any process and not in the client's environment, where they could act on the host."""
    canary = f"canary{site.place.mark}"
    env = {"CANARY": canary, "DOCKER_HOST": "tcp://127.0.0.1:1", "CONTAINERS_CONF": "/nowhere", "LD_PRELOAD": "/x.so"}
    found: list[str] = []

    def look() -> bool:
        for process in psutil.process_iter(["name"]):
            try:
                is_client = process.info["name"] in {"docker", "podman", "conmon"}
                shown = " ".join(
                    [
                        *process.cmdline(),
                        *(process.environ() if is_client else ()),
                        *(process.environ().values() if is_client else ()),
                    ]
                )
            except (psutil.NoSuchProcess, psutil.AccessDenied):
                continue
            found.extend([shown] if canary in shown else [])
        return False

    script = f"# {canary}\nsleep 1; unset LD_PRELOAD; echo $DOCKER_HOST $CANARY"
    task = site.place.task(script, env=env, container=ContainerSpec(image=IMAGE))
    seen: list[bytes] = []
    assert site.place.host.run(task, seen.append, look).exit_status == 0
    assert f"tcp://127.0.0.1:1 {canary}" in b"".join(seen).decode()
    assert found == []


def test_values_arrive_as_they_are(site: Site) -> None:
    """Quotes, line ends and dollars of a variable are the script's; the container's own overrule the build's."""
    odd = "a 'b' \"c\" $HOME `id`\nsecond"
    box = ContainerSpec(image=IMAGE, env={"WHO": "container"})
    assert (
        site.output('echo "$ODD"; echo $WHO', env={"ODD": odd, "WHO": "build"}, container=box) == f"{odd}\ncontainer\n"
    )


def test_the_evidence_is_the_image_that_ran(site: Site) -> None:
    """The image's id is that of the engine, whatever name was given; the name is told beside it."""
    evidence = site.run("true").evidence
    assert (evidence["engine"], evidence["image"]) == (site.engine.name, IMAGE)
    assert evidence["image_id"] == site.engine.image_id(IMAGE)
    by_id = site.run("true", container=ContainerSpec(image=evidence["image_id"], pull="never"))
    assert (by_id.exit_status, by_id.evidence["image_id"]) == (0, evidence["image_id"])


def test_the_scripts_exit_status_is_the_builds(site: Site) -> None:
    """Also one that the engines use for failures of their own."""
    assert [site.run(f"exit {status}").exit_status for status in (0, 3, 125, 127)] == [0, 3, 125, 127]


def test_output_comes_while_the_build_runs_and_loses_nothing(site: Site) -> None:
    """Both streams are passed on in full, a few megabytes as well."""
    seen = site.output("echo begin; echo loud >&2; dd if=/dev/zero bs=1024 count=4096 2>/dev/null; echo end")
    assert "begin" in seen[:20]
    assert "loud" in seen
    assert seen.endswith("end\n")
    assert seen.count("\0") == 4096 * 1024


def test_limits_are_kept_or_refused(site: Site) -> None:
    """Memory, processors and processes are limited as asked; an engine that cannot do it says so and runs nothing."""
    box = ContainerSpec(image=IMAGE, memory=64 << 20, cpus=0.5, pids=20)
    files = "memory/memory.limit_in_bytes memory.max cpu/cpu.cfs_quota_us cpu/cpu.cfs_period_us cpu.max"
    script = f"cd /sys/fs/cgroup; cat {files} pids/pids.max pids.max 2>/dev/null || true"
    if not site.engine.has_limits:
        with pytest.raises(Permanent, match="cannot keep the limits memory, cpus, pids"):
            site.run(script, container=box)
        return
    memory, quota, period, pids = map(int, site.output(script, container=box).split())
    assert (memory, quota / period, pids) == (64 << 20, 0.5, 20)
    result = site.run("i=0; while [ $i -lt 40 ]; do sleep 2 & i=$((i+1)); done; wait", container=box)
    assert result.exit_status != 0


def test_too_much_memory_is_told_as_such(site: Site) -> None:
    """A child that the kernel kills for its memory is not just some failure."""
    if not site.engine.has_limits:
        return
    box = ContainerSpec(image=IMAGE, memory=32 << 20)
    hungry = "dd if=/dev/zero of=/dev/null bs=150M count=1"
    for script in (hungry, f"{hungry} || exit 101"):
        result = site.run(script, container=box)
        assert (result.why, result.exit_status != 0) == ("memory", True)


def test_a_probe_says_what_a_container_would_lack(site: Site) -> None:
    """An image that is there is fine; one that is not has to be pulled, or is a reason where it never is."""
    host = site.place.host
    there = host.probe(["sh"], ContainerSpec(image=IMAGE))
    assert (there.container_problem, there.is_image_absent) == (None, False)
    away = host.probe([], ContainerSpec(image="localhost/nothing:1"))
    assert (away.container_problem, away.is_image_absent) == (None, True)
    never = host.probe([], ContainerSpec(image="localhost/nothing:1", pull="never"))
    assert never.container_problem == 'lacks the image localhost/nothing:1, and pull = "never"'


def test_an_image_is_looked_into_once(site: Site) -> None:
    """Which tools it has is asked of a container, and not again of these bytes; another PATH is another answer."""
    host, box = site.place.host, ContainerSpec(image=IMAGE)
    images = site.place.workdir.parent / "images"
    assert host.probe([], box, inside=["sh", "maturin"]).image_missing == ("maturin",)
    (memory,) = images.iterdir()
    memory.write_text(memory.read_text().replace('"sh": true', '"sh": false'))
    assert host.probe([], box, inside=["sh", "maturin", "cat"]).image_missing == ("maturin", "sh")
    assert host.probe([], replace(box, env={"PATH": "/bin"}), inside=["sh"]).image_missing == ()
    assert len(list(images.iterdir())) == 2
    hollow = host.probe([], ContainerSpec(image=HOLLOW_IMAGE), inside=["sh"])
    assert "cannot run a container of this image" in (hollow.container_problem or "")
    shutil.rmtree(images)


def test_a_host_without_a_usable_engine_says_why(site: Site) -> None:
    """Nothing installed, or a daemon that is not there: the words name the program and the cause."""
    host = type(site.place.host)(replace(site.place.host.spec, path="/nowhere", engine=None))
    problem = host.probe([], ContainerSpec(image=IMAGE)).container_problem
    assert problem == "containers cannot be run: docker is not installed, and podman is not installed"
    lost = {**site.engine.env, "DOCKER_HOST": "unix:///nowhere/docker.sock"}
    host = type(site.place.host)(replace(site.place.host.spec, env=lost, engine="docker"))
    problem = host.probe([], ContainerSpec(image=IMAGE)).container_problem or ""
    assert problem.startswith("containers cannot be run: docker cannot be used (")
    with pytest.raises(Permanent, match="docker cannot be used"):
        host.run(site.place.task("true", container=ContainerSpec(image=IMAGE)), lambda _: None, lambda: False)


def test_a_host_takes_the_other_engine_where_the_first_does_not_answer(site: Site) -> None:
    """Where docker is installed and its daemon is not there, podman is taken."""
    if site.engine.name == "docker":
        return
    lost = {**site.engine.env, "DOCKER_HOST": "unix:///nowhere/docker.sock"}
    host = type(site.place.host)(replace(site.place.host.spec, env=lost, engine=None))
    result = host.run(site.place.task("true", container=ContainerSpec(image=IMAGE)), lambda _: None, lambda: False)
    assert result.evidence["engine"] == "podman"
