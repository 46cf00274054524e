"""What a container's image has: asked of a container with no network and no rights, once for each image.

The answer is kept beside the folders of the builds, by the image's id; the same bytes have the same programs.
"""

from __future__ import annotations

import json
import os
import shlex
import time
from hashlib import sha256
from pathlib import Path
from typing import Any

from releasd.adapters.runner.container import (
    RECORD,
    ask,
    check_limits,
    choose_engine,
    is_absent,
    name_of,
    rights,
    words_of,
    write_durably,
)
from releasd.adapters.runner.folders import claim, release
from releasd.adapters.runner.kept import UNUSED, kept_folder
from releasd.adapters.runner.leash import Leash
from releasd.adapters.runner.processes import Refused

HAS, DONE = "releasd: has ", "releasd: looked"  # lines of the container's output


def look(leash: Leash, spec: dict[str, Any], env: dict[str, str], workdir: Path) -> dict[str, Any]:
    """Say what keeps a container from running here, whether its image has to be pulled, and which tools that lacks."""
    container: dict[str, Any] = spec["container"]
    seen: dict[str, Any] = {"problem": None, "is_absent": False, "missing": ()}
    try:
        program, mapping, has_limits = choose_engine(spec["engine"], env)
        check_limits(container, program, has_limits=has_limits)
        leash.beat()
        answer = ask([program, "image", "inspect", container["image"]], env)
        if answer.returncode == 0:
            image = _Image(program, [*mapping, *rights({**container, "network": "none"})], env, container["env"])
            missing = image.missing(leash, workdir, json.loads(answer.stdout)[0]["Id"], spec["inside"])
            return {**seen, "missing": missing}
    except Refused as error:
        return {**seen, "problem": str(error)}
    if not is_absent(answer):
        return {**seen, "problem": f"{program} cannot be used ({words_of(answer)})"}
    problem = f'lacks the image {container["image"]}, and pull = "never"' if container["pull"] == "never" else None
    return {**seen, "problem": problem, "is_absent": True}


class _Image:
    """How an image is looked into: an engine's program with its options and environment, and the build's variables."""

    def __init__(self, program: str, options: list[str], env: dict[str, str], variables: dict[str, str]) -> None:
        self._command = [program, "run", "--rm", "--interactive", *options]
        self._env = env
        self._path = variables.get("PATH")

    def missing(self, leash: Leash, workdir: Path, image: str, tools: list[str]) -> list[str]:
        """Return those of the tools that the image of this id lacks. Raises `Refused` where no container of it runs."""
        name = sha256(json.dumps([image, self._path]).encode()).hexdigest()
        memory = kept_folder(workdir, "images") / f"{name}.json"
        known = _recall(memory)
        unknown = [tool for tool in tools if tool not in known]
        if unknown:
            said = self._said(leash, workdir, image, self._script(unknown)).splitlines()
            known.update({tool: HAS + tool in said for tool in unknown})
            _remember(memory, known)
        return [tool for tool in tools if not known[tool]]

    def _script(self, tools: list[str]) -> str:
        path = [] if self._path is None else [f"PATH={shlex.quote(self._path)}"]
        looks = [f"command -v {tool} > /dev/null && echo '{HAS}'{tool}" for tool in map(shlex.quote, tools)]
        return "\n".join((*path, *looks, f"echo '{DONE}'\n"))

    def _said(self, leash: Leash, workdir: Path, image: str, script: str) -> str:
        """Run a script in a container that belongs to a folder, as a build's does: whoever removes one removes both."""
        folder = workdir / f"look-{os.getpid()}-{time.time_ns()}"
        lock = claim(folder)
        try:
            record = {"program": self._command[0], "name": name_of(folder), "env": self._env}
            write_durably(folder / RECORD, record)
            leash.beat()
            marked = {**self._env, "RELEASD_OUT": f"{folder}/out"}  # by which a later runner finds what is left
            answer = ask([*self._command, f"--name={record['name']}", image, "-s"], marked, said=script)
        finally:
            release(folder, lock, leash.beat)
        if DONE not in answer.stdout.splitlines():
            raise Refused(f"{Path(self._command[0]).name} cannot run a container of this image ({words_of(answer)})")
        return answer.stdout


def _recall(memory: Path) -> dict[str, bool]:
    try:
        known = json.loads(memory.read_text())
    except (OSError, ValueError):
        return {}
    return known if isinstance(known, dict) else {}


def _remember(memory: Path, known: dict[str, bool]) -> None:
    """Keep what is known of an image, and forget those that nobody asked about for long."""
    part = memory.with_suffix(f".{os.getpid()}")
    part.write_text(json.dumps(known))
    part.replace(memory)
    for path in memory.parent.iterdir():
        try:
            if path.stat().st_mtime < time.time() - UNUSED:
                path.unlink()
        except FileNotFoundError:
            continue  # forgotten by another runner just now
