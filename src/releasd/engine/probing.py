"""Looks at hosts: what each can do, or why it cannot be used."""

from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict
from typing import Any

from releasd.core.tools import lacking, programs
from releasd.errors import ReleasdError
from releasd.ports import Host

ALWAYS = frozenset({"uv"})  # the trial installation in `check` needs it


def probe_hosts(hosts: Iterable[Host], tools: Iterable[str]) -> list[dict[str, Any]]:
    """Probe all hosts at once for `tools`; return for each what it said, `ok`, and `reason` when it is not."""
    wanted = sorted(ALWAYS | set(tools))
    with ThreadPoolExecutor(max_workers=8, thread_name_prefix="probe") as pool:
        return list(pool.map(lambda host: _probe(host, wanted), hosts))


def _probe(host: Host, tools: list[str]) -> dict[str, Any]:
    spec = host.spec
    own = {"name": spec.name, "labels": sorted(spec.labels), "slots": spec.slots, "address": spec.address}
    try:
        found = host.probe(programs(tools))
    except ReleasdError as error:
        return own | {"ok": False, "reason": error.message, "advice": error.advice}
    missing = ", ".join(lacking(tools, found.missing))
    reason = f"lacks {missing}" if missing else ""
    advice = f"install {missing} there" if missing else ""
    return own | asdict(found) | {"ok": not missing, "reason": reason, "advice": advice}
