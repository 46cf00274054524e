"""Every failure that is known: by which words it is recognised, what it means, what to do about it.

docs/troubleshooting.md is made of this table (`make docs`), an uploader's words are judged by it
(core/publisherrors.py), and `releasd status JOB` and `releasd log` answer with it. Each entry names the real words that
it has to recognise.
"""

from releasd.core.troubleshooting import machines, outputs, releases, uploads
from releasd.core.troubleshooting.entry import Known

__all__ = ["SECTIONS", "TABLE", "Known", "document", "recognise"]

SECTIONS: tuple[tuple[str, tuple[Known, ...]], ...] = (
    ("What is released", releases.PLANS),
    ("Build hosts", machines.HOSTS),
    ("Builds and their output", outputs.OUTPUTS),
    ("What `check` finds", releases.CHECKS),
    ("Uploading", uploads.UPLOADS),
    ("Crates", releases.CRATES),
    ("After the upload", releases.PUBLISHED),
    ("Secrets", releases.SECRETS),
    ("The daemon and its repositories", machines.DAEMON),
)
TABLE = tuple(known for _, entries in SECTIONS for known in entries)
_GENERAL = frozenset({"build-failed", "publish-again"})  # say no more than the error itself does
_HEAD = """\
<!-- Made of src/releasd/core/troubleshooting by `make docs`: change it there. -->
# Troubleshooting

`releasd status` says why a job waits or how it ended, and with it the command that helps; `releasd log JOB` has every
line that a build or an upload wrote; `releasd doctor` looks at everything at once. What stands below is recognised in
errors and outputs: `releasd status JOB` and `releasd log JOB` name cause and next command.
"""


def recognise(error: str, output: str = "", *, upload: bool = False) -> Known | None:
    """Return what is known of a failure, None where it is not known.

    Args:
        error: the error's text.
        output: the end of what the failed build or step wrote.
        upload: whether an uploader said it: `connection` means something else elsewhere.
    """
    found = [known for known in TABLE if (upload or known.scope != "upload") and known.match(error)]
    found += [known for known in TABLE if known.scope == "output" and known.match(output)]
    return next((known for known in found if known.name not in _GENERAL), found[0] if found else None)


def document() -> str:
    """Return docs/troubleshooting.md."""
    return "\n".join([_HEAD, *(_section(title, entries) for title, entries in SECTIONS)])


def _section(title: str, entries: tuple[Known, ...]) -> str:
    rows = (f"| {_cell(each.shown)} | {_cell(each.cause)} | {_cell(each.fix)} |" for each in entries)
    return "\n".join([f"## {title}\n", "| what you see | what it means | what to do |", "|---|---|---|", *rows, ""])


def _cell(text: str) -> str:
    return text.replace("|", r"\|")
