"""The hooks in real repositories: what the daemon hears, what the pusher sees, and that no push ever waits or fails."""

import contextlib
import json
import os
import select
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from releasd.core.hookmessage import parse_message
from releasd.model import PushHint
from support.parts import eventually
from support.pushes import (
    HOOKS,
    NEW,
    OLD,
    SAD_STATES,
    SHELLS,
    ZERO,
    Heard,
    Pair,
    Toy,
    configure,
    environment,
    git,
    listening,
    pair,
    patient,
    put,
    run_hook,
    sad_socket,
    script,
    tools_without_perl,
)
from support.tools import require_tool

MOVED = f"{OLD} {NEW} refs/heads/main\n".encode()
NOTED = "releasd: the daemon does not answer; this push is noted and will be picked up\n"


@pytest.fixture
def made() -> Iterator[Pair]:
    """Return a bare repository, configured, and its clone."""
    with pair() as repositories:
        configure(repositories)
        yield repositories


@pytest.fixture
def daemon(made: Pair) -> Iterator[Heard]:
    with listening(made.socket) as heard:
        yield heard


@pytest.fixture(params=SHELLS)
def shell(request: pytest.FixtureRequest) -> tuple[str, ...]:
    require_tool(request.param)
    return SHELLS[request.param]


def test_the_hook_is_plain_shell(shell: tuple[str, ...]) -> None:
    """Both names are one executable script that each shell can parse."""
    for name in ("post-receive", "reference-transaction"):
        subprocess.run((*shell, "-n", HOOKS / name), check=True, timeout=10)
        assert os.access(HOOKS / name, os.X_OK)
    assert (HOOKS / "post-receive").read_bytes() == (HOOKS / "reference-transaction").read_bytes()


def test_a_push_is_heard_and_answered(made: Pair, daemon: Heard) -> None:
    """The whole way: git push, post-receive, socket, and the answer on the pusher's terminal."""
    patient(put(made).path)
    first = git(made.clone, "rev-parse", "HEAD")
    pushed = made.push("-o", "bump=minor", "-o", 'say="hé\\llo"\t', "origin", "main")
    assert pushed.returncode == 0
    assert "remote: releasd: v1.2.3 will be released" in pushed.stderr
    second = made.commit()
    made.push()
    assert daemon.hints == [
        PushHint(
            repository=str(made.bare), ref="refs/heads/main", old=None, new=first, source="hook", uid=os.getuid(),
            options=("bump=minor", 'say="hé\\llo"\t'),
        ),
        PushHint(
            repository=str(made.bare), ref="refs/heads/main", old=first, new=second, source="hook", uid=os.getuid()
        ),
    ]  # fmt: skip
    assert made.spooled() == []


def test_tags_and_deletions_say_nothing(made: Pair, daemon: Heard) -> None:
    """Only a branch that exists after the push can be released."""
    patient(put(made).path)
    made.push("origin", "main:other")
    daemon.hints.clear()
    git(made.clone, "tag", "v1")
    pushed = made.push("origin", "v1", ":other")
    assert pushed.returncode == 0
    assert "remote:" not in pushed.stderr
    assert daemon.hints == []


@pytest.mark.parametrize("state", SAD_STATES)
def test_no_state_of_the_socket_holds_or_loses_a_push(made: Pair, state: str, shell: tuple[str, ...]) -> None:
    """Within a second the hook ends well, says so, and leaves the hint as a whole file in the spool folder."""
    with sad_socket(made.socket, state):
        runs = [run_hook(made, MOVED, shell=shell, hasty=True)]
        while runs[-1].seconds > 1 and len(runs) < 30:  # the machine may be busy; the hook is judged by its best
            runs.append(run_hook(made, MOVED, shell=shell, hasty=True))
    assert {(run.status, run.said) for run in runs} == {(0, NOTED)}
    assert min(run.seconds for run in runs) <= 1
    hint = PushHint(
        repository=str(made.bare), ref="refs/heads/main", old=OLD, new=NEW, source="spool", uid=7, options=()
    )
    assert [parse_message(line, 7, source="spool") for line in made.spooled()] == [hint] * len(runs)


@pytest.mark.parametrize("state", ["absent", "backlog full", "stopped"])
def test_a_push_succeeds_while_the_daemon_does_not_answer(made: Pair, state: str) -> None:
    """As a whole push: status 0, the ref has moved, the pusher is told, the hint is kept."""
    put(made)
    with sad_socket(made.socket, state):
        pushed = made.push()
    assert pushed.returncode == 0
    assert "this push is noted" in pushed.stderr
    assert git(made.bare, "rev-parse", "main") == git(made.clone, "rev-parse", "HEAD")
    assert len(made.spooled()) == 1


def test_hundreds_of_branches_in_one_push_are_all_heard(made: Pair, daemon: Heard) -> None:
    """On one connection, and none is spooled."""
    daemon.says = ""
    lines = b"".join(f"{ZERO} {NEW} refs/heads/b{number}\n".encode() for number in range(500))
    run = run_hook(made, lines)
    assert (run.status, run.said) == (0, "")
    assert [hint.ref for hint in daemon.hints] == [f"refs/heads/b{number}" for number in range(500)]
    assert made.spooled() == []


def test_hundreds_of_branches_wait_no_longer_than_one(made: Pair) -> None:
    """The time limit is the hook's, not each branch's; all lines are kept in one file."""
    lines = b"".join(f"{ZERO} {NEW} refs/heads/b{number}\n".encode() for number in range(500))
    with sad_socket(made.socket, "stopped"):
        runs = [run_hook(made, lines, hasty=True)]
        while runs[-1].seconds > 1 and len(runs) < 30:  # the machine may be busy; the hook is judged by its best
            runs.append(run_hook(made, lines, hasty=True))
    assert runs[-1].seconds <= 1
    assert len(list(made.spool.iterdir())) == len(runs)
    assert len(made.spooled()) == 500 * len(runs)


def test_only_what_was_not_answered_is_spooled(made: Pair) -> None:
    """A daemon that dies after its first answer has that hint."""

    def answer_once(connection: socket.socket) -> None:
        connection.recv(100_000)
        connection.sendall(b'{"ok":true,"message":"one"}\n{"ok":tr')
        connection.shutdown(socket.SHUT_RDWR)

    with Toy(answer_once).listening(made.socket):
        run = run_hook(made, MOVED + MOVED.replace(b"main", b"next"))
    assert run.said == "releasd: one\n" + NOTED
    assert [json.loads(line)["ref"] for line in made.spooled()] == ["refs/heads/next"]


HOSTILE = {
    b'a"b': 'a"b',
    b"a'b$(touch x)`touch y`;&|<>": "a'b$(touch x)`touch y`;&|<>",
    "grün/😀/\u2028".encode(): "grün/😀/\u2028",
    b"%s%n%d": "%s%n%d",
    b"bad\xff\xe9\xe2\x82end": "bad\ufffd\ufffd\ufffdend",
    b"\xed\xa0\x80\xc0\xaf\xf4\x90\x80\x80": "\ufffd" * 9,
    b"-n": "-n",
}


@pytest.mark.parametrize("perl", [True, False], ids=["with perl", "without perl"])
def test_any_branch_name_arrives_as_it_is(made: Pair, perl: bool, shell: tuple[str, ...]) -> None:  # noqa: FBT001
    """Quotes, shell and printf characters, all of Unicode; U+FFFD for what is not UTF-8."""
    shells = (shutil.which(shell[0]) or "", *shell[1:])
    variables = {} if perl else tools_without_perl(made.spool.parent / "bin")
    lines = b"".join(f"{OLD} {NEW} refs/heads/".encode() + name + b"\n" for name in HOSTILE)
    run = run_hook(made, lines, shell=shells, env=variables)
    assert (run.status, run.said) == (0, NOTED)
    assert [json.loads(line.decode("ascii"))["ref"] for line in made.spooled()] == [
        f"refs/heads/{name}" for name in HOSTILE.values()
    ]
    assert not {path.name for path in made.bare.iterdir()} & {"x", "y"}


def test_any_push_option_arrives_as_it_is(made: Pair, daemon: Heard, shell: tuple[str, ...]) -> None:
    """Control characters, quotes, backslashes, the empty option, and shell text that must not run."""
    options = ["bump=minor", "", "\x01\t\r\x1b\x7f", '"\\"', "$(touch x)`touch x`", "'; touch x; '", "a\nb", "*", "é"]
    env = {f"GIT_PUSH_OPTION_{number}": option for number, option in enumerate(options)}
    run_hook(made, MOVED, shell=shell, env=env | {"GIT_PUSH_OPTION_COUNT": str(len(options))})
    assert [hint.options for hint in daemon.hints] == [tuple(options)]
    assert not (made.bare / "x").exists()


@pytest.mark.parametrize(
    ("says", "shown"),
    [
        ("", ""),
        ("grün 😀 is released", "releasd: grün 😀 is released\n"),
        ('a "b" \\ c/d', 'releasd: a "b" \\ c/d\n'),
        ("\x1b[31mred\x07\x9b31m\nremote: x\x7f", "releasd: [31mred31m remote: x\n"),
        ("é" * 400, "releasd: " + "é" * 248 + "...\n"),
        ("x" * 500, "releasd: " + "x" * 500 + "\n"),
    ],
)
def test_the_answer_is_shown_without_control_characters(made: Pair, daemon: Heard, says: str, shown: str) -> None:
    """One line of at most 500 bytes, in whole characters; nothing at all for an empty message."""
    daemon.says = says
    assert run_hook(made, MOVED).said == shown


def test_escaped_answers_are_read_too(made: Pair) -> None:
    """A daemon may write its JSON in pure ASCII; a refusal is heard as much as a consent."""
    answer = json.dumps({"ok": False, "message": "nö 😀"}).encode() + b"\n"
    with Toy(lambda connection: connection.sendall(answer)).listening(made.socket):
        assert run_hook(made, MOVED).said == "releasd: nö 😀\n"
    assert made.spooled() == []


def test_a_repository_that_never_asked_is_left_in_peace(made: Pair) -> None:
    """A shared hooks folder (core.hooksPath) serves many repositories; without the keys the hook is silent."""
    for key in ("releasd.socket", "releasd.spool"):
        git(made.bare, "config", "--unset", key)
    run = run_hook(made, MOVED)
    assert (run.status, run.said, made.spooled()) == (0, "", [])


@pytest.mark.parametrize("broken", ["missing", "a file"])
def test_without_a_spool_folder_the_push_still_succeeds(made: Pair, broken: str) -> None:
    """The pusher is told that the daemon's own look will find it."""
    made.spool.rmdir()
    if broken == "a file":
        made.spool.write_text("")
    run = run_hook(made, MOVED)
    assert run.status == 0
    assert run.said == "releasd: the daemon does not answer; its next look at the repository will find this push\n"


def test_ctrl_c_does_not_lose_the_hint(made: Pair) -> None:
    """The ref has moved when the hook runs: an interrupted push is still told to the daemon."""
    put(made)
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(made.socket))
        listener.listen()
        push = subprocess.Popen(
            ("git", "push", "-q", "origin", "main"), cwd=made.clone, env=environment(), start_new_session=True,
            stderr=subprocess.DEVNULL,
        )  # fmt: skip
        assert select.select([listener], [], [], 60)[0], "the hook never came"  # it does, before it waits
        os.killpg(push.pid, signal.SIGINT)
        push.wait(60)
        eventually(lambda: list(made.spool.glob("*.json")), "the hint is kept")
    assert len(made.spooled()) == 1


def test_an_earlier_hook_runs_first_with_the_same_input(made: Pair, daemon: Heard) -> None:
    """Ours does not replace anyone's; the daemon hears of the push after it."""
    script(made.bare / "hooks/post-receive", "cat > seen; echo earlier; exit 3")
    patient(put(made).path)
    pushed = made.push()
    assert pushed.returncode == 0
    assert pushed.stderr.index("earlier") < pushed.stderr.index("v1.2.3")
    head = git(made.clone, "rev-parse", "HEAD")
    assert (made.bare / "seen").read_text() == f"{ZERO} {head} refs/heads/main\n"
    assert len(daemon.hints) == 1


def test_the_earlier_hooks_exit_status_is_passed_on(made: Pair, daemon: Heard) -> None:
    """Whatever runs hooks sees the status it would see without ours."""
    hook = made.bare / "hooks/post-receive"
    script(hook, "exit 3")
    patient(put(made).path)
    done = subprocess.run((hook,), input=MOVED, cwd=made.bare, env=environment(GIT_DIR="."), check=False, timeout=99)
    assert done.returncode == 3
    assert len(daemon.hints) == 1


def test_a_socket_that_comes_free_in_time_is_used(made: Pair) -> None:
    """A queue that is full for a moment costs a moment, not the answer."""
    with contextlib.ExitStack() as stack:
        listener = stack.enter_context(socket.socket(socket.AF_UNIX))
        listener.bind(str(made.socket))
        listener.listen(0)
        waiting = socket.socket(socket.AF_UNIX)
        waiting.connect(str(made.socket))
        ours = Path(shutil.copy(HOOKS / "post-receive", made.spool.parent))
        patient(ours)
        hook = subprocess.Popen(
            (ours,), cwd=made.bare, env=environment(GIT_DIR="."),
            stdin=subprocess.PIPE, stderr=subprocess.PIPE,
        )  # fmt: skip
        assert hook.stdin is not None
        hook.stdin.write(MOVED)
        hook.stdin.close()
        hook.stdin = None
        time.sleep(0.2)
        stack.enter_context(waiting)
        stack.enter_context(listener.accept()[0])
        connection = stack.enter_context(listener.accept()[0])
        assert connection.recv(1000)
        connection.sendall(b'{"ok":true,"message":"late"}\n')
        assert hook.communicate(timeout=60)[1] == b"releasd: late\n"
