"""How a host is asked, over any link, what it is and can do."""

import json
import time
from collections.abc import Iterable, Mapping
from dataclasses import asdict
from typing import Any

from releasd.adapters.conversation import LOOK_EVERY, Conversation
from releasd.adapters.runner import leash as wire
from releasd.model import ContainerSpec, HostSpec
from releasd.ports import Probe

WORKDIR = "~/.cache/releasd/builds"
PROBE_LEASH = 15.0  # seconds without a sign of life after which a runner that only looks gives up


def probe(
    talk: Conversation,
    spec: HostSpec,
    tools: Iterable[str],
    container: ContainerSpec | None,
    *,
    inside: Iterable[str],
    survey: bool,
) -> Probe:
    """Ask a fresh runner what its host can do; leftovers of dead runners are removed on the way."""
    question = {
        "leash": PROBE_LEASH,
        "workdir": spec.workdir or WORKDIR,
        "path": spec.path,
        "tools": sorted(set(tools)),
        "inside": sorted(set(inside)),
        "survey": survey,
    }
    question |= container_question(spec, container, {})
    talk.send(wire.SPEC, json.dumps(question).encode())
    frame = None
    while frame is None:
        frame = talk.next(LOOK_EVERY)
    answer = json.loads(frame[1])["probe"]
    found: dict[str, str | None] = answer["tools"]
    boxed = answer.get("container", {"problem": None, "is_absent": False, "missing": ()})
    return Probe(
        system=answer["system"],
        machine=answer["machine"],
        tools={tool: path for tool, path in found.items() if path},
        missing=tuple(tool for tool, path in found.items() if not path),
        disk_free=answer["disk_free"],
        container_problem=boxed["problem"],
        is_image_absent=boxed["is_absent"],
        image_missing=tuple(boxed["missing"]),
        facts=answer["facts"] | {"clock_offset": round(answer["facts"].pop("clock") - time.time(), 1)},
    )


def container_question(
    spec: HostSpec, container: ContainerSpec | None, env: Mapping[str, str]
) -> dict[str, dict[str, Any] | str | None]:
    """Return what the runner is told of a container; the host's own variables are for its engine alone."""
    wanted = None if container is None else asdict(container) | {"env": {**env, **container.env}}
    return {"container": wanted, "engine": spec.engine, "host_env": dict(spec.env)}
