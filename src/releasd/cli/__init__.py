"""The command line: one file per command, imported only when that command is asked for.

`releasd status` and `releasd plan` have a quarter of a second for everything (DESIGN.md §2), and importing all of the
product costs more than that.
"""

import gc
import importlib
import os
import sys
from typing import Any

import click

from releasd.cli import output
from releasd.errors import ReleasdError

# One line per command: what `releasd --help` shows, without importing the command.
COMMANDS = {
    "run": "Run the daemon in the foreground.",
    "status": "Show the daemon, queue, what runs, hosts and last releases.",
    "log": "Show what a job's builds and steps wrote.",
    "plan": "Show what would be released, and why, commit by commit.",
    "notes": "Show the release notes alone.",
    "replay": "Show what releasd would have decided for every past release.",
    "release": "Ask for a release now.",
    "retry": "Resume a failed or cancelled job where it stopped.",
    "cancel": "Cancel a job.",
    "approve": "Let a job that waits for an approval go on.",
    "yank": "Say how to yank a version, and plan the release past it.",
    "hook": "Install, remove or look at the git hook of a repository.",
    "hosts": "List, probe, add, remove, drain and resume build hosts.",
    "init": "Write a first configuration for a repository.",
    "secrets": "Prove that each secret can be had, without showing it.",
    "verify-release": "Check a release's files, provenance and signatures.",
    "doctor": "Check the configuration and everything that it names.",
    "audit": "Verify the audit log, and settle alarms about indexes.",
    "demo": "Show a whole release on this machine, from push to index.",
}


class _Lazy(click.Group):
    """A group whose commands are imported by name when they are needed."""

    def list_commands(self, _: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, _: click.Context, name: str) -> click.Command | None:
        if name not in COMMANDS:
            return None
        module = importlib.import_module(f"releasd.cli.{name.replace('-', '_')}")
        command: click.Command = module.command
        return command

    def format_commands(self, _: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl(list(COMMANDS.items()))

    def resolve_command(self, ctx: click.Context, args: list[str]) -> Any:
        if args and args[0] not in COMMANDS:
            import difflib

            close = difflib.get_close_matches(args[0], COMMANDS, n=1)
            hint = f" Did you mean {close[0]}?" if close else ""
            ctx.fail(f"no such command: {args[0]}.{hint}")
        return super().resolve_command(ctx, args)


EPILOG = """\b
Examples:
  releasd demo                        see a whole release happen
  releasd plan                        what would be released from here, and why
  releasd init                        write a first configuration
  releasd run                         the daemon; see docs/service.md for systemd and launchd
  releasd status --watch
\b
Completion: eval "$(_RELEASD_COMPLETE=bash_source releasd)"   (also zsh_source, fish_source)
Exit codes: 0 done, 1 failed, 2 wrong usage or configuration, 3 nothing to release, 4 daemon not running
"""


@click.command(
    cls=_Lazy, epilog=EPILOG, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100}
)
@click.version_option(package_name="releasd", message="%(prog)s %(version)s")
def group() -> None:
    """Turn a push to main into a verified release, without ever leaving one half done."""


# When the interpreter looks for garbage, before `main` makes that rare.
USUAL_COLLECTION = gc.get_threshold()


def main() -> None:
    """Run the command line; every error of ours becomes a message with its advice, and its exit code."""
    gc.set_threshold(50_000)  # most of what a command makes it imports, and keeps: looking through it is a tenth of it
    try:
        group.main(prog_name="releasd", standalone_mode=False)
    except click.exceptions.Exit as done:
        sys.exit(done.exit_code)
    except click.Abort:
        sys.exit(130)  # as a shell reports an interrupt
    except click.ClickException as error:
        error.show()
        sys.exit(2)
    except ReleasdError as error:
        output.print_error(error, as_json="--json" in sys.argv)
        sys.exit(error.exit_code)
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # `releasd log … | head` is no failure
        sys.exit(0)
    finally:
        gc.freeze()  # else the interpreter looks through everything once more on its way out: 10 ms
