"""A build inside of a docker or podman container, which is gone when its folder is.

Rule 5: *A container outlives its client.* So its name is on disk, in the task's folder, before it exists, and whoever
removes that folder, this runner or a later one, removes the container first.
Rule 6: *What a build says is not for the engine.* Its script and variables are in files that only the container
reads: never in an argument, nor in the client's environment, where DOCKER_HOST or LD_PRELOAD would act on the host.
Rule 7: *The same view everywhere.* The sources are read-only in /releasd/sources, and the script starts in a copy of
them in /releasd/src. Paths, host name and rights are those of every other host.
"""

from __future__ import annotations

import errno
import json
import os
import shlex
import shutil
import time
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Any

from releasd.adapters.runner.processes import Refused

if TYPE_CHECKING:
    import subprocess

OURSELVES = f"--user={os.getuid()}:{os.getgid()}"  # so that files come back as ours
ENGINES = ("docker", "podman")  # in this order of preference
RECORD = "container.json"  # in the task's folder: what removes its container
LABELLED = "labelled"  # there as well: the environment of a script that has docker make containers (core/extensions)
PASSED_ON = ("XDG_RUNTIME_DIR", "DOCKER_HOST", "DOCKER_CONTEXT", "DOCKER_CONFIG")  # of a login's environment
ASK_LIMIT = 8.0  # seconds for a question to the engine; below the leash
REMOVE_LIMIT = 12.0  # seconds for the removal of a container
MAKE_LIMIT = 5.0  # seconds for an engine to finish a container that it has begun to make
LATE_LIMIT = 120.0  # seconds after which an engine whose client is gone makes that container no more
REFUSED = 125  # the client script's exit status where there is no container
TMP, VAR_TMP = "/tmp", "/var/tmp"  # noqa: S108 - the container's own
CACHE = "/releasd/cache"
OOM_MARK = ".releasd-out-of-memory"  # in the container's /tmp
ABSENT = ("no such container", "no container with", "no such image", "image not known")
NEVER = "0001-"  # how an engine's StartedAt begins for a container that was not started

# What runs in the container: `env` are exports. A child killed for memory is told from one that failed by itself.
START = """\
{env}
cp -Rp /releasd/sources/. /releasd/src/
cd /releasd/src
sh -eu /releasd/script && exit 0
status=$?
for file in /sys/fs/cgroup/memory.events /sys/fs/cgroup/memory/memory.oom_control; do
  [ -r "$file" ] || continue
  while read -r key count; do
    if [ "$key" = oom_kill ] && [ "$count" != 0 ]; then : > /tmp/{mark}; fi
  done < "$file"
done
exit "$status"
"""
# What runs on the host before: it has the image there as it is asked for, and its id in a file. What the engine says of
# a pull is heard at once, and kept in a file as well, for the error.
FETCH = """\
look() {{ {look} > {image} 2> {errors}; }}
pull() {{
  mkfifo {said}
  tee {errors} < {said} >&2 &
  status=0
  {pull} 2> {said} || status=$?
  wait
  return "$status"
}}
{wanted}
"""
WANTED = {"never": "look", "missing": "look || { pull && look; }", "always": "pull && look"}
# What runs on the host then. The engine's words about creating are kept in a file, for the error. One of the two files
# `making` and `stop` is always seen by the other side: no container comes to be behind a remover's back. A client that
# ends because it was told to says nothing of the engine, so `making` stays then.
CLIENT = """\
: > {making}
[ ! -e {stop} ] || exit {refused}
{create} > /dev/null 2> {errors} || {{ cat {errors} >&2; [ -e {stop} ] || rm -f {making}; exit {refused}; }}
rm {making}
cat {errors} >&2
: > {errors}
exec {start}
"""


def client_environment(path: str, home: str, own: dict[str, str]) -> dict[str, str]:
    """Return the engine's client's environment: what it needs of the login's, and the operator's `own`."""
    env = {name: os.environ[name] for name in PASSED_ON if name in os.environ}
    runtime = f"/run/user/{os.getuid()}"
    if "XDG_RUNTIME_DIR" not in env and os.access(runtime, os.X_OK):  # a sandbox may close it, by ProtectHome=
        env["XDG_RUNTIME_DIR"] = runtime
    return {**env, "PATH": path, "HOME": home, **own}


def choose_engine(wanted: str | None, env: dict[str, str]) -> tuple[str, list[str], bool]:
    """Return the program, the options that map its user to ours, and whether it can enforce limits.

    Raises `Refused` where neither engine, or not the wanted one, can be used, saying why.
    """
    problems = []
    for name in (wanted,) if wanted else ENGINES:
        program = shutil.which(name, path=env["PATH"])
        if program is None:
            problems.append(f"{name} is not installed")
        elif name == "podman":
            return _podman(program)
        else:
            answer = ask([program, "info", "--format", "{{json .SecurityOptions}}\t{{.CgroupDriver}}"], env)
            if answer.returncode == 0 and "\t" in answer.stdout:
                return _docker(program, *answer.stdout.split("\t"))
            problems.append(f"{name} cannot be used ({words_of(answer)})")
    raise Refused("containers cannot be run: " + ", and ".join(problems))


def _podman(program: str) -> tuple[str, list[str], bool]:
    has_limits = not os.geteuid() or Path("/sys/fs/cgroup/cgroup.controllers").exists()
    return program, [OURSELVES, *(["--userns=keep-id"] if os.geteuid() else [])], has_limits


def _docker(program: str, security: str, cgroups: str) -> tuple[str, list[str], bool]:
    names = {option.partition(",")[0] for option in json.loads(security) or ()}
    if "name=rootless" in names:  # root in there is this user out here
        return program, ["--user=0:0"], cgroups.strip() != "none"
    return program, [OURSELVES, *(["--userns=host"] if "name=userns" in names else [])], True


def check_limits(wanted: dict[str, Any], program: str, *, has_limits: bool) -> None:
    """Raise `Refused` where limits are asked for that this engine would only pretend to keep."""
    asked = [key for key in ("memory", "cpus", "pids") if wanted[key] is not None]
    if asked and not has_limits:
        raise Refused(f"{program} runs without root here and cannot keep the limits {', '.join(asked)} (cgroups v1)")


class Box:
    """One container, from the choice of an engine to its removal.

    `fetcher` and `client` run under `sh -eu` on the host, one after the other and in exactly `env`. What the client
    says is the build's output, and its exit status the build's.

    Attributes:
        image_id: what `know_image` found; "" before.
    """

    def __init__(self, spec: dict[str, Any], folder: Path, env: dict[str, str]) -> None:
        """Choose the engine. Raises `Refused` with what the host lacks."""
        self.evidence: dict[str, str] = {}
        self.is_out_of_memory = False
        self.image_id = ""
        self.fetcher, self.client = f"{folder}/fetcher", f"{folder}/client"
        self.env = {**env, "RELEASD_OUT": f"{folder}/out"}  # by which a later runner finds what is left
        self._folder = folder
        self._wanted: dict[str, Any] = spec["container"]
        self._words = ""
        self._has_begun = self._is_over = False
        if ":" in str(folder):
            raise Refused(f"{folder} holds a colon, so it cannot be mounted; set another workdir")
        self._program, self._mapping, has_limits = choose_engine(spec["engine"], env)
        check_limits(self._wanted, self._program, has_limits=has_limits)
        self.name = name_of(folder)

    def write_fetcher(self) -> None:
        """Write what has the image pulled, if it is to be."""
        image, program = self._wanted["image"], self._program
        errors, said, found = (shlex.quote(f"{self._folder}/{name}") for name in ("errors", "said", "image"))
        fetcher = FETCH.format(
            look=_quoted(program, "image", "inspect", "--format", "{{.Id}}", image),
            pull=_quoted(program, "pull", image),
            image=found,
            errors=errors,
            said=said,
            wanted=WANTED[self._wanted["pull"]],
        )
        Path(self.fetcher).write_text(fetcher, encoding="utf-8")

    def know_image(self) -> None:
        """Note which image the container is to be made of, once the fetcher has ended: its name may be moved again.

        Raises as `check_begun` does where there is none.
        """
        found = self._folder / "image"
        self.image_id = found.read_text().strip() if found.exists() else ""
        if not self.image_id:
            self.check_begun()

    def write(self, script: str, cache: Path | None = None, variables: dict[str, str] | None = None) -> None:
        """Write what is needed into the folder, once the image is known; nothing is started.

        `cache` is a folder that the script finds in /releasd/cache, and `variables` tell tools of what is in it.
        """
        env = {key: value for key, value in self.env.items() if key != "RELEASD_OUT"}
        write_durably(self._folder / RECORD, {"program": self._program, "name": self.name, "env": env})
        options = [*self._mapping, *rights(self._wanted), *_mounts(self._folder)]
        told = dict(variables or {})
        if cache is not None:
            options.append(f"--volume={cache}:{CACHE}:Z")
            told = {name: value.replace(str(cache), CACHE) for name, value in told.items()}
        self._write_files(script, options, {**told, **self._wanted["env"]})

    def _write_files(self, script: str, options: list[str], env: dict[str, str]) -> None:
        for name in ("work", "home"):
            (self._folder / name).mkdir()
        errors, making, stop = (shlex.quote(f"{self._folder}/{name}") for name in ("errors", "making", "stop"))
        program = self._program
        create = _quoted(program, "create", "--name", self.name, *options, self.image_id, "-eu", "/releasd/start")
        client = CLIENT.format(
            errors=errors,
            making=making,
            stop=stop,
            refused=REFUSED,
            create=create,
            start=_quoted(program, "start", "--attach", self.name),
        )
        start = START.format(env=_exports(env), mark=OOM_MARK)
        for name, content in (("client", client), ("start", start), ("script", script)):
            (self._folder / name).write_text(content, encoding="utf-8")

    def end(self) -> None:
        """Note what is known of the container, then remove it; none is made any more. A second call does nothing."""
        if self._is_over:
            return
        self._is_over = True
        (self._folder / "stop").touch()
        limit = time.monotonic() + MAKE_LIMIT
        while (self._folder / "making").exists() and time.monotonic() < limit:
            time.sleep(0.02)
        answer = ask([self._program, "container", "inspect", self.name], self.env)
        if answer.returncode == 0:
            self._note(json.loads(answer.stdout)[0])
            remove_container(self._folder)
        elif not is_absent(answer):
            self._words = words_of(answer)

    def _note(self, found: dict[str, Any]) -> None:
        state = found["State"]
        self._words = state["Error"]
        self._has_begun = not state["StartedAt"].startswith(NEVER)
        self.is_out_of_memory = state["OOMKilled"] or (self._folder / "tmp" / OOM_MARK).exists()
        answer = ask([self._program, "image", "inspect", found["Image"]], self.env)
        digests = json.loads(answer.stdout)[0].get("RepoDigests") if answer.returncode == 0 else None
        self.evidence = {
            "engine": Path(self._program).name,
            "image": self._wanted["image"],
            "image_id": "sha256:" + found["Image"].rpartition(":")[2],
            "image_digests": " ".join(sorted(digests or ())),
        }

    def check_begun(self) -> None:
        """Raise `Refused`, in the engine's words, where the script never began. To be called after `end`.

        Raises `OSError` where the engine has no room for its images and containers, wherever it keeps them.
        """
        if self._has_begun:
            return
        said = self._folder / "errors"
        words = (said.read_text(errors="replace").strip() if said.exists() else "") or self._words
        detail = f": {words[-500:]}" if words else "; what it said ends the output"
        told = f"{Path(self._program).name} did not run a container of {self._wanted['image']}{detail}"
        raise OSError(errno.ENOSPC, told) if "no space left" in words.lower() else Refused(told)


def name_of(folder: Path) -> str:
    """Return the container's name: the task's, and which of several work folders on this host it is in."""
    return f"releasd-{folder.name[:100]}-{sha256(str(folder).encode()).hexdigest()[:8]}"


def remove_container(folder: Path) -> bool:
    """Remove the containers that belong to a task's folder; return whether none is left, and none comes any more.

    A slow docker daemon goes on making one whose client was killed. So where that may be, absent is not gone.
    """
    return _remove_labelled(folder) and _remove_own(folder)


def _remove_labelled(folder: Path) -> bool:
    """Remove the containers that the script had made, which it told of before and marked with its folder."""
    try:
        noted = (folder / LABELLED).read_bytes().decode(errors="surrogateescape")
    except FileNotFoundError:
        return True
    env = dict(each.split("=", 1) for each in noted.split("\0") if "=" in each)
    program = shutil.which("docker", path=env.get("PATH"))
    if program is None:
        return True
    mine = (program, "ps", "--all", "--quiet", "--filter", f"label=releasd={folder}")
    found = ask([*mine], env)
    if found.returncode == 0 and found.stdout.split():
        ask([program, "rm", "--force", "--volumes", *found.stdout.split()], env, REMOVE_LIMIT)
        found = ask([*mine], env)
    return found.returncode == 0 and not found.stdout.split()


def _remove_own(folder: Path) -> bool:
    record = folder / RECORD
    try:
        noted = json.loads(record.read_text())
    except (FileNotFoundError, ValueError):  # no container, or none yet: the record is durable before one is made
        return True
    answer = ask([noted["program"], "rm", "--force", "--volumes", noted["name"]], noted["env"], REMOVE_LIMIT)
    is_removed = answer.returncode == 0 and noted["name"] in answer.stdout  # some end well where there is nothing
    is_nothing = answer.returncode == 0 or is_absent(answer)
    is_gone = is_removed or (is_nothing and not _may_come(noted["program"], folder / "making"))
    if is_gone:
        record.unlink()
    return is_gone


def _may_come(program: str, making: Path) -> bool:
    try:
        return Path(program).name != "podman" and time.time() - making.stat().st_mtime < LATE_LIMIT
    except FileNotFoundError:
        return False


def rights(wanted: dict[str, Any]) -> list[str]:
    """Return the options that take rights away."""
    options = ["--pull=never", "--entrypoint=/bin/sh", "--hostname=releasd", "--log-driver=none", "--stop-timeout=0"]
    options += ["--cap-drop=ALL", "--security-opt=no-new-privileges", "--read-only"]
    options += ["--network=none"] if wanted["network"] == "none" else []
    if wanted["memory"] is not None:
        options += [f"--memory={wanted['memory']}", f"--memory-swap={wanted['memory']}"]
    options += [] if wanted["cpus"] is None else [f"--cpus={wanted['cpus']}"]
    return options + ([] if wanted["pids"] is None else [f"--pids-limit={wanted['pids']}"])


def _mounts(folder: Path) -> list[str]:
    """Return the options for all that the build can see of the host; Z is for SELinux and ignored elsewhere."""
    places = [("src", "sources", "ro,"), ("inputs", "inputs", "ro,"), ("script", "script", "ro,")]
    places += [("start", "start", "ro,"), ("work", "src", ""), ("out", "out", ""), ("home", "home", "")]
    options = [f"--volume={folder}/{name}:/releasd/{inside}:{mode}Z" for name, inside, mode in places]
    return options + [f"--volume={folder / 'tmp'}:{inside}:Z" for inside in (TMP, VAR_TMP)]


def _exports(env: dict[str, str]) -> str:
    """Return shell lines that set what the script gets to see besides the image's own variables."""
    fixed = {"HOME": "/releasd/home", "LANG": "C.UTF-8", "TMPDIR": TMP}
    places = {"RELEASD_OUT": "/releasd/out", "RELEASD_INPUTS": "/releasd/inputs"}
    return "\n".join(f"export {name}={shlex.quote(value)}" for name, value in {**fixed, **env, **places}.items())


def _quoted(*words: str) -> str:
    return " ".join(map(shlex.quote, words))


def ask(
    words: list[str], env: dict[str, str], limit: float = ASK_LIMIT, said: str = ""
) -> subprocess.CompletedProcess[str]:
    """Run one of the engine's commands with `said` as its input; one that does not run, or takes too long, failed."""
    import subprocess  # noqa: PLC0415 - every build starts a runner, and would pay for it

    try:
        return subprocess.run(words, env=env, input=said, capture_output=True, text=True, timeout=limit, check=False)
    except subprocess.TimeoutExpired:
        return subprocess.CompletedProcess(words, 124, "", f"it did not answer within {limit:.0f} s")
    except OSError as error:
        return subprocess.CompletedProcess(words, 127, "", str(error))


def words_of(answer: subprocess.CompletedProcess[str]) -> str:
    """Return what the engine said of a failure, in one line."""
    return " ".join(answer.stderr.split())[-500:] or f"exit status {answer.returncode}"


def is_absent(answer: subprocess.CompletedProcess[str]) -> bool:
    """Return whether the engine says that what it was asked about is not there."""
    return any(word in answer.stderr.lower() for word in ABSENT)


def write_durably(path: Path, value: dict[str, Any]) -> None:
    """Write JSON so that it outlives a power cut."""
    with path.open("x", encoding="utf-8") as file:
        json.dump(value, file)
        file.flush()
        os.fsync(file.fileno())
    folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
