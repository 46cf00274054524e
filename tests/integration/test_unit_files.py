"""The service files as they lie in the repository: understood by systemd's own tools, and by launchd's rules."""

import configparser
import os
import plistlib
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from releasd.app.serve import CONTROL_SOCKET, HOOK_SOCKET
from releasd.daemon.service import STOP_WITHIN
from support.launchd import problems
from support.tools import require_tool

TOP = Path(__file__).parents[2]
SERVICE = TOP / "systemd/releasd.service"
USER_SERVICE = TOP / "systemd/user/releasd.service"
SOCKETS = {
    "hook": TOP / "systemd/releasd-hook.socket",
    "control": TOP / "systemd/releasd-control.socket",
}
PLIST = TOP / "launchd/org.releasd.daemon.plist"
EXPOSURE = 1.4  # of 10; a daemon that speaks SSH and must see who pushes cannot have much less


class _Lists(dict[str, str]):
    """A section in which a key that is given twice keeps both values, a line each."""

    def __setitem__(self, key: str, value: object) -> None:
        if isinstance(value, list) and key in self:
            value = [*self[key], *value]
        super().__setitem__(key, value)  # type: ignore[assignment]


def unit(path: Path) -> configparser.RawConfigParser:
    """Read a unit file; a key's several values are joined by line breaks."""
    parser = configparser.RawConfigParser(strict=False, dict_type=_Lists, delimiters="=", comment_prefixes="#")
    parser.optionxform = str  # type: ignore[assignment, method-assign]
    parser.read_string(path.read_text())
    return parser


def analyze(*arguments: str | Path, **variables: str) -> "subprocess.CompletedProcess[str]":
    environ = {**os.environ, "LC_ALL": "C", **variables}
    return subprocess.run(
        (require_tool("systemd-analyze"), *arguments),
        env=environ, capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Return a folder with the units, naming programs that exist: systemd looks for them."""
    for path in (SERVICE, *SOCKETS.values()):
        shutil.copy(path, tmp_path)
    service = tmp_path / SERVICE.name
    service.write_text(service.read_text().replace("ExecStart=/opt/releasd/bin/releasd", "ExecStart=/bin/true"))
    return tmp_path


def test_systemd_understands_every_line(folder: Path) -> None:
    """`systemd-analyze verify` has nothing to say about the service and its sockets."""
    done = analyze("verify", "--man=no", folder / SERVICE.name, *(folder / path.name for path in SOCKETS.values()))
    assert (done.returncode, done.stderr) == (0, "")


def test_a_misspelt_line_would_be_found(folder: Path) -> None:
    """The check above can fail: systemd names a key that it does not know."""
    with (folder / SERVICE.name).open("a") as file:
        file.write("[Service]\nWatchdogSeconds=30\n")
    assert "'WatchdogSeconds'" in analyze("verify", "--man=no", folder / SERVICE.name).stderr


def test_systemd_understands_the_users_unit(tmp_path: Path) -> None:
    """The same for the unit of a user's own systemd."""
    path = tmp_path / "releasd.service"
    path.write_text(USER_SERVICE.read_text().replace("%h/.local/bin/releasd", "/bin/true"))
    done = analyze("verify", "--user", "--man=no", path, XDG_RUNTIME_DIR=str(tmp_path))
    assert (done.returncode, done.stderr) == (0, "")


def test_the_service_is_as_closed_as_a_release_allows() -> None:
    """`systemd-analyze security` gives the exposure level that docs/service.md tells."""
    done = analyze("security", "--offline=true", "--no-pager", SERVICE)
    found = re.search(r"Overall exposure level for releasd.service: ([\d.]+)", done.stdout)
    assert found is not None, done.stderr
    assert float(found[1]) <= EXPOSURE
    assert f"exposure level of {found[1]}" in (TOP / "docs/service.md").read_text()


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("Type", "notify"),
        ("NotifyAccess", "main"),
        ("ExecStart", "/opt/releasd/bin/releasd run"),
        ("ExecReload", "/bin/kill -HUP $MAINPID"),
        ("WatchdogSec", "30"),
        ("KillMode", "process"),
        ("TimeoutStopSec", "15"),
        ("Restart", "on-failure"),
        ("StateDirectoryMode", "0711"),
        ("LimitCORE", "0"),
    ],
)
def test_the_service_promises(key: str, value: str) -> None:
    """What the daemon and the documentation rely on stands in the unit."""
    assert unit(SERVICE)["Service"][key] == value


def test_systemd_waits_longer_than_the_daemon_takes_to_stop() -> None:
    """A clean stop is never cut short."""
    assert int(unit(SERVICE)["Service"]["TimeoutStopSec"]) > STOP_WITHIN + 2
    assert plistlib.loads(PLIST.read_bytes())["ExitTimeOut"] > STOP_WITHIN + 2


@pytest.mark.parametrize(("name", "file"), [("hook", HOOK_SOCKET), ("control", CONTROL_SOCKET)])
def test_the_sockets_are_those_that_the_daemon_asks_for(name: str, file: str) -> None:
    """The descriptor's name is the one that `listen_fds` is asked for; the path is the daemon's own default."""
    socket = unit(SOCKETS[name])["Socket"]
    assert socket["FileDescriptorName"] == name
    assert socket["ListenStream"] == f"/run/releasd/{file}"
    assert socket["Service"] == SERVICE.name


def test_nothing_is_left_to_chance_for_secrets() -> None:
    """No unit names a secret, and an example shows the way of credentials."""
    texts = [path.read_text() for path in (SERVICE, USER_SERVICE, PLIST, *SOCKETS.values())]
    assert not any(re.search(r"(?i)(token|password|secret)=\S", text) for text in texts)
    assert "#LoadCredential=" in texts[0]


def test_launchd_knows_every_key() -> None:
    """The property list has no key that launchd does not know, and no value of a wrong type."""
    assert problems(PLIST.read_bytes()) == []


def test_the_launchd_job_starts_again_after_a_crash_alone() -> None:
    """A clean stop stays stopped, and everything else is the same daemon as under systemd."""
    job = plistlib.loads(PLIST.read_bytes())
    assert job["KeepAlive"] == {"SuccessfulExit": False}
    assert job["ProgramArguments"][:2] == unit(SERVICE)["Service"]["ExecStart"].split()
