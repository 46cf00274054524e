"""What a failed `uv publish` means.

Its exit status is 2 for everything, so the text decides: the status that the index answered, the words of the index,
or uv's own (publishing-facts.md §2; texts measured with uv 0.13.9). The order of the table matters: an index says
"file already exists" under 400 and under 409. Unknown text is permanent: a person looks before anything is repeated.
"""

import re
from dataclasses import dataclass

from releasd.errors import Conflict, Denied, Permanent, ReleasdError, Transient

ROTATE = (
    "Make a new token on the index, allowed to upload this project, and store it where the configuration's "
    "[secrets] entry points, for example `doppler secrets set PYPI_TOKEN`; then `releasd retry`."
)
_LOOK = "Compare the index's files with the job's (`releasd status JOB`); if they are not yours, release a new version."
_SHOWN = 600  # characters; some indexes answer with a whole web page
LIMITED_PAUSE = 60.0  # seconds; uv does not show the Retry-After that came with a 429
_AGAIN = "It is tried again by itself; the files that are already there are skipped."


@dataclass(frozen=True, slots=True)
class _Rule:
    """Text that gives a cause away, the error it is, and what to do about it."""

    pattern: re.Pattern[str]
    error: type[ReleasdError]
    advice: str


def _rule(pattern: str, error: type[ReleasdError], advice: str) -> _Rule:
    return _Rule(re.compile(pattern, re.IGNORECASE), error, advice)


_STATUS = r"(?:status code|with status|status code:) "
_RULES = (
    _rule(r"Local file and index file do not match", Conflict, _LOOK),
    _rule(
        r"Hash is missing in index",
        Permanent,
        "Use an index that lists sha256 digests; without them nothing is provable.",
    ),
    _rule(
        _STATUS + r"(?:401|403)|permission denied \(status|missing credentials|no credentials|incorrect credentials",
        Denied,
        ROTATE,
    ),
    _rule(
        r"previously used by a file that has since been deleted",
        Conflict,
        "A deleted file's name stays taken: release a new version.",
    ),
    _rule(r"file already exists", Conflict, _LOOK),
    _rule(_STATUS + r"409", Conflict, _LOOK),
    _rule(
        r"older than \d+ days|releases? (?:is|are) closed",
        Permanent,
        "The index takes no more files for this version: release a new one.",
    ),
    _rule(
        r"file (?:is )?too large|project size too large|limit for this (?:file|project)|" + _STATUS + r"413",
        Permanent,
        "Ask the index for a larger limit or make the files smaller, then `releasd retry`.",
    ),
    _rule(
        r"only one sdist",
        Permanent,
        "Another source distribution of this version is on the index: release a new version.",
    ),
    _rule(
        r"unsupported platform tag",
        Permanent,
        "Build the wheel for manylinux, musllinux or macOS, not for plain linux, and release again.",
    ),
    _rule(
        r"POST requests are not supported|redirects are not allowed|request was redirected|"
        + _STATUS
        + r"(?:404|405|30\d)",
        Permanent,
        "Set publish_url in [indexes] to the index's upload address, not its simple one.",
    ),
    _rule(_STATUS + r"(?:408|425|429|5\d\d)", Transient, _AGAIN),
    _rule(_STATUS + r"4\d\d", Permanent, "Change what the index objects to, then release again."),
    _rule(
        r"invalid peer certificate|certificate verify|UnknownIssuer",
        Permanent,
        "Set SSL_CERT_FILE for the daemon to the index's CA.",
    ),
    _rule(
        r"failed to query check url|failed to send post request|error sending request|timed out|connection|dns error|"
        r"transient request failure|client error \(|connect error|temporary failure",
        Transient,
        _AGAIN,
    ),
    _rule(
        r"no \.?dist-info|trailing contents|failed to read metadata|no `?pkg-info|end of central directory",
        Permanent,
        "The file is damaged: look at the build's log and release again.",
    ),
    _rule(
        r"no files found to publish|neither a wheel nor a source",
        Permanent,
        "The build named no distribution: see its log.",
    ),
)


_LIMITED = re.compile(_STATUS + "429", re.IGNORECASE)


def classify(exit_code: int, text: str) -> ReleasdError | None:
    """Return what ended `uv publish`, to be raised, or None where it claims success.

    `exit_code` is negative for a signal, as Python has it; `text` is all its output, already free of secrets.
    """
    if exit_code == 0:
        return None
    if exit_code < 0:
        return Transient(f"uv publish was ended by signal {-exit_code}", advice=_AGAIN)
    said = _said(text)
    for rule in _RULES:
        if rule.pattern.search(said):
            if _LIMITED.search(said):
                return Transient(f"uv publish: {said[:_SHOWN]}", advice=_AGAIN, retry_after=LIMITED_PAUSE)
            return rule.error(f"uv publish: {said[:_SHOWN]}", advice=rule.advice)
    return Permanent(
        f"uv publish failed with {exit_code}: {said[:_SHOWN]}",
        advice="See the step's log (`releasd log JOB --step publish`).",
    )


def _said(text: str) -> str:
    """Return uv's words from its `error:` on, in one line, without the progress lines before it."""
    lines = text.splitlines()
    start = next((n for n, line in enumerate(lines) if line.lstrip().lower().startswith("error")), 0)
    return " ".join(" ".join(lines[start:]).split()) or "no output"
