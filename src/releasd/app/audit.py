"""`releasd audit verify`: the file against itself, against the store, and against what the tags witness."""

import time
from collections.abc import Iterator, Mapping
from pathlib import Path

from releasd.adapters.git import GitRepo
from releasd.config.places import places
from releasd.errors import UsageError
from releasd.log.audit import AuditReport, verify_file
from releasd.store import open_store

AUDIT_FILE = "audit.jsonl"
WITNESS = "Releasd-Audit: "
SETTLE = 0.2  # seconds; a running daemon writes the file just after the store
TRIES = 10


def verify_audit(config_file: Path | None, environ: Mapping[str, str]) -> tuple[AuditReport, Path]:
    """Return what was found, and in which file.

    Raises:
        UsageError: there is no log to verify.
    """
    where = places(config_file, environ)
    path = where.state / AUDIT_FILE
    if not path.exists():
        raise UsageError(f"there is no audit log at {path}", advice="releasd run writes one")
    witnesses = tuple(_witnessed(where.state / "repositories"))
    report = _verify(path, where.database_url, witnesses)
    for _ in range(TRIES):
        if report.ok:
            break
        time.sleep(SETTLE)
        report = _verify(path, where.database_url, witnesses)
    return report, path


def _verify(path: Path, database_url: str, witnesses: tuple[str, ...]) -> AuditReport:
    with open_store(database_url, readonly=True) as store:
        _, head = store.head()
    return verify_file(path, head=head, witnesses=witnesses)


def _witnessed(clones: Path) -> Iterator[str]:
    """Return the hashes of the audit log that releases' tags hold."""
    for clone in sorted(clones.glob("*.git")):
        for message in GitRepo(clone).tag_messages():
            for line in message.splitlines():
                if line.startswith(WITNESS):
                    yield line.removeprefix(WITNESS).partition(":")[2]
