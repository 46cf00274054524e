"""What people see of values, jobs and statuses."""

import io

import pytest
from rich.console import Console
from rich.table import Table
from rich.text import Text

from releasd.cli.harmless import Harmless
from releasd.cli.output import since, span
from releasd.cli.progress import follow, outcome
from releasd.cli.statusview import screen
from releasd.errors import NothingToRelease, ReleasdError

HOSTILE = "a\x1b[31mb\x07c\x9bd\u202ee\tf"
SHOWN = "a�[31mbc�d�e"  # the bell, which Rich drops by itself, aside
AT = "2026-11-23T01:00:00.000Z"


def shown(what: object, *, colours: bool = False) -> str:
    """Return what a console of ours would write."""
    file = io.StringIO()
    console = Console(file=file, force_terminal=colours, color_system="standard" if colours else None, width=120)
    console.push_render_hook(Harmless())
    console.print(what)
    return file.getvalue()


def table(cell: str) -> Table:
    """Return a table of one cell."""
    made = Table()
    made.add_column("column")
    made.add_row(cell)
    return made


@pytest.mark.parametrize("wrap", [str, Text, table], ids=["text", "styled", "table"])
def test_strangers_words_do_not_steer_the_terminal(wrap: object) -> None:
    """Escapes, bells and turned directions are shown as a mark, wherever they stand."""
    assert SHOWN in shown(wrap(HOSTILE))


def test_our_own_colours_stay() -> None:
    """What Rich itself writes for a style is no stranger's word."""
    assert "\x1b[31mred\x1b[0m" in shown(Text("red", style="red"), colours=True)


@pytest.mark.parametrize(
    ("seconds", "said"),
    [
        (0.04, "0.0 s"),
        (0.44, "0.4 s"),
        (9.94, "9.9 s"),
        (75, "75 s"),
        (720, "12 min"),
        (10_800, "3 h"),
        (345_600, "4 d"),
    ],
)
def test_spans_as_people_say_them(seconds: float, said: str) -> None:
    """One figure with one unit."""
    assert span(seconds) == said


def test_a_span_needs_both_ends() -> None:
    """What has not ended took no time yet."""
    assert since(AT, "2026-11-23T01:01:15.000Z") == "75 s"
    assert since(AT, None) == since(None, AT) == ""


def job(state: str = "succeeded", **changes: object) -> dict[str, object]:
    """Return a job as the API shows it."""
    step = {
        "name": "build", "state": "failed", "attempts": 2, "error": "no host", "advice": "", "evidence": {},
        "started_at": AT, "finished_at": AT,
    }  # fmt: skip
    build = {
        "name": "wheel", "host": "big", "state": "failed", "attempts": 1, "error": "exit status 2", "started_at": AT,
        "finished_at": AT, "last_line": "", "evidence": {},
    }  # fmt: skip
    return {
        "id": 7, "project": "demo", "commit": "a" * 40, "branch": "main", "package": None, "state": state,
        "reason": "because", "version": "1.1.0", "tag": "v1.1.0", "source": "hook", "created_at": AT,
        "started_at": AT, "finished_at": AT,
        "attempt": 1, "not_before": None, "owner": None, "steps": [step], "builds": [build],
        "artifacts": [], "announcements": [], "destinations": [],
        "waiting": [{"name": "mac", "reason": "no host is usable", "since": AT}], **changes,
    }  # fmt: skip


def status(**changes: object) -> dict[str, object]:
    """Return a status as the API shows it."""
    return {"schema": 1, "daemon": {"running": True, "pid": 4711}, "projects": [], "jobs": [], "recent": [],
            "alarms": [], "watched": [],
            "hosts": [], **changes}  # fmt: skip


def test_the_status_shows_everything_that_is_live() -> None:
    """Daemon, job with its reason, step with attempts and error, build with its host."""
    said = shown(screen(status(jobs=[job("queued", not_before=AT)])))
    for word in ("process 4711", "job 7 demo 1.1.0 queued: because", f"not before {AT}", "attempt 2", "no host",
                 "build wheel on big failed", "exit status 2", f"mac waits since {AT}: no host is usable"):  # fmt: skip
        assert word in said


def test_the_status_says_when_the_daemon_is_down() -> None:
    """What is shown then is the store's memory, and it says so."""
    assert "daemon is not running" in shown(screen(status(daemon={"running": False, "pid": None})))


def test_an_unfinished_release_stands_out() -> None:
    """A tagged release that is not complete is named with its reason."""
    project = {"name": "demo", "head": None, "last_release": None, "unfinished": [job("failed")]}
    assert "unfinished: demo 1.1.0: because" in shown(screen(status(projects=[project])))


def test_alarms_and_blind_watches_stand_out() -> None:
    """Each alarm with its number, its reason and what to do; an index that cannot be watched with why."""
    alarm = {"id": 3, "project": "demo", "why": "pypi serves x.whl", "advice": "revoke the tokens", "at": AT}
    watch = {"index": "pypi", "distribution": "demo", "why": "503"}
    said = shown(screen(status(alarms=[alarm], watched=[watch, watch | {"index": "mirror", "why": ""}])))
    assert "ALARM 3: demo: pypi serves x.whl" in said
    assert "→ revoke the tokens" in said
    assert "pypi cannot be watched for demo: 503" in said
    assert "mirror" not in said


def test_recent_jobs_and_hosts_are_tables() -> None:
    """Each with what people look for first."""
    host = {
        "name": "big", "ok": False, "reason": "no route", "at": AT, "facts": {"labels": ["linux"], "slots": 2},
        "usable": False, "why": "is quarantined (no route)", "drained": False, "quarantined": {"since": AT},
        "running": [{"project": "demo", "job": 7, "build": "wheel"}],
    }  # fmt: skip
    said = shown(screen(status(recent=[job()], hosts=[host])))
    for word in ("no route", "quarantined", "linux", "1/2", "wheel of demo"):
        assert word in said
    assert "0.0 s" in said


@pytest.mark.parametrize(
    ("ended", "error"),
    [
        (job(), None),
        (job("failed"), ReleasdError),
        (job("cancelled"), ReleasdError),
        (job("superseded"), ReleasdError),
        (job(version=None), NothingToRelease),
    ],
)
def test_what_a_jobs_end_means(ended: dict[str, object], error: type[ReleasdError] | None) -> None:
    """Released is 0, failed 1, nothing to release 3."""
    found = outcome(ended)
    assert found is None if error is None else type(found) is error


def test_following_shows_each_end_and_each_wait_once(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Looking often prints nothing twice."""
    monkeypatch.setattr("releasd.cli.progress.PAUSE", 0.0)
    looks = [job("queued"), job("queued"), job("running"), job("failed")]
    assert follow(lambda: looks.pop(0))["state"] == "failed"
    said = capsys.readouterr().out
    assert said.count("waiting: because") == 1
    assert said.count("no host") == 1
