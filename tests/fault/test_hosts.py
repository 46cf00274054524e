"""Three build hosts at addresses of their own, a real daemon, and each thing that may happen to one of them.

After each, nothing is left on any host: no folder, no process. The release is whole, or says honestly why it is not.
"""

import json
import re
import secrets
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

import psutil
import pytest

from support.netns import Farm, NetHost, farm
from support.packages import MAKE
from support.parts import eventually
from support.stage import OVER, Stage
from support.tools import lacking
from support.truth import assert_audited, assert_released, assert_untouched

__all__ = ["farm"]

pytestmark = pytest.mark.slow

NAMES = ("one", "two", "three")
# Prints numbered lines until this start of it is let go; what it leaves in the background, nobody finds by its
# environment or its session.
TALK = """
{first}
(env -i setsid sleep {mark} &)
echo once >>{folder}/starts-{name}; start=$(wc -l <{folder}/starts-{name})
i=0; until [ -e {folder}/go-{name}-$start ]; do i=$((i + 1)); echo "{name} line $i"; sleep 0.1; done
yes "{name} says so" | head -c {much}; echo
{make}
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Field:
    """A stage whose builds run on three hosts of a farm. `mark`: the seconds that only its builds sleep for."""

    stage: Stage
    hosts: tuple[NetHost, ...]
    mark: str

    def begin(self, first: str = "", much: Mapping[str, int] = MappingProxyType({})) -> str:
        """Start the daemon and a release; its builds do `first` first, and print `much`. Return what main is at."""
        for name in NAMES:
            says = {
                "name": name,
                "first": first,
                "much": much.get(name, 100),
                "mark": self.mark,
                "folder": self.stage.folder,
            }
            self.stage.build_with(TALK.format(make=MAKE, **says), labels=["linux"])
        self.stage.start()
        self.stage.push("feat: more")
        return self.stage.main()

    def wait_running(self) -> None:
        """Wait until each build talks, each on a host of its own."""
        self.stage.wait_for(lambda job: job["state"] in OVER or all(self.numbers(name) for name in NAMES))
        assert len({self.host_of(name) for name in NAMES}) == len(NAMES)

    def host_of(self, name: str) -> NetHost:
        """Return the host on which a build runs."""
        (found,) = (b for b in self.stage.job(1)["builds"] if b["name"] == f"build{NAMES.index(name)}")
        return next(host for host in self.hosts if host.name == found["host"])

    def numbers(self, name: str) -> list[int]:
        """Return the numbers of a build's lines, in the order of the log."""
        return [int(n) for n in re.findall(rf"^{name} line (\d+)$", self.stage.log_text(1), re.MULTILINE)]

    def starts(self, name: str) -> int:
        """Return how many times a build was begun."""
        return len((self.stage.folder / f"starts-{name}").read_text().splitlines())

    def let_go(self, name: str, start: int = 1) -> None:
        """Have this start of a build come to its end."""
        (self.stage.folder / f"go-{name}-{start}").touch()

    def assert_begun_once(self, *names: str) -> None:
        """Fail unless each of these was begun once, and each of its lines is in the log once, in its place."""
        for name in names:
            assert self.starts(name) == 1
            found = self.numbers(name)
            assert found == list(range(1, len(found) + 1))

    def assert_nothing_left(self) -> None:
        """Fail where one of the hosts still has a folder or a process of a build; a leash has time to end."""
        try:
            eventually(lambda: not self.left(), "nothing left on any host", pause=0.2)
        except AssertionError:
            raise AssertionError(f"left: {self.left()}\n{self.stage.daemon.tail()}") from None

    def left(self) -> list[str]:
        """Return what is still there of the builds."""
        folders = [self.workdir(host) for host in self.hosts]
        files = [str(path) for folder in folders if folder.exists() for path in folder.iterdir()]
        return files + [
            str(process) for process in psutil.process_iter(["cmdline", "status"]) if self._is_ours(process)
        ]

    def _is_ours(self, process: psutil.Process) -> bool:
        return self.mark in (process.info["cmdline"] or ()) and process.info["status"] != psutil.STATUS_ZOMBIE

    def workdir(self, host: NetHost) -> Path:
        """Return the folder in which a host makes those of its builds."""
        return self.stage.folder / host.name / "builds"


@pytest.fixture
def field(farm: Farm, make_stage: Callable[..., Stage]) -> Iterator[Field]:
    """Three hosts, two slots each; everything of the stage runs in the client's namespace, as this thread does."""
    stage = make_stage()
    made = Field(stage=stage, hosts=farm.hosts, mark=f"9{secrets.randbelow(10**8):08d}")
    stage.config["hosts"] = {
        host.name: {
            "address": f"root@{host.address}",
            "port": 2222,
            "identity": str(host.folder / "client_key"),
            "known_hosts": str(host.folder / "known_hosts"),
            "path": stage.environ["PATH"],
            "workdir": str(made.workdir(host)),
            "labels": ["linux"],
            "slots": 2,
            "leash": 8,
            "lost_after": 5,
        }
        for host in farm.hosts
    }
    yield made
    made.assert_nothing_left()


# How a host is lost in the middle of a build, and what the log says of it.
LOSSES: dict[str, tuple[Callable[[NetHost], None], str]] = {
    "link cut on both sides": (NetHost.cut, "cannot be reached"),
    "link cut on one side": (NetHost.mute, "cannot be reached"),
    "another key": (NetHost.rekey, r"has changed: SHA256:\S+ is known, it showed SHA256:\S+"),
}


@pytest.mark.parametrize("how", LOSSES)
def test_a_host_that_is_lost_costs_its_own_build_a_second_start(field: Field, how: str) -> None:
    """Its build moves to another host and the release is whole; the two others notice nothing."""
    act, told = LOSSES[how]
    field.begin()
    field.wait_running()
    lost = field.host_of("one")
    act(lost)
    for name, start in (("one", 2), ("two", 1), ("three", 1)):
        field.let_go(name, start)
    job = field.stage.wait_over()
    assert_released(field.stage, job, "1.1.0")
    field.assert_nothing_left()  # while the host is still cut off: it ended its build by itself
    assert field.starts("one") == 2
    assert field.host_of("one") != lost
    field.assert_begun_once("two", "three")
    assert re.search(rf"{lost.name} is passed over: .*{told}", field.stage.said(1)), field.stage.said(1)


def test_hosts_that_all_show_other_keys_get_nothing_and_the_job_fails(field: Field) -> None:
    """What a killed daemon left there ends by itself; the reason has both fingerprints of each host."""
    main = field.begin()
    field.wait_running()
    field.stage.daemon.kill()
    for host in field.hosts:
        host.rekey()
    field.stage.daemon.start()
    job = field.stage.wait_over()
    assert job["state"] == "failed"
    for host in field.hosts:
        assert re.search(
            rf"the key of host {host.name} [^;]* has changed: SHA256:\S+ is known, it showed SHA256:\S+", job["reason"]
        )
    assert_untouched(field.stage, main)
    field.assert_nothing_left()


@pytest.fixture
def small_disk(field: Field) -> Iterator[NetHost]:
    """The first host has little more room than preflight asks for."""
    folder = field.workdir(field.hosts[0])
    folder.mkdir(parents=True)
    command = ("mount", "-t", "tmpfs", "-o", "size=260m", "tmpfs", folder)
    if subprocess.run(command, check=False, timeout=30).returncode:
        lacking("a full disk needs the right to mount a tmpfs")
    yield field.hosts[0]
    field.stage.close()
    field.assert_nothing_left()
    subprocess.run(("umount", folder), check=True, timeout=30)


def test_a_full_disk_moves_the_build_to_another_host(field: Field, small_disk: NetHost) -> None:
    """The build that filled it is made elsewhere; the host says why it takes nothing, and what was there is removed."""
    for name in NAMES:
        field.let_go(name)
    where = field.workdir(small_disk)
    field.begin(f'case "$PWD" in {where}/*) touch {field.stage.folder}/filled; cat /dev/zero >filler || exit 1;; esac')
    job = field.stage.wait_over()
    assert_released(field.stage, job, "1.1.0")
    assert (field.stage.folder / "filled").exists()
    assert small_disk.name not in {build["host"] for build in job["builds"]}
    assert re.search(
        rf"{small_disk.name} is passed over: the disk of host {small_disk.name} is full", field.stage.said(1)
    )
    quarantined = field.stage.wait_event("host.quarantined")  # until it was looked at again, with room
    assert (quarantined["host"], "is full" in quarantined["reason"]) == (small_disk.name, True)
    field.assert_nothing_left()


# Starts the runner in a Python whose clock is a day ahead.
FAST = """#!/bin/sh
test "$1 $2 $3" = "-I -S -c" || exec /usr/bin/python3 "$@"
exec /usr/bin/python3 -I -S -c "import time; real = time.time; time.time = lambda: real() + 86400
time.time_ns = lambda: int(time.time() * 1e9)
$4"
"""


def test_a_clock_that_is_a_day_off_is_told_and_costs_nothing(field: Field) -> None:
    """No limit, no leash and no decision depends on it, nor does anything that was released."""
    fast = field.hosts[0]
    fast.put_before("python3", FAST)
    field.begin()
    field.wait_running()
    for name in NAMES:
        field.let_go(name)
    assert_released(field.stage, field.stage.wait_over(), "1.1.0")
    field.assert_begun_once(*NAMES)
    probed = json.loads(field.stage.run("hosts", "probe", "--json").stdout)
    offsets = {host["name"]: host["clock_offset"] for host in probed["hosts"]}
    assert {name: round(offset / 86400) for name, offset in offsets.items()} == {"host0": 1, "host1": 0, "host2": 0}
    assert [line.split()[0] for line in field.stage.run("hosts").stdout.splitlines() if "is 24 h fast" in line] == [
        fast.name
    ]
    field.assert_nothing_left()


def test_a_cancelled_release_ends_builds_that_ignore_sigterm(field: Field) -> None:
    """On all three hosts at once, within the seconds that an end is given; nothing of it is public."""
    main = field.begin("trap '' TERM")
    field.wait_running()
    begun = time.monotonic()
    assert field.stage.run("cancel", "1").returncode == 0
    assert field.stage.wait_over()["state"] == "cancelled"
    field.assert_nothing_left()
    assert time.monotonic() - begun < 30
    assert_untouched(field.stage, main)
    assert_audited(field.stage)


def test_a_killed_daemon_finds_its_three_builds_again(field: Field) -> None:
    """Each goes on at its host and is attached to by the next daemon: begun once, and no line of it is lost."""
    for host in field.stage.config["hosts"].values():
        host["leash"] = 120  # longer than any machine needs for the next daemon
    field.begin()
    field.wait_running()
    before = {name: field.host_of(name) for name in NAMES}
    field.stage.daemon.kill()
    field.stage.daemon.start()
    eventually(lambda: [event["event"] for event in field.stage.events()].count("build.attached") == len(NAMES), "all")
    for name in NAMES:
        field.let_go(name)
    job = field.stage.wait_over()
    assert_released(field.stage, job, "1.1.0")
    assert [build["attempts"] for build in job["builds"]] == [1, 1, 1]
    assert {name: field.host_of(name) for name in NAMES} == before
    field.assert_begun_once(*NAMES)
    field.assert_nothing_left()


def test_a_slow_host_is_no_lost_one(field: Field) -> None:
    """With 2 Mbit/s all takes longer, and works: sources there, output and files back; nothing is begun again."""
    field.hosts[0].slow("2mbit")
    assert_all_said(field, dict.fromkeys(NAMES, 200_000))


def test_a_build_may_say_100_mb(field: Field) -> None:
    """All of it is in the log, and the builds beside it are not kept waiting for ever."""
    assert_all_said(field, {"one": 100_000_000})


def assert_all_said(field: Field, much: Mapping[str, int]) -> None:
    """Fail unless a release comes about whose builds print so many bytes, of which none is lost."""
    field.begin(much=much)
    field.wait_running()
    for name in NAMES:
        field.let_go(name)
    assert_released(field.stage, field.stage.wait_over(), "1.1.0")
    field.assert_begun_once(*NAMES)
    said = field.stage.log_text(1)
    for name, size in much.items():
        assert said.count(f"{name} says so\n") == size // len(f"{name} says so\n")
    field.assert_nothing_left()
