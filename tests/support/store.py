"""Stores for tests: real SQLite files, and what other processes do to them."""

import functools
import tempfile
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from itertools import count
from pathlib import Path
from urllib.parse import quote

from releasd.model import Artifact, BuildSpec, Bump, Job, JobId, JobState, LeftRunning, Plan, StepName
from releasd.store import Store, open_store

NOW = datetime(2026, 11, 23, 1, 0, tzinfo=UTC)
LEASE = timedelta(seconds=60)
LEFT = LeftRunning(host="h", task="p-1-1-wheel", log_start=7)


def url_of(folder: Path) -> str:
    """Return the URL of the store in `folder`."""
    return f"sqlite:///{quote(str(folder / 'releasd.db'))}"


def make_store(folder: Path) -> None:
    """Put an empty store into `folder`, with the bytes that the migrations make: making it anew is 0.1 s of work."""
    path = folder / "releasd.db"
    path.touch(mode=0o640)
    path.write_bytes(_empty())


@functools.cache
def _empty() -> bytes:
    with tempfile.TemporaryDirectory() as name:
        open_store(url_of(Path(name))).close()
        return (Path(name) / "releasd.db").read_bytes()


def fresh_store(folder: Path) -> Store:
    """Open an empty store that is made in `folder`."""
    make_store(folder)
    return open_store(url_of(folder))


def commit_of(number: int) -> str:
    """Return a full object name."""
    return f"{number:040x}"


def enqueue(store: Store, number: int = 1, project: str = "p", **rest: object) -> JobId:
    """Queue the commit of that number and return its job."""
    rest = {"source": "hook", "now": NOW} | rest
    return store.enqueue(project, commit_of(number), "main", **rest).job_id


def claim(store: Store, owner: str = "me", now: datetime = NOW) -> Job:
    """Claim what is due; there has to be something."""
    job = store.claim(owner, now=now, lease=LEASE)
    assert job is not None
    return job


def running(store: Store, number: int = 1, project: str = "p") -> Job:
    """Queue a commit and claim it."""
    job_id = enqueue(store, number, project)
    job = claim(store)
    assert job.id == job_id
    return job


def plan(version: str = "1.0.0", project: str = "p", commit: str = commit_of(1)) -> Plan:
    """Return a plan for `version`."""
    return Plan(
        project=project, distribution=project, commit=commit, branch="main", last=None, bump=Bump.MINOR,
        version=version, pep440=version, tag=f"v{version}", reason="a feature", notes="notes", changelog="changelog",
        edits=(), builds=(BuildSpec(name="wheel", run="uv build", env={"A": "b"}),), gates=(), indexes=("pypi",),
        webhooks=(), planned_at=NOW,
    )  # fmt: skip


def wheel(digest: str = "a", name: str = "a.whl") -> Artifact:
    """Return a built file, too large for 32 bits."""
    return Artifact(filename=name, sha256=digest * 64, size=5_000_000_000, build="wheel", host="h")


def start_build(
    store: Store, job: Job, name: str = "wheel", host: str = "h", *, slots: int = 1, now: datetime = NOW
) -> bool:
    """Ask for a slot of one host; return whether there was one."""
    return store.place_build(job.id, job.token, name, hosts={host: slots}, now=now).host is not None


def build(store: Store, job: Job, *files: Artifact) -> None:
    """Let the build `wheel` of a running job leave `files`."""
    start_build(store, job)
    store.build_sealed(job.id, job.token, "wheel", "h", files, now=NOW)


def run_steps(store: Store, job: Job, last: StepName) -> None:
    """Let all steps up to and including `last` succeed."""
    for step in list(StepName)[: list(StepName).index(last) + 1]:
        store.step_started(job.id, job.token, step, NOW)
        store.step_finished(job.id, job.token, step, {"did": step}, NOW)


def claim_all(url: str, owner: str) -> list[int]:
    """Claim until nothing is left; for a process of its own."""
    with open_store(url) as store:
        claimed = []
        while (job := store.claim(owner, now=NOW, lease=LEASE)) is not None:
            claimed.append(job.id)
        return claimed


def write_forever(url: str) -> None:
    """Queue, run and finish jobs until killed; for a process of its own."""
    store = open_store(url)
    for number in count(1):
        job = running(store, number, f"p{number}")
        run_steps(store, job, StepName.BUILD)


def in_state(store: Store, state: JobState) -> Job:
    """Return a job in `state`, reached as it is reached in life; it was claimed before wherever that can be."""
    job = running(store)
    if state is JobState.QUEUED:
        return store.requeue(job.id, job.token, not_before=None, reason="", now=NOW)
    if state is JobState.SUPERSEDED:
        store.requeue(job.id, job.token, not_before=None, reason="", now=NOW)
        enqueue(store, 2)
    elif state is not JobState.RUNNING:
        store.finish(job.id, job.token, state, "over", NOW)
    return store.job(job.id)


def guarded_writes(store: Store, job_id: JobId, token: int) -> dict[str, Callable[[], object]]:
    """Return every method that only the holder of the token may call."""
    held = (job_id, token)
    failed = {"error": "no", "advice": "", "retryable": False, "retry_after": None, "now": NOW}
    return {
        "fence": lambda: store.fence(*held),
        "set_plan": lambda: store.set_plan(*held, plan(), NOW),
        "finish": lambda: store.finish(*held, JobState.SUCCEEDED, "done", NOW),
        "requeue": lambda: store.requeue(*held, not_before=None, reason="", now=NOW),
        "replan": lambda: store.requeue(*held, not_before=None, reason="", now=NOW, clear_plan=True),
        "step_started": lambda: store.step_started(*held, StepName.PREFLIGHT, NOW),
        "step_finished": lambda: store.step_finished(*held, StepName.PREFLIGHT, {}, NOW),
        "step_failed": lambda: store.step_failed(*held, StepName.PREFLIGHT, **failed),
        "place_build": lambda: store.place_build(*held, "wheel", hosts={"host": 9}, now=NOW),
        "build_kept": lambda: store.build_kept(*held, "wheel", LEFT, leash=60.0),
        "build_attached": lambda: store.build_attached(*held, "wheel", now=NOW),
        "leave_build": lambda: store.leave_build(*held, "wheel", now=NOW),
        "park": lambda: store.park(*held, "wheel", hosts={"host": 9}, reason="", now=NOW),
        "build_sealed": lambda: store.build_sealed(*held, "wheel", "host", (wheel(),), now=NOW),
        "build_failed": lambda: store.build_failed(*held, "wheel", "host", "no", now=NOW),
    }
