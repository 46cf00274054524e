"""How hosts look to people."""

from collections.abc import Sequence
from typing import Any

from rich.table import Table
from rich.text import Text

from releasd.cli import output

Host = dict[str, Any]
SKEWED = 5.0  # seconds; a clock that is off by more is worth a word


def print_hosts(hosts: Sequence[Host]) -> None:
    """Print the registered hosts as last seen."""
    out = output.console()
    if not hosts:
        out.print("no host was looked at yet: releasd hosts probe")
    elif out.is_terminal:
        out.print(table(hosts))
    else:
        for host in hosts:
            busy = f"{len(host['running'])}/{host.get('slots', '?')}"
            line = f"{host['name']} {state(host)} {busy} {' '.join(host.get('labels', ()))}"
            out.print(f"{line} probed {host['at'] or 'never'} {host['why'] or _notes(host)}".rstrip())


def table(hosts: Sequence[Host]) -> Table:
    """Return the registered hosts, each with what runs there and why it is not used."""
    made = _table("host", "state", "busy", "labels", "runs", "probed", "")
    for host in hosts:
        runs = ", ".join(f"{each['build']} of {each['project']}" for each in host["running"])
        busy = f"{len(host['running'])}/{host.get('slots', '?')}"
        shown = Text(state(host), style="green" if host["usable"] else "bold red")
        labels = " ".join(host.get("labels", ()))
        made.add_row(host["name"], shown, busy, labels, runs, host["at"] or "never", host["why"] or _notes(host))
    return made


def state(host: Host) -> str:
    """Return whether a host takes builds, in a word."""
    if host["drained"]:
        return "drained"
    return "quarantined" if host["quarantined"] else "able"


def print_probe(found: dict[str, Any]) -> None:
    """Print what hosts said, then of each build where it would run."""
    out = output.console()
    for host in found["hosts"]:
        out.print(f"{_mark(host['ok'])} {host['name']}: {_seen(host)}", style=None if host["ok"] else "bold red")
        if host["advice"]:
            out.print(f"    → {host['advice']}")
    for build in found["builds"]:
        if build["build"] is None:
            out.print(f"? {build['project']}: {build['reason']}", style="yellow")
            continue
        able = [name for name, why in build["hosts"].items() if not why]
        nowhere = "would run on none of these" if build["ok"] is None else "would run nowhere"
        says = f"would run on {', '.join(able)}" if able else nowhere
        style = None if able else "yellow" if build["ok"] is None else "bold red"
        out.print(f"{_mark(build['ok'])} {build['project']} {build['build']}: {says}", style=style)
        for name, why in build["hosts"].items():
            if why:
                out.print(f"    {name} {why}", style="dim")


def _seen(host: Host) -> str:
    if not host["ok"]:
        return str(host["reason"])
    words = [f"{host['system']} {host['machine']}", host.get("libc", "")]
    if "memory" in host:
        words.append(f"{host['cores']} cores, {host['memory'] >> 30} GB")
    words.append(f"{host['disk_free'] >> 30} GB of disk free")
    words += [f"{name} {version}" for name, version in host.get("programs", {}).items()]
    words += [f"{len(images)} images of {engine}" for engine, images in host.get("images", {}).items()]
    return ", ".join(word for word in (*words, _notes(host)) if word)


def _notes(host: Host) -> str:
    offset = host.get("clock_offset", 0.0)
    if abs(offset) <= SKEWED:
        return ""
    return f"its clock is {output.span(abs(offset))} {'fast' if offset > 0 else 'slow'}"


def _mark(ok: object) -> str:
    return "?" if ok is None else "✓" if ok else "✗"


def _table(*columns: str) -> Table:
    made = Table(box=None, pad_edge=False, header_style="bold")
    for column in columns:
        made.add_column(column, overflow="fold")
    return made
