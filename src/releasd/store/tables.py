"""The tables. Invariants that must hold whatever the code does are constraints here (DESIGN.md §3).

`migrations/` makes exactly these tables; a test compares the two.
"""

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    Float,
    ForeignKey,
    Index,
    Integer,
    MetaData,
    String,
    Table,
    Text,
    UniqueConstraint,
    false,
    text,
)

from releasd.model import Bump, FileState, JobState, StepName, StepState
from releasd.store.codec import Json, PlanJson, Utc, Word

metadata = MetaData(
    naming_convention={
        "pk": "pk_%(table_name)s",
        "fk": "fk_%(table_name)s_%(column_0_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    }
)


def _partial(name: str, *columns: Column[str], where: str, unique: bool = True) -> Index:
    """Return an index of some rows. For PostgreSQL the migrations say the same: here it would load its dialect."""
    return Index(name, *columns, unique=unique, sqlite_where=text(where))


# Every hint that named a known project. The same hint from the same source is kept once.
push = Table(
    "push",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("project", String, nullable=False),
    Column("ref", String, nullable=False),
    Column("old", String),
    Column("new", String, nullable=False),
    Column("source", String, nullable=False),
    Column("uid", Integer),
    Column("options", Json, nullable=False),
    Column("at", Utc, nullable=False),
    UniqueConstraint("project", "ref", "new", "source"),
)

# `serial` counts the jobs for one commit: an operator may ask for the same commit again.
# `irrevocable`: `tag` was at least started, so the version may be public and the job is never superseded.
job = Table(
    "job",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("project", String, nullable=False),
    Column("commit", String, nullable=False),
    Column("serial", Integer, nullable=False),
    Column("branch", String, nullable=False),
    Column("package", String, nullable=False, server_default=""),
    Column("state", Word(JobState), nullable=False),
    Column("reason", Text, nullable=False),
    Column("attempt", Integer, nullable=False),
    Column("token", Integer, nullable=False),
    Column("created_at", Utc, nullable=False),
    Column("not_before", Utc),
    Column("owner", String),
    Column("lease_until", Utc),
    Column("started_at", Utc),
    Column("finished_at", Utc),
    Column("bump", Word(Bump)),
    Column("source", String, nullable=False),
    Column("cancel_requested", Boolean, nullable=False),
    Column("irrevocable", Boolean, nullable=False),
    Column("approved", Boolean, nullable=False, server_default=false()),
    Column("version", String),
    Column("tag", String),
    Column("plan", PlanJson),
    UniqueConstraint("project", "commit", "serial"),
    CheckConstraint(
        "state IN ('queued', 'running', 'succeeded', 'failed', 'cancelled', 'superseded')",
        name="state",
    ),
    CheckConstraint("state <> 'running' OR (owner IS NOT NULL AND lease_until IS NOT NULL)", name="running_has_owner"),
    CheckConstraint("state = 'running' OR owner IS NULL", name="only_running_has_owner"),
)
_partial("uq_job_one_running", job.c.project, where="state = 'running'")
_partial("uq_job_one_fresh", job.c.project, job.c.branch, job.c.package, where="state = 'queued' AND NOT irrevocable")
_partial(
    "uq_job_one_live_version",
    job.c.project,
    job.c.package,
    job.c.version,
    where="version IS NOT NULL AND state IN ('queued', 'running')",
)
_partial("ix_job_queued", job.c.project, where="state = 'queued'", unique=False)

# The journal: what each step of a job did last.
step = Table(
    "step",
    metadata,
    Column("job_id", ForeignKey("job.id"), primary_key=True),
    Column("name", Word(StepName), primary_key=True),
    Column("state", Word(StepState), nullable=False),
    Column("attempts", Integer, nullable=False),
    Column("token", Integer, nullable=False),
    Column("evidence", Json, nullable=False),
    Column("error", Text),
    Column("advice", Text, nullable=False),
    Column("retryable", Boolean, nullable=False),
    Column("started_at", Utc),
    Column("finished_at", Utc),
    CheckConstraint("state IN ('started', 'succeeded', 'failed')", name="state"),
)

# The last attempt of each build of a job. `task` is what its host calls it, as long as it may run there; `log_start` is
# where in the build's log its output begins, in bytes; `leash` is for how many seconds it goes on without a daemon.
# One that is started and has a `finished_at` was left running then: its slot is taken until the leash is up.
build = Table(
    "build",
    metadata,
    Column("job_id", ForeignKey("job.id"), primary_key=True),
    Column("name", String, primary_key=True),
    Column("host", String, nullable=False),
    Column("state", Word(StepState), nullable=False),
    Column("attempts", Integer, nullable=False),
    Column("error", Text),
    Column("started_at", Utc, nullable=False),
    Column("finished_at", Utc),
    Column("task", String),
    Column("log_start", BigInteger),
    Column("evidence", Json, nullable=False, server_default="{}"),
    Column("leash", Float),
    CheckConstraint("state IN ('started', 'succeeded', 'failed')", name="state"),
)
_partial("ix_build_started", build.c.host, where="state = 'started'", unique=False)

# Each time that a host failed in the middle of something that it ran for a job: a build, a gate, a trial (`part`).
loss = Table(
    "loss",
    metadata,
    Column("job_id", ForeignKey("job.id"), primary_key=True),
    Column("part", String, primary_key=True),
    Column("number", Integer, primary_key=True),
    Column("told", Text, nullable=False),
)

# Sealed files. Nothing updates a row.
artifact = Table(
    "artifact",
    metadata,
    Column("job_id", ForeignKey("job.id"), primary_key=True),
    Column("filename", String, primary_key=True),
    Column("sha256", String(64), nullable=False),
    Column("size", BigInteger, nullable=False),
    Column("build", String, nullable=False),
    Column("host", String, nullable=False),
    Column("sealed_at", Utc, nullable=False),
)

# Whom a job told of its release, or tried to: the last attempt for each target. `retry_at` is when it is due again.
announcement = Table(
    "announcement",
    metadata,
    Column("job_id", ForeignKey("job.id"), primary_key=True),
    Column("target", String, primary_key=True),
    Column("state", Word(StepState), nullable=False),
    Column("attempts", Integer, nullable=False),
    Column("error", Text),
    Column("advice", Text, nullable=False),
    Column("retryable", Boolean, nullable=False),
    Column("retry_at", Utc),
    Column("at", Utc, nullable=False),
    Column("evidence", Json, nullable=False),
    CheckConstraint("state IN ('succeeded', 'failed')", name="state"),
)

# The destinations of a job, in the plan's order. `closes`: it takes no file of a release that is older than 14 days;
# `warned`: how many warnings were given that it soon does.
destination = Table(
    "destination",
    metadata,
    Column("job_id", ForeignKey("job.id"), primary_key=True),
    Column("index", String, primary_key=True),
    Column("position", Integer, nullable=False),
    Column("closes", Boolean, nullable=False),
    Column("proven_at", Utc),
    Column("evidence", Json, nullable=False, server_default="{}"),
    Column("warned", Integer, nullable=False, server_default="0"),
    UniqueConstraint("job_id", "position", name="uq_destination_position"),
)

# How far each file of a job has come on each destination. A state has its time, and those before it that it had.
delivery = Table(
    "delivery",
    metadata,
    Column("job_id", ForeignKey("job.id"), primary_key=True),
    Column("index", String, primary_key=True),
    Column("filename", String, primary_key=True),
    Column("sha256", String(64), nullable=False),
    Column("size", BigInteger, nullable=False),
    Column("state", Word(FileState), nullable=False),
    Column("error", Text),
    Column("planned_at", Utc, nullable=False),
    Column("uploaded_at", Utc),
    Column("served_at", Utc),
    Column("verified_at", Utc),
    CheckConstraint(
        "(state = 'planned' AND uploaded_at IS NULL AND served_at IS NULL AND verified_at IS NULL) OR "
        "(state = 'uploaded' AND uploaded_at IS NOT NULL AND served_at IS NULL AND verified_at IS NULL) OR "
        "(state = 'served' AND served_at IS NOT NULL AND verified_at IS NULL) OR "
        "(state = 'verified' AND served_at IS NOT NULL AND verified_at IS NOT NULL)",
        name="times",
    ),
)

# The audit log; triggers made by the migration refuse UPDATE and DELETE.
event = Table(
    "event",
    metadata,
    Column("seq", Integer, primary_key=True, autoincrement=False),
    Column("at", Utc, nullable=False),
    Column("event", String, nullable=False),
    Column("project", String),
    Column("job", Integer),
    Column("data", Json, nullable=False),
    Column("prev", String(64), nullable=False, unique=True),
    Column("hash", String(64), nullable=False),
    Index("ix_event_job", "job"),
)

# What the last look at each host said.
host_probe = Table(
    "host_probe",
    metadata,
    Column("name", String, primary_key=True),
    Column("ok", Boolean, nullable=False),
    Column("at", Utc, nullable=False),
    Column("facts", Json, nullable=False),
    Column("reason", Text, nullable=False),
)

# The last commit of each branch that became a job, so that reconcile knows what it has not seen. A row whose branch is
# one of the project's globs says that branches were looked for by it. `leaving`: where the branch still is while a push
# of our own, which makes it `commit`, is on its way.
branch_head = Table(
    "branch_head",
    metadata,
    Column("project", String, primary_key=True),
    Column("branch", String, primary_key=True),
    Column("commit", String, nullable=False),
    Column("at", Utc, nullable=False),
    Column("leaving", String),
)

# Whether builds may go to a host. `failures`: looks and builds in a row at which it failed; with one or more it is
# quarantined, `since` then and until a look succeeds, the next of which is due at `look_at`.
host_state = Table(
    "host_state",
    metadata,
    Column("name", String, primary_key=True),
    Column("spec", Json, nullable=False),
    Column("removed", Boolean, nullable=False),
    Column("drained", Boolean, nullable=False),
    Column("failures", Integer, nullable=False),
    Column("since", Utc),
    Column("look_at", Utc),
    Column("why", Text, nullable=False),
    Column("cores", Integer, nullable=False),
    Column("load", Float, nullable=False),
    Column("losses", Integer, nullable=False, server_default="0"),
    CheckConstraint(
        "(failures = 0) = (since IS NULL) AND (failures = 0) = (look_at IS NULL)",
        name="quarantine",
    ),
)

# Builds that wait for a host: of a running job (its token says of which attempt) for a slot, of a queued one for any
# host that can be used. `hosts` maps each that could take it to its slots.
waiting_build = Table(
    "waiting_build",
    metadata,
    Column("job_id", ForeignKey("job.id"), primary_key=True),
    Column("name", String, primary_key=True),
    Column("token", Integer, nullable=False),
    Column("since", Utc, nullable=False),
    Column("looked_at", Utc, nullable=False),
    Column("hosts", Json, nullable=False),
    Column("labels", Json, nullable=False),
    Column("reason", Text, nullable=False),
)

# Where the builds of a project ran: whose turn it was last, and where caches are warm.
build_place = Table(
    "build_place",
    metadata,
    Column("project", String, primary_key=True),
    Column("build", String, primary_key=True),
    Column("host", String, primary_key=True),
    Column("started_at", Utc, nullable=False),
    Column("succeeded_at", Utc),
)
