"""`releasd audit verify`: the file against itself, against the store, and against what the tags witness."""

import time
from collections.abc import Iterator, Mapping
from pathlib import Path

from releasd.adapters.git import GitRepo
from releasd.adapters.statelock import holder
from releasd.config.places import places
from releasd.errors import UsageError
from releasd.log.audit import AuditReport, verify_file
from releasd.store import Store, open_store

AUDIT_FILE = "audit.jsonl"
WITNESS = "Releasd-Audit: "
SETTLE = 0.2  # seconds between two looks at the file
PATIENCE = 15.0  # seconds: a running daemon writes the file after the store, at its next turn; one may be five away


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
    with open_store(where.database_url, readonly=True) as store:
        _, wanted = store.head()  # what comes after it is not waited for: of a busy daemon something always does
        report = _verify(path, store, wanted, witnesses)
        limit = time.monotonic() + PATIENCE
        while not report.ok and holder(where.state) is not None and time.monotonic() < limit:
            time.sleep(SETTLE)
            report = _verify(path, store, wanted, witnesses)
    return report, path


def _verify(path: Path, store: Store, wanted: str, witnesses: tuple[str, ...]) -> AuditReport:
    """Look once: the file is whole, holds the `wanted` event, and ends with one that the store has."""
    report = verify_file(path, witnesses=(wanted, *witnesses))
    if not report.ok or [event.hash for event in store.events_after(report.lines - 1, 1)] == [report.head]:
        return report
    return verify_file(path, head=store.head()[1], witnesses=witnesses)


def _witnessed(clones: Path) -> Iterator[str]:
    """Return the hashes of the audit log that releases' tags hold."""
    for clone in sorted(clones.glob("*.git")):
        for message in GitRepo(clone).tag_messages():
            for line in message.splitlines():
                if line.startswith(WITNESS):
                    yield line.removeprefix(WITNESS).partition(":")[2]
