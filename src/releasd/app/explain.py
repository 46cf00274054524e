"""What is known of a job's failures: by its errors, and by what its failed builds and steps wrote last."""

import re
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from releasd.model import JobId, StepName

if TYPE_CHECKING:
    from releasd.adapters.joblog import JobLog

_SAID_BY_PARTS = {StepName.BUILD, StepName.PUBLISH}  # the builds themselves, and the uploader in its error
TAIL = 1 << 16  # bytes of an output: a compiler says much after the line that matters


def explain(job: Mapping[str, Any], logs: "JobLog") -> list[dict[str, str]]:
    """Return cause and next command for each failure of a job's view that is recognised, each once."""
    found: dict[str, dict[str, str]] = {}
    for step, part, error in _failures(job):
        from releasd.core.troubleshooting import recognise  # noqa: PLC0415 (a job without failures does not pay)

        output = _tail(logs, JobId(job["id"]), step, part)
        known = recognise(error, output, upload=step is StepName.PUBLISH)
        if known:
            entry = {
                "step": step.value,
                "part": part,
                "name": known.name,
                "cause": known.cause,
                "fix": re.sub(r"\bJOB\b", str(job["id"]), known.fix),
            }
            found.setdefault(known.name, entry)
    return list(found.values())


def _failures(job: Mapping[str, Any]) -> Iterator[tuple[StepName, str, str]]:
    """Yield step, part and error of what failed: the failed builds instead of their step, which says less."""
    builds = [build for build in job["builds"] if build["error"] and build["state"] == "failed"]
    for build in builds:
        yield StepName.BUILD, build["name"], build["error"]
    for step in job["steps"]:
        if step["error"] and not (builds and step["name"] == StepName.BUILD):
            yield StepName(step["name"]), "", step["error"]


def _tail(logs: "JobLog", job: JobId, step: StepName, part: str) -> str:
    """Return the end of what the failed part wrote; of a step as a whole that of all its parts."""
    if not part and step in _SAID_BY_PARTS:
        return ""
    ends = (
        logs.read(job, step, file.part, offset=max(0, file.size - TAIL), limit=TAIL)
        for file in logs.list(job)
        if file.step is step and part in {"", file.part}
    )
    return "\n".join(end.decode(errors="replace") for end in ends)
