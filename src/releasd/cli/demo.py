"""`releasd demo`: one release from push to index, then one whose build fails, all of it real."""

import os
import sys
import time
from typing import TYPE_CHECKING, Any

import click

from releasd.cli import output
from releasd.errors import ReleasdError

if TYPE_CHECKING:
    from releasd.app.demo import Stage

EPILOG = """\b
Examples:
  releasd demo
  releasd demo --keep      leave the folder, to look around afterwards
\b
Needs the extra `demo` (pip install 'releasd[demo]') for the index; touches nothing outside of one temporary folder.
"""
FIND_WITHIN = 10.0  # seconds from the push to its job


@click.command(epilog=EPILOG)
@click.option("--keep", is_flag=True, help="Leave the folder behind.")
def command(keep: bool) -> None:
    """Show a whole release on this machine, from push to index."""
    from releasd.app.demo import stage

    started = time.monotonic()
    _say("Setting the stage: a bare repository, a package index, the daemon, the hook …")
    with stage(os.environ, keep=keep) as scene:
        _release(scene)
        _look_back(scene)
        _fail(scene)
        _where(scene, keep=keep)
    _say(f"Done in {time.monotonic() - started:.0f} s" + ("." if keep else "; everything was cleaned up."))


def _say(text: str) -> None:
    out = output.console()
    out.print()
    out.print(text, style="bold")


def _show(command_line: str, text: str) -> None:
    out = output.console()
    out.print(f"$ {command_line}", style="bold cyan")
    out.print(text.rstrip())


def _push(scene: "Stage", message: str, files: dict[str, str]) -> dict[str, Any]:
    """Commit, push, and follow the job to its end."""
    from releasd.cli.progress import follow

    scene.commit(message, files)
    commit = scene.run("git", "rev-parse", "HEAD").strip()
    _show(f'git commit -m "{message}" && git push', scene.run("git", "push"))
    job = _job_of(scene, commit)
    return follow(lambda: scene.daemon.get(f"/v1/jobs/{job}"))


def _job_of(scene: "Stage", commit: str) -> int:
    deadline = time.monotonic() + FIND_WITHIN
    while time.monotonic() < deadline:
        found = scene.daemon.get("/v1/status")
        for job in (*found["jobs"], *found["recent"]):
            if job["commit"] == commit:
                return int(job["id"])
        time.sleep(0.05)
    raise ReleasdError("the daemon did not hear of the push", advice=f"look at {scene.folder}/daemon.log")


def _release(scene: "Stage") -> None:
    _say("1. A feature is pushed to main.")
    code = '__version__ = "0.1.0"\n\n\ndef greet(name: str = "world") -> str:\n    return f"hello, {name}"\n'
    job = _push(scene, "feat: greet by name", {"src/releasd_greeting/__init__.py": code})
    if job["state"] != "succeeded":
        raise ReleasdError(f"the release failed: {job['reason']}", advice=f"look at {scene.folder}/daemon.log")
    said = scene.install(job["version"])
    output.console().print(f"The index serves {job['version']}, and it installs: {said!r}", style="bold green")


def _look_back(scene: "Stage") -> None:
    _say("2. What it left behind.")
    cli = (sys.executable, "-m", "releasd.cli")
    _show("releasd status", scene.run(*cli, "status"))
    scene.run("git", "pull", "--quiet", "--tags")
    _show("git cat-file tag v0.2.0", scene.run("git", "cat-file", "tag", "v0.2.0"))
    _show("git log --oneline -3", scene.run("git", "log", "--oneline", "-3"))
    _show("cat CHANGELOG.md", (scene.work / "CHANGELOG.md").read_text())
    _show("releasd audit verify", scene.run(*cli, "audit", "verify"))


def _fail(scene: "Stage") -> None:
    _say("3. A push whose build fails: nothing of it becomes public.")
    broken = (scene.work / "pyproject.toml").read_text().replace("README.md", "MISSING.md")
    before = _public(scene)
    job = _push(scene, "feat: a readme that is not there", {"pyproject.toml": broken})
    after = _public(scene)
    words = scene.run(sys.executable, "-m", "releasd.cli", "log", str(job["id"]), "--step", "build")
    _show(f"releasd log {job['id']} --step build | tail -2", "\n".join(words.splitlines()[-2:]))
    if job["state"] != "failed" or before != after:
        raise ReleasdError(f"this should have failed without a trace; the job {job['state']}: {before} → {after}")
    pushed = scene.run("git", "rev-parse", "HEAD").strip()
    tip = scene.run("git", "--git-dir", str(scene.repository), "rev-parse", "main").strip()
    if tip != pushed:
        raise ReleasdError(f"main is at {tip}, the push was {pushed}")
    out = output.console()
    out.print(f"tags: {' '.join(after['tags'])}; files on the index: {len(after['files'])}; main: as it was pushed.")
    out.print("No tag, no commit, no file: the same push works once its build does.", style="bold green")


def _public(scene: "Stage") -> dict[str, list[str]]:
    """Return everything that the world can see of the releases: the tags and the index's files."""
    from releasd.app.demo import listed

    tags = scene.run("git", "--git-dir", str(scene.repository), "tag").split()
    return {"tags": tags, "files": listed(scene.index)}


def _where(scene: "Stage", *, keep: bool) -> None:
    _say("4. Where everything is" + (":" if keep else ", until it is cleaned up:"))
    for what, path in (
        ("configuration", scene.config),
        ("repository, with its hook", scene.repository),
        ("state: database, audit log, job logs, artifacts", scene.folder / "state"),
        ("sockets", scene.folder / "run"),
        ("the daemon's log", scene.folder / "daemon.log"),
        ("index", scene.folder / "index"),
    ):
        output.console().print(f"  {path}  {what}")
