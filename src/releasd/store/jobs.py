"""One job's life between being claimed and being over: plan, end, back to the queue, and what operators ask for."""

from datetime import datetime

from sqlalchemy import Connection, bindparam, delete, select, update
from sqlalchemy.exc import IntegrityError

from releasd.core.lifecycle import JOB_TRANSITIONS, ORDER, POINT_OF_NO_RETURN, IllegalTransition
from releasd.errors import Transient, UsageError
from releasd.model import Job, JobId, JobState, Plan, StepName, StepState
from releasd.store.codec import clean
from releasd.store.queue import put_back
from releasd.store.rows import Brief, Part, briefs, change, get_brief, get_job, guarded, move, record
from releasd.store.tables import announcement, artifact, build, loss, step
from releasd.store.tables import job as job_table

_END_EVENTS = {
    JobState.SUCCEEDED: "job.succeeded",
    JobState.FAILED: "job.failed",
    JobState.CANCELLED: "job.cancelled",
}
_ASKED = select(job_table.c.cancel_requested).where(job_table.c.id == bindparam("id"))
_LOOKS = frozenset({StepName.PREFLIGHT, StepName.SYNC})  # they change nothing, so they are never skipped
_NO_PLAN = {"plan": None, "version": None, "tag": None, "irrevocable": False}


class Jobs(Part):
    """Changes to one job."""

    def set_plan(self, job_id: JobId, token: int, plan: Plan, now: datetime) -> None:
        """Store the plan with its job, durably: what a step does next follows from it and is not undone by a power cut.

        Raises:
            Fenced: the job is no longer held under `token`.
            Transient: another live job is releasing this version; plan again when it is over.
        """
        with self._db.write() as conn:
            job = guarded(conn, job_id, token)
            other = _live_job_of(conn, job, plan.version)
            if other is not None:
                raise Transient(
                    f"version {plan.version} is being released by job {other}",
                    advice=f"Wait for it, or end it: releasd cancel {other}",
                )
            change(conn, job_id, plan=plan, version=plan.version, tag=plan.tag)
            record(conn, "job.planned", job, now=now, version=plan.version, tag=plan.tag, bump=plan.bump)

    def finish(self, job_id: JobId, token: int, state: JobState, reason: str, now: datetime) -> None:
        """End a running job as succeeded, failed or cancelled, durably. Raises `Fenced`, `IllegalTransition`."""
        with self._db.write() as conn:
            job = guarded(conn, job_id, token)
            if state not in _END_EVENTS:
                raise IllegalTransition(f"a job cannot end as {state}")
            move(conn, job, state, now=now, reason=reason, event=_END_EVENTS[state])

    def requeue(
        self,
        job_id: JobId,
        token: int,
        *,
        not_before: datetime | None,
        reason: str,
        now: datetime,
        clear_plan: bool = False,
    ) -> Job:
        """Give a running job back to the queue, not to be claimed before `not_before`; return it as it then is.

        A cancelled job is cancelled now; one that a newer queued commit replaces is superseded now. With
        `clear_plan` its plan, journal, artifacts and builds are forgotten. Raises `Fenced`; `IllegalTransition` when
        the plan's tag is public already.
        """
        with self._db.write() as conn:
            job = guarded(conn, job_id, token)
            if clear_plan:
                _clear_plan(conn, job)
                job = guarded(conn, job_id, token)
            put_back(conn, job, now=now, reason=reason, not_before=not_before)
            return get_job(conn, job_id)

    def explain(self, job_id: JobId, reason: str, now: datetime) -> None:
        """Say anew why a job waits; one that is queued no more is left alone."""
        with self._db.write() as conn:
            job = get_brief(conn, job_id)
            if job.state is JobState.QUEUED:
                change(conn, job_id, reason=clean(reason))
                record(conn, "job.changed", job, now=now, reason=clean(reason))

    def cancel(self, job_id: JobId, now: datetime, by: str) -> Job:
        """End a queued job, or ask the worker of a running one to stop. Raises `UsageError` when it is over."""
        with self._db.write() as conn:
            job = get_brief(conn, job_id)
            if job.state is JobState.QUEUED:
                move(conn, job, JobState.CANCELLED, now=now, reason=f"cancelled by {by}", event="job.cancelled")
            elif job.state is JobState.RUNNING:
                change(conn, job_id, cancel_requested=True)
                record(conn, "job.cancel_requested", job, now=now, by=by)
            else:
                raise UsageError(f"job {job_id} is over: {job.state}", advice=f"Look at it: releasd status {job_id}")
            return get_job(conn, job_id)

    def approve(self, job_id: JobId, now: datetime, by: str) -> Job:
        """Make a queued job that waits for an approval due. Raises `UsageError` when it is not queued."""
        with self._db.write() as conn:
            job = get_brief(conn, job_id)
            if job.state is not JobState.QUEUED:
                raise UsageError(f"job {job_id} is {job.state}; it waits for no approval", advice="releasd status")
            change(conn, job_id, approved=True, not_before=None, reason=f"approved by {by}")
            record(conn, "job.approved", job, now=now, by=by)
            return get_job(conn, job_id)

    def cancel_requested(self, job_id: JobId) -> bool:
        """Return whether someone asked for the job to stop. Cheap: to be asked several times a second."""
        with self._db.read() as conn:
            return bool(conn.execute(_ASKED, {"id": job_id}).scalar())

    def retry(self, job_id: JobId, now: datetime, *, from_step: StepName | None = None, by: str) -> Job:
        """Queue a failed or cancelled job again, with a new budget for the steps that did not succeed.

        So is a released one of which not everyone was told; those who were are not told again, unless asked for by
        `from_step` being `announce`.

        The steps from `from_step` on are done again: what they recorded is forgotten (from `version` or before also
        the plan, from `build` or before also the artifacts). Until `tag` was started circumstances are always looked
        at anew (`_LOOKS`); once it was, the plan and the sealed files stay, for they may be public. Raises
        `UsageError` where that cannot be.
        """
        with self._db.write() as conn:
            job = get_brief(conn, job_id)
            _refuse_unless_ended(conn, job, from_step)
            if from_step and job.irrevocable:
                _refuse_behind_tag(conn, job, from_step)
            forgotten = _to_forget(job, from_step)
            _forget(conn, job_id, forgotten)
            if StepName.BUILD in forgotten and not job.irrevocable:
                _forget_builds(conn, job_id)
            _forget_announcements(conn, job_id, told=from_step is StepName.ANNOUNCE)
            values = dict(_NO_PLAN) if StepName.VERSION in forgotten else {}
            again = {"state": StepState.STARTED, "attempts": 0, "error": None, "advice": "", "retryable": False}
            again |= {"finished_at": None}
            undone = (step.c.job_id == job_id, step.c.state != StepState.SUCCEEDED)
            conn.execute(update(step).where(*undone).values(again))
            conn.execute(delete(loss).where(loss.c.job_id == job_id))
            try:
                reason = f"retried by {by}"
                move(
                    conn, job, JobState.QUEUED, now=now, reason=reason, event="job.requeued",
                    cancel_requested=False, **values,
                )  # fmt: skip
            except IntegrityError as error:
                raise UsageError(
                    f"job {job_id} cannot be retried: a newer commit or the same version is queued already",
                    advice=f"Look at the queue: releasd status {job.project}",
                ) from error
            return get_job(conn, job_id)


def _refuse_unless_ended(conn: Connection, job: Brief, from_step: StepName | None) -> None:
    if JobState.QUEUED not in JOB_TRANSITIONS[job.state] or job.state is JobState.RUNNING:
        raise UsageError(f"job {job.id} is {job.state}; only a failed or cancelled job can be retried")
    if job.state is not JobState.SUCCEEDED:
        return
    if from_step not in {None, StepName.ANNOUNCE} or _state_of(conn, job.id, StepName.ANNOUNCE) is not StepState.FAILED:
        raise UsageError(
            f"job {job.id} is {job.state}; only a failed or cancelled job can be retried, and one of which "
            "not everyone was told, from announce"
        )


def _live_job_of(conn: Connection, job: Brief, version: str) -> JobId | None:
    live = job_table.c.state.in_((JobState.QUEUED, JobState.RUNNING))
    same = (job_table.c.project == job.project, job_table.c.package == job.package, job_table.c.version == version)
    found = briefs(conn, *same, job_table.c.id != job.id, live)
    return found[0].id if found else None


def _clear_plan(conn: Connection, job: Brief) -> None:
    if _tag_state(conn, job.id) is StepState.SUCCEEDED:
        raise IllegalTransition(f"job {job.id} cannot be planned again: its tag is public")
    _forget(conn, job.id, ORDER)
    _forget_builds(conn, job.id)
    change(conn, job.id, **_NO_PLAN)


def _tag_state(conn: Connection, job_id: JobId) -> StepState | None:
    return _state_of(conn, job_id, POINT_OF_NO_RETURN)


def _state_of(conn: Connection, job_id: JobId, name: StepName) -> StepState | None:
    query = select(step.c.state).where(step.c.job_id == job_id, step.c.name == name)
    found: StepState | None = conn.execute(query).scalar_one_or_none()
    return found


def _refuse_behind_tag(conn: Connection, job: Brief, from_step: StepName) -> None:
    """Raise `UsageError` where going back would lose sight of a version that is, or may be, public."""
    back = ORDER.index(from_step)
    if back <= ORDER.index(POINT_OF_NO_RETURN) and _tag_state(conn, job.id) is StepState.SUCCEEDED:
        raise UsageError(
            f"job {job.id} cannot go back to {from_step}: its tag is public",
            advice=f"Complete it: releasd retry {job.id} --from publish",
        )
    if back <= ORDER.index(StepName.VERSION):
        raise UsageError(
            f"job {job.id} cannot go back to {from_step}: its tag may be public, though pushing it failed",
            advice=f"Let it look at the remote and go on: releasd retry {job.id}; "
            f"or plan anew from there: releasd release {job.project}",
        )


def _to_forget(job: Brief, from_step: StepName | None) -> tuple[StepName, ...]:
    """Return the steps that are done as if never before. The record of a started `tag` stays: it is what says so."""
    again = ORDER[ORDER.index(from_step) :] if from_step else ()
    if job.irrevocable:
        return tuple(step for step in again if step is not POINT_OF_NO_RETURN)
    return tuple(step for step in ORDER if step in again or step in _LOOKS)


def _forget(conn: Connection, job_id: JobId, steps: tuple[StepName, ...]) -> None:
    conn.execute(delete(step).where(step.c.job_id == job_id, step.c.name.in_(steps)))


def _forget_builds(conn: Connection, job_id: JobId) -> None:
    conn.execute(delete(artifact).where(artifact.c.job_id == job_id))
    conn.execute(delete(build).where(build.c.job_id == job_id))


def _forget_announcements(conn: Connection, job_id: JobId, *, told: bool) -> None:
    """Forget who was not told, so that each is due now with a new budget; and with `told` also who was."""
    mine = announcement.c.job_id == job_id
    conn.execute(delete(announcement).where(mine if told else mine & (announcement.c.state != StepState.SUCCEEDED)))
