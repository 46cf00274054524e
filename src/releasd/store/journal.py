"""The journal: what each step of a job did (DESIGN.md §2, sentence 3).

Which commits are waited for: `started` of a step that the world sees (`tag`, `publish`, `announce`) must be on the
disk before the effect, and with it everything before. The rest may be lost by a power cut, which costs repeating a
step whose `observe` finds what is there.
"""

from datetime import datetime
from typing import Any

from sqlalchemy import Connection, bindparam, insert, select, update

from releasd.core.lifecycle import POINT_OF_NO_RETURN, require_step
from releasd.model import Evidence, JobId, StepName, StepRecord, StepState
from releasd.store.codec import clean
from releasd.store.rows import Brief, Part, change, guarded, record
from releasd.store.tables import step as step_table

SEEN_BY_THE_WORLD = frozenset({StepName.TAG, StepName.PUBLISH, StepName.ANNOUNCE})
_NAMES = ("name", "state", "attempts", "evidence", "error", "advice", "retryable", "started_at", "finished_at")
_RECORDS = select(*(step_table.c[name] for name in _NAMES)).where(step_table.c.job_id == bindparam("job"))
_RECORD = _RECORDS.where(step_table.c.name == bindparam("step"))
_ADD = insert(step_table)
_CHANGE = update(step_table).where(step_table.c.job_id == bindparam("job"), step_table.c.name == bindparam("step"))


class Journal(Part):
    """The steps of a job. Every write raises `Fenced` when the job is no longer held under `token`."""

    def step_started(self, job_id: JobId, token: int, step: StepName, now: datetime) -> StepRecord:
        """Open a step's next attempt and return its record. Raises `IllegalTransition`.

        An attempt that was cut short (the daemon was killed) does not count: it says nothing about the step.
        """
        with self._db.write(durable=step in SEEN_BY_THE_WORLD) as conn:
            return _start(conn, guarded(conn, job_id, token), step, now)

    def step_finished(
        self,
        job_id: JobId,
        token: int,
        step: StepName,
        evidence: Evidence,
        now: datetime,
        *,
        adopted: bool = False,
    ) -> None:
        """Close a step with what it did, or found done (`adopted`). Raises `IllegalTransition`."""
        with self._db.write(durable=False) as conn:
            job = guarded(conn, job_id, token)
            closed = {"evidence": evidence, "error": None, "advice": "", "retryable": False}
            attempts = _close(conn, job, step, {"state": StepState.SUCCEEDED, "finished_at": now} | closed)
            name = "step.adopted" if adopted else "step.succeeded"
            record(conn, name, job, now=now, step=step, step_attempt=attempts, evidence=evidence)

    def step_failed(
        self,
        job_id: JobId,
        token: int,
        step: StepName,
        *,
        error: str,
        advice: str,
        retryable: bool,
        retry_after: float | None,
        now: datetime,
    ) -> None:
        """Close a step that failed. `retry_after` (seconds, asked by the other side) is kept as evidence."""
        evidence = {} if retry_after is None else {"retry_after": retry_after}
        error, advice = clean(error), clean(advice)
        closed = {"evidence": evidence, "error": error, "advice": advice, "retryable": retryable}
        with self._db.write(durable=False) as conn:
            job = guarded(conn, job_id, token)
            attempts = _close(conn, job, step, {"state": StepState.FAILED, "finished_at": now} | closed)
            told: dict[str, Any] = {"error": error, "advice": advice or None, "retryable": retryable}
            record(conn, "step.failed", job, now=now, step=step, step_attempt=attempts, **told, **evidence)

    def records(self, job_id: JobId) -> dict[StepName, StepRecord]:
        """Return the journal of a job, by step; a step without a record was never started."""
        with self._db.read() as conn:
            return {row["name"]: StepRecord(**row) for row in conn.execute(_RECORDS, {"job": job_id}).mappings()}


def _record(conn: Connection, job_id: JobId, step: StepName) -> StepRecord | None:
    row = conn.execute(_RECORD, {"job": job_id, "step": step}).mappings().one_or_none()
    return None if row is None else StepRecord(**row)


def _start(conn: Connection, job: Brief, step: StepName, now: datetime) -> StepRecord:
    before = _record(conn, job.id, step)
    require_step(before.state if before else None, StepState.STARTED)
    values: dict[str, Any] = {"state": StepState.STARTED, "attempts": _attempt_after(before)}
    values |= {"evidence": {}, "error": None, "advice": "", "retryable": False, "finished_at": None}
    values |= {"started_at": now}
    if before is None:
        conn.execute(_ADD, values | {"job_id": job.id, "name": step, "token": job.token})
    else:
        conn.execute(_CHANGE, values | {"job": job.id, "step": step, "token": job.token})
    if step is POINT_OF_NO_RETURN:
        change(conn, job.id, irrevocable=True)
    record(conn, "step.started", job, now=now, step=step, step_attempt=values["attempts"])
    return StepRecord(name=step, **values)


def _attempt_after(before: StepRecord | None) -> int:
    if before is None:
        return 1
    return before.attempts + 1 if before.state is StepState.FAILED else max(before.attempts, 1)


def _close(conn: Connection, job: Brief, step: StepName, values: dict[str, Any]) -> int:
    """Write the end of a step's attempt; return which attempt it was."""
    before = _record(conn, job.id, step)
    require_step(before.state if before else None, values["state"])
    conn.execute(_CHANGE, values | {"job": job.id, "step": step, "token": job.token})
    return before.attempts if before else 0
