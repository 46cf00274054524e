"""`releasd hosts`."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from releasd.cli import options, output
from releasd.errors import CheckFailed, UsageError

if TYPE_CHECKING:
    from releasd.adapters.ssh import HostKey

EPILOG = """\b
Examples:
  releasd hosts                                     all hosts: slots, what runs there, why one is not used
  releasd hosts add build@bigblack --label docker   show its key, look at it, write it into the configuration
  releasd hosts probe                               look at each now; say of every build where it would run
  releasd hosts drain bigblack                      let it finish what runs, and take nothing new
  releasd hosts resume bigblack
  releasd hosts remove bigblack
"""


@click.group(epilog=EPILOG, invoke_without_command=True)
@click.pass_context
@options.as_json
@options.config
def command(ctx: click.Context, as_json: bool, config_file: Path | None) -> None:
    """List, probe, add, remove, drain and resume build hosts."""
    if ctx.invoked_subcommand is None:
        from releasd.app import remote
        from releasd.cli import hostsview

        hosts = [{**host["facts"], **host} for host in remote.status(config_file, options.environ(), None)["hosts"]]
        if as_json:
            output.print_json({"schema": 1, "hosts": hosts})
        else:
            hostsview.print_hosts(hosts)


@command.command(
    epilog="""\b
Examples:
  releasd hosts probe
  releasd hosts probe bigblack --json | jq '.builds[] | select(.ok == false)'
\b
Exit code 1: a host cannot be used, or a build would run nowhere. Where hosts are named the others are not looked at,
and .ok of a build that may run there is null.
"""
)
@click.argument("names", metavar="[NAME]...", nargs=-1, shell_complete=options.host_names)
@options.as_json
@options.config
def probe(names: tuple[str, ...], as_json: bool, config_file: Path | None) -> None:
    """Look at hosts now, by default at all; say of every build of every project whether it would run there."""
    from releasd.app.probing import probe_all
    from releasd.cli import hostsview

    found = probe_all(config_file, options.environ(), names)
    if as_json:
        output.print_json(found)
    else:
        hostsview.print_probe(found)
    if not all(each["ok"] in {True, None} for each in (*found["hosts"], *found["builds"])):
        raise SystemExit(CheckFailed.exit_code)


@command.command(
    epilog="""\b
Examples:
  releasd hosts add build@bigblack --label docker
  releasd hosts add build@10.0.0.7 --name mini --port 2222 --identity ~/.ssh/releasd --slots 2
  releasd hosts add build@bigblack --fingerprint SHA256:…        from a script: nothing is asked
\b
Compare what is shown with the host itself: ssh-keygen -lf /etc/ssh/ssh_host_ed25519_key.pub
Labels for system, processor, C library, docker and podman are found out; --label adds others.
"""
)
@click.argument("address", metavar="[USER@]HOST")
@click.option("--name", help="What it is called here; default: HOST.")
@click.option("--label", "labels", multiple=True, help="A label more; may be given several times.")
@click.option("--port", type=click.IntRange(1, 65535), default=22, help="The port of its SSH server; default: 22.")
@click.option("--identity", type=click.Path(path_type=Path, dir_okay=False), help="The private key; default: ssh's.")
@click.option("--slots", type=click.IntRange(1, 256), default=1, help="How many builds at the same time; default: 1.")
@click.option("--fingerprint", help="The host key that it has to show, as SHA256:…; else you are asked.")
@options.as_json
@options.config
def add(
    address: str,
    name: str | None,
    labels: tuple[str, ...],
    port: int,
    identity: Path | None,
    slots: int,
    fingerprint: str | None,
    as_json: bool,
    config_file: Path | None,
) -> None:
    """Register a host that is reached over SSH."""
    from releasd.app import enrol

    environ = options.environ()
    asked = enrol.request(address, name, port=port, identity=identity, labels=labels, slots=slots)
    enrol.require_new(asked, config_file, environ)
    keys, hops = enrol.keys_of(asked)
    trusted = enrol.matching(keys, fingerprint) if fingerprint else _confirmed(address, keys, as_json=as_json)
    file, entry = enrol.add(asked, [*hops, *(key.line for key in trusted)], config_file, environ)
    seen = enrol.take_over(asked.name, config_file, environ)
    host = seen["hosts"][0] if seen else None
    if as_json:
        output.print_json({"schema": 1, "name": asked.name, "file": str(file), "entry": entry, "host": host})
    else:
        _say_added(asked.name, file, entry["labels"], host)
    if host is not None and not host["ok"]:
        raise SystemExit(CheckFailed.exit_code)


def _confirmed(address: str, keys: "Sequence[HostKey]", *, as_json: bool) -> "Sequence[HostKey]":
    """Show the keys and ask; only a person at a terminal can answer."""
    import sys

    told = [f"{key.kind} {key.fingerprint}" for key in keys]
    if as_json or not sys.stdin.isatty():
        raise UsageError(
            f"{address} shows {', '.join(told)}, and there is no terminal to ask whether that is right",
            advice="compare it on the host, then repeat with --fingerprint SHA256:…",
        )
    out = output.console()
    out.print(f"{address} shows {'this key' if len(told) == 1 else 'these keys'}:")
    for line in told:
        out.print(f"  {line}")
    out.print("Compare on the host itself: ssh-keygen -lf /etc/ssh/ssh_host_ed25519_key.pub", style="dim")
    if not click.confirm("Is this the host?"):
        raise CheckFailed("the host's key was not confirmed; nothing was written")
    return keys


def _say_added(name: str, file: Path, labels: Sequence[str], host: dict[str, Any] | None) -> None:
    out = output.console()
    out.print(f"{name} is registered in {file}, with the labels {' '.join(labels)}", style="green")
    if host is None:
        out.print("the daemon is not running; it will know the host when it starts")
    elif host["ok"]:
        out.print("the daemon has looked at it, and it can build")
    else:
        out.print(f"the daemon cannot use it: {host['reason']}", style="bold red")
        out.print(f"  → {host['advice'] or 'the daemon may be another user, with other keys: --identity'}")


@command.command(
    epilog="""\b
Examples:
  releasd hosts remove bigblack
\b
Waits for the builds that run there; an interrupt leaves the host drained. Refused while a project's policy names it.
"""
)
@click.argument("name", shell_complete=options.host_names)
@options.as_json
@options.config
def remove(name: str, as_json: bool, config_file: Path | None) -> None:
    """Take a host out of the configuration, once nothing runs there."""
    from releasd.app import enrol

    err = output.console(stderr=True)
    file = enrol.remove(
        name, config_file, options.environ(), on_wait=lambda builds: err.print(f"waits for {'; '.join(builds)}")
    )
    if as_json:
        output.print_json({"schema": 1, "name": name, "file": str(file)})
    else:
        output.console().print(f"{name} is no longer in {file}")
        if not enrol.registered_names(config_file, options.environ()):
            output.console().print(
                "no host is left there: builds run on the daemon's own machine now, as the host local"
            )


@command.command(epilog="\b\nExamples:\n  releasd hosts drain bigblack")
@click.argument("name", shell_complete=options.host_names)
@options.as_json
@options.config
def drain(name: str, as_json: bool, config_file: Path | None) -> None:
    """Let a host finish what runs there and take nothing new; it stays so over restarts."""
    found = _steer(name, "drain", config_file)
    builds = [f"{each['build']} of {each['project']}" for each in found["running"]]
    text = f"{name} takes nothing new"
    _told(found, f"{text}; it finishes {', '.join(builds)}" if builds else f"{text}; nothing runs there", as_json)


@command.command(epilog="\b\nExamples:\n  releasd hosts resume bigblack")
@click.argument("name", shell_complete=options.host_names)
@options.as_json
@options.config
def resume(name: str, as_json: bool, config_file: Path | None) -> None:
    """Let a drained host take builds again."""
    _told(_steer(name, "resume", config_file), f"{name} takes builds again", as_json)


def _steer(name: str, what: str, config_file: Path | None) -> dict[str, Any]:
    from urllib.parse import quote

    from releasd.app import remote

    found: dict[str, Any] = remote.connect(config_file, options.environ()).post(
        f"/v1/hosts/{quote(name, safe='')}/{what}"
    )
    return found


def _told(found: dict[str, Any], text: str, as_json: bool) -> None:
    if as_json:
        output.print_json(found)
    else:
        output.console().print(text)
