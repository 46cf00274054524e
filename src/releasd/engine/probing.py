"""Looks at hosts: what each can do, or why it cannot be used; and whether each build would run there."""

from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

from releasd.core.plan import recipe
from releasd.core.tools import lacking, lacks, programs
from releasd.engine.facts import look
from releasd.errors import ReleasdError
from releasd.model import BuildSpec, ContainerSpec, Project
from releasd.ports import Git, Host, Probe
from releasd.steps.preflight import DISK_NEEDED, TRIAL_TOOL

Box = tuple[str, tuple[str, ...]]  # why a container would not run (empty: it would), and what its image lacks
Boxes = Mapping[tuple[str, str], Box]  # by host and container
UNSEEN = "was not looked at"


@dataclass(frozen=True, slots=True)
class Wanted:
    """The builds of a project, or why they are not known."""

    project: Project
    builds: tuple[BuildSpec, ...] = ()
    why_unknown: str = ""

    @property
    def tools(self) -> frozenset[str]:
        """Return the programs that the builds name."""
        return frozenset(tool for build in self.builds for tool in build.host_tools)


def builds_of(project: Project, git: Git | None, commit: str | None, hosts: Sequence[Host]) -> Wanted:
    """Return what is built for a project: what its operator says, else what its repository says at `commit`.

    `hosts` are those registered: what a recipe builds is for the ones that may build for the project.
    """
    if project.builds:
        return Wanted(project, project.builds)
    if not project.allow_repository_builds:
        return Wanted(project, why_unknown="scripts of its repository may not run, and its operator wrote no builds")
    if git is None or commit is None:
        return Wanted(project, why_unknown="its repository cannot be looked at from here")
    try:
        seen = look(git, commit, project)
        allowed = tuple(host.spec.labels for host in hosts if not project.hosts or host.spec.name in project.hosts)
        each_own = seen.config.packages or (seen.config,)
        of_each = (own.builds or recipe(seen.files, own, allowed, project.container) for own in each_own)
        return Wanted(project, tuple(build for builds in of_each for build in builds))
    except ReleasdError as error:
        return Wanted(project, why_unknown=error.message.splitlines()[0])


def probe_hosts(hosts: Iterable[Host], tools: Iterable[str], *, survey: bool = True) -> list[dict[str, Any]]:
    """Probe all hosts at once for `tools`; return for each what it said, `ok`, and `reason` when it cannot be used.

    A tool that only some builds need makes no host unusable: it is in `missing`, and `answers` says whom it concerns.
    """
    wanted = sorted({TRIAL_TOOL, *tools})
    with ThreadPoolExecutor(max_workers=8, thread_name_prefix="probe") as pool:
        return list(pool.map(lambda host: _probe(host, wanted, survey=survey), hosts))


def _probe(host: Host, tools: list[str], *, survey: bool) -> dict[str, Any]:
    spec = host.spec
    own = {"name": spec.name, "labels": sorted(spec.labels), "slots": spec.slots, "address": spec.address}
    try:
        found = host.probe(programs(tools), survey=survey)
    except ReleasdError as error:
        return own | {"ok": False, "reason": error.message, "advice": error.advice}
    reason, advice = _unusable(found)
    seen = {"system": found.system, "machine": found.machine, "disk_free": found.disk_free, "tools": dict(found.tools)}
    seen |= {"missing": list(found.missing), **found.facts}
    return own | seen | {"ok": not reason, "reason": reason, "advice": advice}


def _unusable(found: Probe) -> tuple[str, str]:
    """Return why no build at all can run there, and what to do about it; empty when one can."""
    if TRIAL_TOOL in found.missing:
        return f"lacks {TRIAL_TOOL}", f"install {TRIAL_TOOL} there: every wheel is tried where it was built"
    if found.disk_free < DISK_NEEDED:
        return f"has only {found.disk_free >> 20} MB of disk free", "free space there, or set its workdir"
    return "", ""


def answers(
    wanted: Sequence[Wanted], hosts: Iterable[Host], seen: Sequence[Mapping[str, Any]], out: Mapping[str, str]
) -> list[dict[str, Any]]:
    """Say of each build of each project on which hosts it would run, and what is missing on the others.

    Args:
        wanted: what is to be built.
        hosts: where; those that were seen are asked once more for each container that a build names.
        seen: hosts as `probe_hosts` gives them. What the others could do is not known.
        out: why hosts take nothing new now, by name.
    """
    hosts, usable = tuple(hosts), {host["name"] for host in seen if host["ok"]}
    boxes = _look_at_containers(wanted, [host for host in hosts if host.spec.name in usable])
    names = {host["name"] for host in seen}
    unseen = [{"name": h.spec.name, "labels": h.spec.labels} for h in hosts if h.spec.name not in names]
    return [answer for each in wanted for answer in _answers(each, [*seen, *unseen], out, boxes)]


def _look_at_containers(wanted: Iterable[Wanted], hosts: Iterable[Host]) -> Boxes:
    """Ask each host, all at once, about each container, as `preflight` does; no image is pulled for it."""
    named: dict[str, tuple[ContainerSpec, list[str]]] = {}
    for build in (build for each in wanted for build in each.builds):
        if build.container:
            named.setdefault(repr(build.container), (build.container, []))[1].extend(programs(build.image_tools))
    with ThreadPoolExecutor(max_workers=8, thread_name_prefix="probe") as pool:
        asked = {(host.spec.name, key): pool.submit(_boxed, host, *box) for host in hosts for key, box in named.items()}
        return {key: future.result() for key, future in asked.items()}


def _boxed(host: Host, container: ContainerSpec, tools: Sequence[str]) -> Box:
    try:
        found = host.probe((), container, inside=tools)
    except ReleasdError as error:
        return f"cannot be used: {error.message}", ()
    return found.container_problem or "", found.image_missing


def _answers(
    each: Wanted, hosts: Sequence[Mapping[str, Any]], out: Mapping[str, str], boxes: Boxes
) -> list[dict[str, Any]]:
    project = each.project
    if each.why_unknown:
        return [{"project": project.name, "build": None, "ok": None, "reason": each.why_unknown, "hosts": {}}]
    found = []
    for build in each.builds:
        verdicts = {host["name"]: _verdict(project, build, host, boxes) or out.get(host["name"], "") for host in hosts}
        able = [name for name, why in verdicts.items() if not why]
        reason = "" if able else "; ".join(f"{name} {why}" for name, why in verdicts.items())
        shown = {"project": project.name, "build": build.name, "labels": list(build.labels), "tools": list(build.tools)}
        ok = True if able else None if UNSEEN in verdicts.values() else False
        found.append(shown | {"ok": ok, "reason": reason, "hosts": verdicts})
    return found


def _verdict(project: Project, build: BuildSpec, host: Mapping[str, Any], boxes: Boxes) -> str:
    """Return why a build would not run on a host; empty: it would."""
    if project.hosts and host["name"] not in project.hosts:
        return f"is not among the hosts allowed for {project.name}"
    if unlabelled := sorted(set(build.labels) - set(host["labels"])):
        return f"lacks the labels {', '.join(unlabelled)}"
    return _lack(build, host, boxes) if "ok" in host else UNSEEN


def _lack(build: BuildSpec, host: Mapping[str, Any], boxes: Boxes) -> str:
    if not host["ok"]:
        return f"cannot be used: {host['reason']}"
    if missing := lacking(build.host_tools, host["missing"]):
        return f"lacks {', '.join(missing)}"
    if build.container is None:
        return ""
    problem, absent = boxes[host["name"], repr(build.container)]
    lack = lacking(build.image_tools, absent)
    return problem or (lacks(build.container.image, lack) if lack else "")
