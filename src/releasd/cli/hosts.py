"""`releasd hosts`."""

from pathlib import Path
from typing import Any

import click
from rich.table import Table
from rich.text import Text

from releasd.cli import options, output
from releasd.errors import CheckFailed

EPILOG = """\b
Examples:
  releasd hosts              the hosts as last probed
  releasd hosts probe        connect to each and say what it can do, and why it cannot
"""


@click.group(epilog=EPILOG, invoke_without_command=True)
@click.pass_context
@options.as_json
@options.config
def command(ctx: click.Context, as_json: bool, config_file: Path | None) -> None:
    """List or probe the registered build hosts."""
    if ctx.invoked_subcommand is None:
        from releasd.app import remote

        hosts = remote.status(config_file, options.environ(), None)["hosts"]
        _show([{**host["facts"], **host} for host in hosts], as_json)


@command.command()
@options.as_json
@options.config
def probe(as_json: bool, config_file: Path | None) -> None:
    """Connect to every host; exit code 1 when one cannot build."""
    from releasd.app.probing import probe_all

    hosts = probe_all(config_file, options.environ())
    _show(hosts, as_json)
    if not all(host["ok"] for host in hosts):
        raise SystemExit(CheckFailed.exit_code)


def _show(hosts: list[dict[str, Any]], as_json: bool) -> None:
    if as_json:
        output.print_json({"schema": 1, "hosts": hosts})
        return
    out = output.console()
    if not hosts:
        out.print("no host was probed yet: releasd hosts probe")
        return
    if out.is_terminal:
        out.print(_table(hosts))
        return
    for host in hosts:
        out.print(f"{host['name']} {'able' if host['ok'] else 'unable'} {' '.join(host['labels'])} {host['reason']}")


def _table(hosts: list[dict[str, Any]]) -> Table:
    table = Table(box=None, pad_edge=False, header_style="bold")
    for name in ("host", "able", "system", "disk free", "labels", "tools", ""):
        table.add_column(name, overflow="fold")
    for host in hosts:
        able = Text("yes", style="green") if host["ok"] else Text("no", style="red")
        free = f"{host['disk_free'] >> 30} GB" if "disk_free" in host else ""
        system = f"{host.get('system', '')} {host.get('machine', '')}"
        labels, tools = " ".join(host["labels"]), " ".join(host.get("tools", ()))
        table.add_row(host["name"], able, system, free, labels, tools, host["reason"])
    return table
