"""The command line's manners: help, exit codes, JSON, plain output (DESIGN.md §5.1)."""

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

from releasd import cli
from releasd.cli import COMMANDS
from support.cli import Terminal, on_a_terminal

SUBCOMMANDS = ("hook install", "hook remove", "hook status", "hosts probe", "hosts add",
               "hosts remove", "hosts drain", "hosts resume", "audit verify", "audit acknowledge",
               "secrets check")  # fmt: skip
ESCAPE = "\x1b["


@pytest.fixture
def terminal(tmp_path: Path) -> Terminal:
    """Return a shell in an empty folder, with nothing configured."""
    return Terminal(tmp_path, tmp_path)


def said_here(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str]:
    """Run a command in this process; return its exit code and output."""
    monkeypatch.setattr(sys, "argv", ["releasd", *arguments])
    try:
        cli.main()
        code = 0
    except SystemExit as end:
        code = int(end.code or 0)
    return code, capsys.readouterr().out


@pytest.mark.parametrize("command", ["", *COMMANDS, *SUBCOMMANDS])
def test_every_command_has_help(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], command: str
) -> None:
    """`--help` and `-h` say what a command does; every command but a subcommand shows examples."""
    code, text = said_here(monkeypatch, capsys, *command.split(), "--help")
    assert code == 0
    assert text.startswith(f"Usage: releasd {command}".rstrip())
    assert said_here(monkeypatch, capsys, *command.split(), "-h") == (0, text)
    if command not in SUBCOMMANDS:
        assert re.search(r"^ *Examples:\n +releasd ", text, re.MULTILINE)


def test_the_overview_lists_every_command_as_its_own_help_begins(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The table that spares the import says the same as each command itself."""
    _, overview = said_here(monkeypatch, capsys, "--help")
    for command, line in COMMANDS.items():
        assert re.search(rf"^  {command} +{re.escape(line)}$", overview, re.MULTILINE)
        assert line.rstrip(".") in said_here(monkeypatch, capsys, command, "--help")[1]


@pytest.mark.parametrize(
    "command", sorted(set(COMMANDS) - {"run", "demo", "hook", "audit", "secrets"} | set(SUBCOMMANDS))
)
def test_every_command_takes_json(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], command: str
) -> None:
    """`--json` is part of every command that answers."""
    assert "--json" in said_here(monkeypatch, capsys, *command.split(), "--help")[1]


def test_version(terminal: Terminal) -> None:
    """`--version` says which releasd this is, and nothing else."""
    said = terminal.run("--version")
    assert said.code == 0
    assert re.fullmatch(r"releasd \d+\.\d+\.\d+\S*\n", said.out)


@pytest.mark.parametrize(
    ("typed", "meant"), [("stauts", "status"), ("relase", "release"), ("doctr", "doctor"), ("plans", "plan")]
)
def test_an_unknown_command_suggests_the_one_that_was_meant(terminal: Terminal, *, typed: str, meant: str) -> None:
    """A slip of the fingers is wrong usage, answered with the right word."""
    said = terminal.run(typed)
    assert (said.code, said.out) == (2, "")
    assert f"no such command: {typed}. Did you mean {meant}?" in said.err


@pytest.mark.parametrize(
    "arguments",
    [
        ("nonsense",),
        ("plan", "--nonsense"),
        ("release",),
        ("cancel", "seven"),
        ("retry", "7", "--from", "nonsense"),
        ("release", "demo", "--bump", "none"),
        ("plan", "--date", "yesterday"),
        ("log",),
        ("hook",),
        ("hook", "nonsense"),
        ("log", "1", "--step", "nonsense"),
    ],
)
def test_wrong_usage_is_two(terminal: Terminal, arguments: tuple[str, ...]) -> None:
    """What cannot be understood is told on standard error, with how to use the command, under exit code 2."""
    said = terminal.run(*arguments)
    assert (said.code, said.out) == (2, "")
    assert "Usage: releasd" in said.err


NEEDS_CONFIGURATION = (
    ("status",), ("log", "7"), ("log", "demo"), ("release", "demo"), ("retry", "7"), ("cancel", "7"), ("hosts",),
    ("hosts", "probe"), ("hosts", "add", "build@far"), ("hosts", "remove", "far"), ("hosts", "drain", "far"),
    ("doctor",), ("audit", "verify"), ("audit", "acknowledge", "1", "--note", "x"), ("yank", "demo", "1.0.0"),
    ("run",), ("hook", "install"),
)  # fmt: skip


@pytest.mark.parametrize("arguments", NEEDS_CONFIGURATION, ids=" ".join)
def test_without_a_configuration_is_two(terminal: Terminal, arguments: tuple[str, ...]) -> None:
    """The message names the place that was looked at and the command that writes one."""
    said = terminal.run(*arguments)
    assert (said.code, said.out) == (2, "")
    assert "no configuration at " in said.err
    assert "→ releasd init" in said.err


@pytest.mark.parametrize("arguments", [each for each in NEEDS_CONFIGURATION if each[0] != "run"], ids=" ".join)
def test_errors_with_json_are_one_document(terminal: Terminal, arguments: tuple[str, ...]) -> None:
    """A program reads what happened, what to do and the exit code from standard output; nothing else is there."""
    said = terminal.run(*arguments, "--json")
    assert said.code == 2
    assert set(said.document) == {"error", "advice", "exit_code"}
    assert said.document["exit_code"] == 2
    assert said.err == ""


@pytest.fixture
def configured(terminal: Terminal) -> Terminal:
    """Return a shell with a configuration of nothing, and no daemon."""
    file = terminal.home / "releasd.toml"
    file.write_text(f'[daemon]\nstate = "{terminal.home}/state"\nruntime = "{terminal.home}/run"\n')
    terminal.environ["RELEASD_CONFIG"] = str(file)
    return terminal


@pytest.mark.parametrize("arguments", [("release", "demo"), ("retry", "7"), ("cancel", "7")], ids=" ".join)
@pytest.mark.parametrize("socket", ["absent", "dead"])
def test_a_daemon_that_is_needed_and_down_is_four(
    configured: Terminal, *, arguments: tuple[str, ...], socket: str
) -> None:
    """What only a daemon can do says that there is none, and how to start it."""
    if socket == "dead":
        (configured.home / "run").mkdir()
        (configured.home / "run" / "control.sock").write_text("")
    said = configured.run(*arguments)
    assert (said.code, said.out) == (4, "")
    assert "the daemon does not answer on " in said.err
    assert "→ start it: releasd run" in said.err
    assert configured.run(*arguments, "--json").document["exit_code"] == 4


@pytest.mark.parametrize("environ", [{}, {"NO_COLOR": "1"}, {"TERM": "xterm-256color"}])
def test_piped_output_is_plain(configured: Terminal, environ: dict[str, str]) -> None:
    """Where the output is no terminal there are no colours and no lines broken for a screen."""
    said = configured.run("release", "demo", environ=environ)
    assert ESCAPE not in said.out + said.err
    assert len(said.err.splitlines()) == 2


def test_a_terminal_gets_colours_unless_it_asks_for_none(configured: Terminal) -> None:
    """On a screen an error is red; with NO_COLOR it is not."""
    assert "\x1b[1;31m" in on_a_terminal(configured, "release", "demo")
    plain = on_a_terminal(configured, "release", "demo", NO_COLOR="1")
    assert "the daemon does not answer" in plain
    assert "31m" not in plain


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion_is_a_script(terminal: Terminal, shell: str) -> None:
    """Each shell gets the script that its help promises."""
    said = terminal.run(environ={"_RELEASD_COMPLETE": f"{shell}_source"})
    assert said.code == 0
    assert "_RELEASD_COMPLETE" in said.out
    assert "releasd" in said.out


def test_completion_knows_commands_and_options(terminal: Terminal) -> None:
    """The script asks the command itself, which answers with what could come next."""
    asked = {"_RELEASD_COMPLETE": "zsh_complete", "COMP_WORDS": "releasd st", "COMP_CWORD": "1"}
    assert "status" in terminal.run(environ=asked).out
    asked |= {"COMP_WORDS": "releasd status --w", "COMP_CWORD": "2"}
    assert "--watch" in terminal.run(environ=asked).out


def test_a_reader_that_leaves_is_no_failure(configured: Terminal) -> None:
    """`releasd --help | head -0` ends quietly."""
    command = f"{sys.executable} -m releasd.cli plan --help | true"
    done = subprocess.run(("sh", "-c", command), capture_output=True, text=True, timeout=60, check=False)
    assert done.stderr == ""


def test_a_configuration_that_is_no_toml_is_told_by_every_command(terminal: Terminal) -> None:
    """The message names file and place, as JSON too."""
    file = terminal.home / "bad.toml"
    file.write_text("[daemon\n")
    said = terminal.run("status", "--config", str(file), "--json")
    assert said.code == 2
    assert "not valid TOML" in said.document["error"]
    assert str(file) in json.dumps(said.document)
