"""What ssh's own configuration says of a build host: asked of `ssh -G`, which alone knows all of its rules.

`Include`, patterns and `Match` count as they do for ssh, and so do its files: the user's is in the home that the system
has for them, whatever `$HOME` says. Nothing is connected to. Commands of `Match exec` run, as for each `ssh` to there.
"""

import getpass
import re
import subprocess
from dataclasses import dataclass
from pathlib import Path

from releasd.adapters.git.run import environment, run
from releasd.errors import GitError, HostLost, Permanent

ANSWER_WITHIN = 10.0  # seconds; only a slow `Match exec` takes any
_JUMP = re.compile(r"(?:ssh://)?(?:(?P<user>.+)@)?(?P<host>\[[^\]]+\]|[^:]+)(?::(?P<port>\d+))?/?")


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """A host as someone names it; what is None is for the configuration to say."""

    host: str
    user: str | None = None
    port: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """How ssh would reach a host: its `jumps` in the order in which they are passed, or else by `command`."""

    host: str
    user: str
    port: int
    alias: str | None  # under which its key is known
    identities: tuple[Path, ...]
    identities_only: bool
    known_hosts: tuple[Path, ...]
    jumps: tuple[Target, ...]
    command: str | None


def settings(target: Target) -> Settings:
    """Return what ssh would do.

    Raises:
        Permanent: there is no ssh, or it refuses its configuration.
        HostLost: it did not answer in time.
    """
    said = _ask(target)
    host, port, user = said["hostname"][0], int(said["port"][0]), said["user"][0]
    alias = next(iter(said.get("hostkeyalias", ())), None)
    tokens = {"h": host, "n": target.host, "p": str(port), "r": user, "k": alias or target.host}
    tokens |= {"%": "%", "d": str(Path("~" + getpass.getuser()).expanduser()), "u": getpass.getuser()}
    command = next(iter(said.get("proxycommand", ())), "none")
    return Settings(
        host=host,
        user=user,
        port=port,
        alias=alias,
        identities=tuple(_path(each, tokens) for each in said.get("identityfile", ()) if each != "none"),
        identities_only=said.get("identitiesonly") == ["yes"],
        known_hosts=tuple(
            _path(name, tokens)
            for key in ("userknownhostsfile", "globalknownhostsfile")
            for each in said.get(key, ())
            for name in each.split()
            if name != "none"
        ),
        jumps=_jumps(next(iter(said.get("proxyjump", ())), "none")),
        command=None if command == "none" else _filled(command, {key: tokens[key] for key in "npr"}),
    )


def _ask(target: Target) -> dict[str, list[str]]:
    """Return all settings, by their names in small letters."""
    user = ("-l", target.user) if target.user else ()
    port = ("-p", str(target.port)) if target.port else ()
    try:
        answer = run(("ssh", "-G", *user, *port, "--", target.host), env=environment(), timeout=ANSWER_WITHIN)
    except GitError as error:
        raise Permanent(
            "ssh is not installed", advice="install OpenSSH's client: it reads its configuration"
        ) from error
    except subprocess.TimeoutExpired as error:
        raise HostLost(
            f"ssh did not say how it reaches {target.host} within {ANSWER_WITHIN:g} s",
            advice=f"see which command of the ssh configuration takes so long: ssh -vG {target.host}",
        ) from error
    if answer.status:
        raise Permanent(
            f"ssh does not know how to reach {target.host}: {answer.stderr.strip()}",
            advice=f"mend the ssh configuration until this works: ssh -G {target.host}",
        )
    found: dict[str, list[str]] = {}
    for line in answer.stdout.decode(errors="replace").splitlines():
        name, _, value = line.partition(" ")
        found.setdefault(name.lower(), []).append(value)
    return found


def _jumps(words: str) -> tuple[Target, ...]:
    """Return the jump hosts that `ProxyJump` names."""
    found = [_JUMP.fullmatch(each) for each in words.split(",")] if words != "none" else []
    return tuple(
        Target(host=each["host"].strip("[]"), user=each["user"], port=int(each["port"]) if each["port"] else None)
        for each in found
        if each  # ssh has refused what is none
    )


def _path(name: str, tokens: dict[str, str]) -> Path:
    filled = _filled(name, tokens)
    return Path(tokens["d"] + filled[1:] if filled.startswith("~/") else filled)


def _filled(text: str, tokens: dict[str, str]) -> str:
    """Return the text with its tokens (`%h`) filled in; those that are not known stay."""
    return re.sub(r"%(.)", lambda found: tokens.get(found[1], found[0]), text)
