"""What the command line says from the store, while no daemon runs; doctor, audit and hook on real files."""

import json
import os
import shutil
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from releasd.adapters import statelock
from releasd.adapters.joblog import JobLog
from releasd.log.audit import AuditFile
from releasd.model import JobState, StepName
from releasd.store import Store, open_store
from support.cli import Terminal, on_a_terminal
from support.gitrepo import git, make_remote, make_work
from support.store import NOW, claim, enqueue, plan, run_steps, start_build, url_of

PYPROJECT = (
    '[build-system]\nrequires = ["hatchling"]\nbuild-backend = "hatchling.build"\n'
    '[project]\nname = "demo"\nversion = "1.0.0"\n'
)


@pytest.fixture
def state(tmp_path: Path) -> Path:
    """Return a state folder that a daemon left: job 1 succeeded as 1.0.0, job 2 waits; its audit file is whole."""
    folder = tmp_path / "state"
    folder.mkdir()
    with open_store(url_of(folder)) as store:
        fill(store)
        logs = JobLog(folder / "logs", lambda data: data)
        with logs.outputs(store.jobs()[-1].id, StepName.BUILD) as sink:
            sink("wheel")(b"building \xff\n")
        AuditFile(folder / "audit.jsonl").write(store.events_after(0))
    return folder


def fill(store: Store) -> None:
    """Have one release and one waiting job."""
    enqueue(store, 1)
    job = claim(store)
    store.set_plan(job.id, job.token, plan(), NOW)
    run_steps(store, job, StepName.ANNOUNCE)
    store.finish(job.id, job.token, JobState.SUCCEEDED, "released", NOW)
    enqueue(store, 2)


@pytest.fixture
def terminal(tmp_path: Path, state: Path) -> Terminal:
    """Return a shell whose configuration names that state folder."""
    file = tmp_path / "releasd.toml"
    file.write_text(f'[daemon]\nstate = "{state}"\nruntime = "{tmp_path}/run"\n')
    return Terminal(tmp_path, tmp_path, {"RELEASD_CONFIG": str(file)})


def test_status_works_from_the_store_and_says_so(terminal: Terminal, state: Path) -> None:
    """With the daemon down the same is shown from its memory, and nothing is written."""
    before = {path: path.stat().st_mtime_ns for path in state.iterdir() if path.name == "audit.jsonl"}
    said = terminal.run("status")
    assert said.code == 0
    assert "the daemon is not running; this is what its store says" in said.out
    assert "job 2 p " in said.out
    assert "1.0.0" in said.out
    assert {path: path.stat().st_mtime_ns for path in before} == before
    assert not (state / "lock").exists()


def test_status_as_json(terminal: Terminal) -> None:
    """`daemon.running` is false; everything else is as with a daemon."""
    found = terminal.run("status", "--json").document
    assert found["daemon"] == {"running": False, "pid": None}
    assert [job["id"] for job in found["jobs"]] == [2]
    assert [job["version"] for job in found["recent"]] == ["1.0.0"]
    assert terminal.run("status", "1", "--json").document["state"] == "succeeded"
    assert [each["name"] for each in terminal.run("status", "p", "--json").document["projects"]] == ["p"]


@pytest.mark.parametrize("arguments", [("status", "99"), ("log", "99"), ("log", "nobody")], ids=" ".join)
def test_what_there_is_not_is_the_askers_mistake(terminal: Terminal, arguments: tuple[str, ...]) -> None:
    """An unknown job or project is wrong usage, in words and as JSON."""
    said = terminal.run(*arguments)
    assert (said.code, said.out) == (2, "")
    assert arguments[1] in said.err
    assert terminal.run(*arguments, "--json").document["exit_code"] == 2


def test_status_before_the_first_start(terminal: Terminal, state: Path) -> None:
    """A configuration whose daemon never ran has nothing to show, and says how to start it."""
    shutil.rmtree(state)
    said = terminal.run("status")
    assert said.code == 2
    assert said.err
    assert not state.exists()


def test_log_shows_what_a_job_wrote(terminal: Terminal) -> None:
    """Each part under its name, byte for byte; a project's name means its newest job."""
    said = terminal.run("log", "1", "--json").document
    assert said["files"] == [{"step": "build", "part": "wheel", "text": "building �\n"}]
    assert said["state"] == "succeeded"
    assert terminal.run("log", "1", "--step", "check", "--json").document["files"] == []


def test_following_the_log_of_a_job_that_is_over_ends(terminal: Terminal, state: Path) -> None:
    """`--follow` prints what is there and returns with the job's outcome."""
    path = next(path for path in (state / "logs").rglob("*") if path.is_file())
    path.write_bytes(b"building\n")
    said = terminal.run("log", "1", "--follow")
    assert (said.code, said.out) == (0, "── build · wheel\nbuilding\n")


STEERING = b"caf\xc3\xa9\tok\r\n10%\r\x1b]0;owned\x07\x1b[2J\xc2\x9b2J\xe2\x80\xaeend\n"


def test_what_a_build_wrote_does_not_steer_the_terminal(terminal: Terminal, state: Path) -> None:
    """No escape sequence of a build reaches a screen, by whatever byte it begins; words and lines stay."""
    path = next(path for path in (state / "logs").rglob("*") if path.is_file())
    path.write_bytes(STEERING)
    shown = on_a_terminal(terminal, "log", "1", NO_COLOR="1", LC_ALL="C.UTF-8").partition("\x1b[0m\r\n")[2]
    assert shown == "caf\u00e9\tok\r\n10%\r\n?]0;owned??[2J?2J?end\r\n".replace("?", "\N{REPLACEMENT CHARACTER}")


def test_what_a_build_wrote_is_piped_byte_for_byte(terminal: Terminal, state: Path) -> None:
    """A file or another program gets what there is."""
    path = next(path for path in (state / "logs").rglob("*") if path.is_file())
    path.write_bytes(b"one\x1b[2J\xff\n")
    kept = {"PATH": os.environ["PATH"], "HOME": str(terminal.home), **terminal.environ}
    command = (sys.executable, "-m", "releasd.cli", "log", "1")
    done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, env=kept, timeout=60, check=True)
    assert done.stdout.endswith(b"one\x1b[2J\xff\n")


def test_audit_verify_of_a_whole_log(terminal: Terminal) -> None:
    """The file is unbroken and agrees with the store."""
    said = terminal.run("audit", "verify")
    assert said.code == 0
    assert "unbroken up to" in said.out
    assert terminal.run("audit", "verify", "--json").document["ok"] is True


@pytest.mark.parametrize("change", ["edited", "removed", "swapped", "cut", "added"])
def test_audit_verify_finds_any_change(terminal: Terminal, state: Path, change: str) -> None:
    """An edit, a removal, a reordering, a cut-off end and a forged line are each found: exit code 1."""
    file = state / "audit.jsonl"
    lines = file.read_text().splitlines(keepends=True)
    if change == "edited":
        lines[1] = lines[1].replace('"main"', '"evil"').replace("hook", "hock")
    elif change == "removed":
        del lines[2]
    elif change == "swapped":
        lines[1], lines[2] = lines[2], lines[1]
    elif change == "cut":
        del lines[-2:]
    else:
        lines.append(json.dumps(json.loads(lines[-1]) | {"seq": len(lines) + 1}) + "\n")
    file.write_text("".join(lines))
    said = terminal.run("audit", "verify", "--json")
    assert said.code == 1
    assert said.document["ok"] is False
    assert said.document["problem"]


def test_audit_verify_beside_a_daemon_that_is_always_a_moment_ahead_of_its_file(
    terminal: Terminal, state: Path
) -> None:
    """What the store has, and the file gets at the daemon's next turn, is no finding, though more comes meanwhile."""
    file, over = AuditFile(state / "audit.jsonl"), threading.Event()

    def work() -> None:
        with open_store(url_of(state)) as store:
            turn = time.monotonic()
            while not over.wait(0.01):
                store.append_event("daemon.started", data={"owner": "busy"}, now=NOW)
                if time.monotonic() - turn > 3:
                    turn = time.monotonic()
                    file.write(store.events_after(file.last_seq())[:-1])

    thread = threading.Thread(target=work)
    with statelock.hold(state):
        thread.start()
        said = terminal.run("audit", "verify", "--json")
        over.set()
        thread.join(60)
    assert (said.code, said.document["problem"]) == (0, None)


def test_audit_verify_without_a_log(terminal: Terminal, state: Path) -> None:
    """Nothing to verify is told as that."""
    (state / "audit.jsonl").unlink()
    said = terminal.run("audit", "verify")
    assert said.code == 2
    assert "there is no audit log at" in said.err


def test_hosts_without_a_probe(terminal: Terminal) -> None:
    """Nothing is known of hosts yet, and the command that changes it is named."""
    assert "releasd hosts probe" in terminal.run("hosts").out
    assert terminal.run("hosts", "--json").document == {"schema": 1, "hosts": []}


def test_doctor_tells_every_mistake_of_the_configuration_at_once(terminal: Terminal) -> None:
    """Exit code 2; each mistake with its file and key, and what is allowed."""
    file = Path(terminal.environ["RELEASD_CONFIG"])
    file.write_text('[daemon]\nworkers = "many"\nnonsense = 1\n[projects.demo]\nbranch = 7\npublish = ["gone"]\n')
    said = terminal.run("doctor")
    assert (said.code, said.out) == (2, "")
    for key in ("daemon.workers", "daemon.nonsense", "projects.demo.branch", "projects.demo.repository"):
        assert key in said.err


def test_doctor_looks_at_everything_and_goes_on(terminal: Terminal, tmp_path: Path) -> None:
    """One finding for each thing, good or bad, with the fix for what is bad; exit code 1."""
    work = make_work(tmp_path / "work", make_remote(tmp_path / "demo.git"))
    work.commit("feat: begin", {"pyproject.toml": PYPROJECT})
    work.push()
    file = Path(terminal.environ["RELEASD_CONFIG"])
    file.write_text(
        file.read_text() + f'[projects.demo]\nrepository = "{work.remote}"\n'
        f'[projects.gone]\nrepository = "{tmp_path}/gone.git"\n'
        f'[projects.empty]\nrepository = "{make_remote(tmp_path / "empty.git")}"\n[hosts.local]\n'
    )
    said = terminal.run("doctor", "--json")
    assert said.code == 1
    found = {finding["what"]: finding for finding in said.document["findings"]}
    assert {"configuration", "python", "git", "uv", "state folder", "daemon", "host local"} <= set(found)
    assert found["git"]["ok"]
    assert found["project demo"]["ok"], found["project demo"]
    for what in ("daemon", "project gone", "project empty", "hook of demo"):
        assert not found[what]["ok"]
        assert found[what]["advice"]
    assert terminal.run("doctor").code == 1


def test_hook_install_status_remove(terminal: Terminal, tmp_path: Path) -> None:
    """It is put there, says that no daemon answers (exit 1), and goes away again."""
    repo = make_remote(tmp_path / "demo.git")
    where = ("--repo", str(repo))
    installed = terminal.run("hook", "install", *where, "--json")
    assert installed.code == 0
    assert (installed.document["kind"], installed.document["state"]) == ("post-receive", "installed")
    assert installed.document["socket"] == str(tmp_path / "run" / "hook.sock")
    status = terminal.run("hook", "status", *where)
    assert status.code == 1
    assert "does not answer" in status.out
    assert terminal.run("hook", "remove", *where).code == 0
    assert not (repo / "hooks" / "post-receive").exists()
    assert terminal.run("hook", "status", *where, "--json").document["state"] == "missing"


def test_hook_in_a_folder_that_is_no_repository(terminal: Terminal, tmp_path: Path) -> None:
    """Nothing is installed, and the folder is named."""
    said = terminal.run("hook", "install", "--repo", str(tmp_path))
    assert said.code == 1
    assert str(tmp_path) in said.err


def test_a_second_daemon_is_refused(terminal: Terminal, state: Path) -> None:
    """Its message names the first one's process; exit code 2."""
    with statelock.hold(state):
        said = terminal.run("run")
    assert said.code == 2
    assert "another releasd (process " in said.err


def test_git_is_not_asked_for_by_status(terminal: Terminal, tmp_path: Path) -> None:
    """Looking needs the store alone: it works where git is missing."""
    assert git(tmp_path, "--version")
    assert terminal.run("status", environ={"PATH": str(tmp_path / "nowhere")}).code == 0


def fail(state: Path, output: bytes) -> int:
    """Have a job whose build fails after that output; return its number."""
    with open_store(url_of(state)) as store:
        job = claim(store)
        run_steps(store, job, StepName.VERSION)
        store.step_started(job.id, job.token, StepName.BUILD, NOW)
        start_build(store, job)
        error = "wheel on h: its command ended with exit status 127"
        store.build_failed(job.id, job.token, "wheel", "h", error, now=NOW)
        store.step_failed(
            job.id, job.token, StepName.BUILD, error=error, advice="", retryable=False, retry_after=None, now=NOW
        )
        store.finish(job.id, job.token, JobState.FAILED, error, NOW)
        with JobLog(state / "logs", lambda data: data).outputs(job.id, StepName.BUILD) as sink:
            sink("wheel")(output)
    return int(job.id)


def test_a_known_failure_is_answered_with_cause_and_next_command(terminal: Terminal, state: Path) -> None:
    """What a build's output says is recognised by `status JOB` and by `log`, for people and for programs."""
    job = str(fail(state, b"compiling\nsh: 3: cargo: not found\n"))
    for document in (terminal.run("status", job, "--json").document, terminal.run("log", job, "--json").document):
        assert [(each["part"], each["name"]) for each in document["known"]] == [("wheel", "cargo-missing")]
    assert "releasd hosts probe" in terminal.run("status", job).out
    said = terminal.run("log", job)
    assert "releasd hosts probe" in said.err
    assert "releasd hosts probe" not in said.out


def test_an_unknown_failure_is_not_guessed_at(terminal: Terminal, state: Path) -> None:
    """Only that the build failed is known; where its words are stands there."""
    job = str(fail(state, b"the moon is in the wrong house\n"))
    assert [each["name"] for each in terminal.run("status", job, "--json").document["known"]] == ["build-failed"]
