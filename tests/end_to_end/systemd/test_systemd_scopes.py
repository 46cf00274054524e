"""Each build has a scope under a real systemd: all that it starts is in there, and nothing outlives it."""

from support.systemd import Machine, wait_until

# What the daemon does for one build. The build's child has neither its variables nor its session.
DRIVER = """
import pathlib, sys
from releasd.adapters.local import LocalHost
from releasd.model import HostSpec
from releasd.ports import Task

host = LocalHost(HostSpec(name="here", labels=frozenset(), workdir="/root/work/builds", leash=6.0, lost_after=4.0))
if sys.argv[1] == "probe":
    host.probe([])
    sys.exit()
script = "env -i /usr/bin/setsid /bin/sleep 98761 & until [ -e /root/go ]; do sleep 0.05; done"
task = Task(id="demo-1-1-wheel-0123456789abcdef", script=script, dest=pathlib.Path("/root/dest"), kept=True, token=1)
host.run(task, lambda data: None, lambda: False)
"""
HIDDEN = "pgrep -f '/bin/sleep 9876[1]' || true"


def scopes(machine: Machine) -> str:
    return machine.sh("systemctl list-units --all --no-legend --plain 'releasd-*.scope' | cut -d ' ' -f 1")


def begin(machine: Machine) -> dict[str, str]:
    """Have a build run as the service `builder`; return the command of each process in its scope, by process id."""
    machine.sh("rm -rf /root/go /root/work /root/dest; systemctl reset-failed")
    machine.write("/opt/driver.py", DRIVER)
    machine.run("systemd-run", "--quiet", "--unit=builder", "/opt/releasd/bin/python", "/opt/driver.py", "run")
    wait_until(lambda: machine.sh(HIDDEN), 90.0)
    scope = scopes(machine)
    assert scope.startswith("releasd-demo-1-1-wheel-0123456789abcdef-")
    procs = f"/sys/fs/cgroup{machine.show(scope, 'ControlGroup')}/cgroup.procs"
    told = machine.sh(f"for pid in $(cat {procs}); do echo $pid $(tr '\\0' ' ' < /proc/$pid/cmdline); done")
    return {pid: command for pid, _, command in (line.partition(" ") for line in told.splitlines())}


def assert_nothing_is_left(machine: Machine) -> None:
    wait_until(lambda: not scopes(machine) and not machine.sh(HIDDEN), 90.0)
    assert machine.sh("ls -A /root/work/builds") == ""


def test_all_of_a_build_is_in_its_scope_and_ends_with_it(machine: Machine) -> None:
    """The runner, the one that watches over it, and a child that hides; then no unit, no process, no folder."""
    inside = begin(machine)
    assert machine.sh(HIDDEN) in inside
    assert sum("exec(i.read" in command for command in inside.values()) == 2
    machine.sh("touch /root/go")
    wait_until(lambda: machine.show("builder.service", "ActiveState") == "inactive", 90.0)  # not: failed
    assert_nothing_is_left(machine)


def test_what_killed_runners_leave_is_killed_by_its_scope(machine: Machine) -> None:
    """With nobody left that could inherit it, and no variable to know it by, the next look at the host finds it."""
    inside = begin(machine)
    runners = [pid for pid, command in inside.items() if "exec(i.read" in command]
    machine.run("kill", "-9", *runners)
    wait_until(lambda: machine.show("builder.service", "ActiveState") == "failed", 90.0)
    assert machine.sh(HIDDEN) in inside
    machine.run("/opt/releasd/bin/python", "/opt/driver.py", "probe")
    assert_nothing_is_left(machine)
