"""What a failed `uv publish` means.

Its exit status is 2 for everything, so the text decides: the status that the index answered, the words of the index,
or uv's own (publishing-facts.md §2; texts measured with uv 0.13.9). The table is
core/troubleshooting/uploads.py. Unknown text is permanent: a person looks before anything is repeated.
"""

import re

from releasd.core.troubleshooting.uploads import AGAIN, ROTATE, STATUS, UPLOADS
from releasd.errors import Permanent, ReleasdError, Transient

__all__ = ["LIMITED_PAUSE", "ROTATE", "classify"]

_SHOWN = 600  # characters; some indexes answer with a whole web page
LIMITED_PAUSE = 60.0  # seconds to wait after a 429 that asks for no time of its own

_LIMITED = re.compile(STATUS + "429", re.IGNORECASE)


def classify(exit_code: int, text: str, *, asked: float | None = None) -> ReleasdError | None:
    """Return what ended `uv publish`, to be raised, or None where it claims success.

    `exit_code` is negative for a signal, as Python has it; `text` is all its output, already free of secrets;
    `asked` is the index's wish in seconds (Retry-After), which counts where the upload may be repeated.
    """
    if exit_code == 0:
        return None
    if exit_code < 0:
        return Transient(f"uv publish was ended by signal {-exit_code}", advice=AGAIN)
    said = _said(text)
    for known in UPLOADS:
        if known.error and known.match(said):
            if known.name == "index-busy":
                wait = LIMITED_PAUSE if asked is None and _LIMITED.search(said) else asked
                return Transient(f"uv publish: {said[:_SHOWN]}", advice=known.fix, retry_after=wait)
            return known.error(f"uv publish: {said[:_SHOWN]}", advice=known.fix)
    return Permanent(
        f"uv publish failed with {exit_code}: {said[:_SHOWN]}",
        advice="See the step's log (`releasd log JOB --step publish`).",
    )


def _said(text: str) -> str:
    """Return uv's words from its `error:` on, in one line, without the progress lines before it."""
    lines = text.splitlines()
    start = next((n for n, line in enumerate(lines) if line.lstrip().lower().startswith("error")), 0)
    return " ".join(" ".join(lines[start:]).split()) or "no output"
