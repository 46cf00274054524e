"""The unit files in systemd/ under a real systemd: start, stop, restart, reload, watchdog, sockets and journal."""

import itertools
import time

from support.service import CONFIG, PUSHER, PYPROJECT, Service
from support.systemd import wait_until

BUILD = '[[builds]]\nname = "slow"\nrun = "sleep 600"\nartifacts = ["*"]\n'


def test_ready_is_said_only_after_the_first_look(service: Service) -> None:
    """While git does not answer, the service is still starting; once `systemctl start` returns, the push is queued."""
    commit = service.commit_while_down()
    service.machine.write(
        "/opt/slow/git",
        '#!/bin/sh\nwhile [ ! -e /run/releasd/go ]; do sleep 0.05; done\nexec /usr/bin/git "$@"\n',
        0o755,
    )
    service.drop_in("Environment=PATH=/opt/slow:/opt/releasd/bin:/usr/bin:/bin")
    service.machine.run("systemctl", "start", "--no-block", "releasd")
    wait_until(lambda: service.machine.run("pgrep", "-f", "/opt/slow/git", check=False).stdout, 90.0)
    time.sleep(0.5)
    assert (service.show("ActiveState"), service.show("SubState")) == ("activating", "start")
    service.machine.sh("touch /run/releasd/go")
    service.start()  # joins the start that is under way, and returns at READY
    assert [data["commit"] for data in service.happened("job.queued")] == [commit]
    assert service.show("ActiveState") == "active"


def test_systemd_is_told_of_every_state(service: Service) -> None:
    """READY, STATUS, WATCHDOG, RELOADING and STOPPING arrive, and what `systemctl status` shows is true."""
    service.machine.run("systemctl", "log-level", "debug")
    service.drop_in("WatchdogSec=20")
    service.start()
    wait_until(lambda: service.show("StatusText") == "0 queued", 90.0)
    service.machine.run("systemctl", "reload", "releasd")
    wait_until(lambda: service.happened("config.reloaded"), 90.0)
    service.machine.run("systemctl", "stop", "releasd")
    service.machine.run("journalctl", "--sync")
    told = service.machine.sh("journalctl -o cat _PID=1 -u releasd --grep 'Got notification message from PID'")
    service.machine.run("systemctl", "log-level", "info")
    for state in ("READY=1", "STATUS=0 queued", "WATCHDOG=1", "RELOADING=1", "STOPPING=1"):
        assert state in told


def test_a_hung_daemon_is_killed_and_started_again(service: Service) -> None:
    """An idle daemon pings as often as asked; a stopped one misses its watchdog, and a new one takes its place."""
    service.drop_in("WatchdogSec=4", "RestartSec=100ms")  # less than the daemon's longest wait
    service.start()
    pid = service.show("MainPID")
    time.sleep(6)
    assert service.show("MainPID") == pid
    service.machine.run("kill", "-STOP", pid)
    wait_until(lambda: service.show("NRestarts") == "1" and service.show("ActiveState") == "active", 90.0)
    assert service.show("MainPID") != pid
    assert len(service.happened("daemon.started")) == 2
    service.machine.run("journalctl", "--sync")
    said = service.machine.sh("journalctl -o cat -u releasd _PID=1 -n 20")
    assert "Watchdog timeout" in said
    assert "with signal SIGKILL" in said  # a hung process takes no other: it would cost TimeoutStopSec


def test_a_crash_is_followed_by_a_new_start(service: Service) -> None:
    """SIGKILL to the daemon is an accident, not the operator's wish."""
    service.drop_in("RestartSec=100ms")
    service.start()
    service.machine.run("kill", "-KILL", service.show("MainPID"))
    wait_until(lambda: service.show("NRestarts") == "1" and service.show("ActiveState") == "active", 90.0)


def test_a_restart_keeps_a_running_build_and_a_stop_ends_it_by_its_leash(service: Service) -> None:
    """`systemctl restart` in the middle of a build costs nothing; after `stop`, nobody comes, and nothing is left."""
    service.machine.write("/etc/releasd/releasd.toml", CONFIG + 'leash = "30s"\n')
    service.commit_while_down(_releasd_toml=BUILD)
    service.start()
    wait_until(lambda: service.machine.run("pgrep", "-f", "sleep 600", check=False).stdout, 90.0, service.statement)
    build = service.machine.run("pgrep", "-f", "sleep 600").stdout
    began = time.monotonic()
    service.machine.run("systemctl", "restart", "releasd")
    assert time.monotonic() - began < 30
    wait_until(lambda: service.happened("build.attached"), 90.0, service.statement)
    assert service.machine.run("pgrep", "-f", "sleep 600").stdout == build
    service.machine.run("systemctl", "stop", "releasd")
    assert (service.show("Result"), service.show("ExecMainStatus")) == ("success", "0")
    assert service.happened("daemon.stopped") == [{"clean": True}] * 3
    wait_until(lambda: not service.machine.run("pgrep", "-u", "releasd", check=False).stdout, 120.0)
    assert {data["reason"] for data in service.happened("job.requeued")} == {"the daemon was stopped"}
    assert service.happened("job.failed") == []


def test_a_push_starts_the_daemon_and_is_recorded_with_its_user(service: Service) -> None:
    """A hint for a service that is down is answered, for systemd holds the socket; the kernel names its sender."""
    commit = service.commit("feat: one", pyproject_toml=PYPROJECT)
    service.machine.run("systemctl", "start", "releasd-hook.socket", "releasd-control.socket")
    assert service.show("ActiveState") == "inactive"
    assert service.hint(commit)["ok"]
    wait_until(lambda: service.show("ActiveState") == "active", 90.0)
    wait_until(lambda: service.happened("push.received"), 90.0)  # its next turn writes it down
    assert service.happened("push.received")[0]["uid"] == PUSHER
    assert [data["commit"] for data in service.happened("job.queued")] == [commit]


def test_no_hint_is_lost_over_restarts(service: Service) -> None:
    """Hints sent one after the other while the service restarts twice are all answered."""
    commit = service.commit("docs: nothing to release")
    service.start()
    service.machine.sh("(systemctl restart releasd; systemctl restart releasd; touch /run/restarted) >/dev/null 2>&1 &")
    for number in itertools.count():
        assert service.hint(commit)["ok"], f"hint {number}"
        if service.machine.run("test", "-e", "/run/restarted", check=False).returncode == 0:
            break
    service.machine.sh("rm /run/restarted")
    assert number >= 1
    assert len(service.happened("daemon.started")) == 3


def test_a_push_while_even_the_sockets_are_stopped_is_found_at_the_next_start(service: Service) -> None:
    """The installed hook leaves the push in the spool folder, and the daemon takes it from there."""
    service.commit("chore: begin", pyproject_toml=PYPROJECT)
    service.start()
    service.machine.run(
        "runuser", "-u", "releasd", "--", "/opt/releasd/bin/releasd", "hook", "install", "--repo", "/srv/git/demo.git",
        "--config", "/etc/releasd/releasd.toml",
    )  # fmt: skip
    service.machine.run("systemctl", "stop", "releasd.service", "releasd-hook.socket", "releasd-control.socket")
    commit = service.commit("feat: one")
    assert service.machine.sh("ls /var/lib/releasd/spool/*.json | wc -l") == "1"
    service.start()
    received = [(data["commit"], data["source"]) for data in service.happened("push.received")]
    assert received == [(commit, "spool")]


def test_a_reload_takes_the_new_configuration_or_keeps_the_old(service: Service) -> None:
    """`systemctl reload` makes a new project known; a file with mistakes is refused, and nothing stops."""
    service.start()
    pid = service.show("MainPID")
    service.machine.write("/etc/releasd/releasd.toml", CONFIG + '[projects.more]\nrepository = "/srv/git/more.git"\n')
    service.machine.run("systemctl", "reload", "releasd")
    wait_until(lambda: service.happened("config.reloaded") == [{"projects": ["demo", "more"]}], 90.0)
    service.machine.write("/etc/releasd/releasd.toml", CONFIG + "[projects.demo")
    service.machine.run("systemctl", "reload", "releasd")
    wait_until(lambda: service.happened("config.refused"), 90.0)
    assert (service.show("MainPID"), service.show("ActiveState")) == (pid, "active")


def test_the_journal_has_json_lines_alone(service: Service) -> None:
    """What the daemon logs is one object a line, with the event's name and its time."""
    service.start()
    service.machine.run("systemctl", "stop", "releasd")
    lines = service.machine.journal("releasd")
    assert {"daemon.started", "daemon.stopped"} <= {line["event"] for line in lines}
    assert all({"at", "level", "event"} <= line.keys() for line in lines)


def test_a_broken_configuration_loses_no_push(service: Service) -> None:
    """While the daemon cannot start, the sockets stay; once the file is mended it comes up by itself, with the push."""
    commit = service.commit_while_down()
    service.drop_in("RestartSec=300ms")
    service.machine.write("/etc/releasd/releasd.toml", CONFIG + "[oops")
    service.machine.run("systemctl", "start", "releasd", check=False)
    wait_until(lambda: int(service.show("NRestarts")) >= 2, 90.0, service.statement)
    assert service.machine.show("releasd-hook.socket", "ActiveState") == "active"
    service.machine.write("/etc/releasd/releasd.toml", CONFIG)
    wait_until(lambda: service.show("ActiveState") == "active", 90.0, service.statement)
    assert [data["commit"] for data in service.happened("job.queued")] == [commit]
