"""The words that everything else is made of: enums, in the order in which they are compared or run."""

from enum import StrEnum


class Bump(StrEnum):
    """How far a version moves; ordered by `rank`."""

    NONE = "none"
    PATCH = "patch"
    MINOR = "minor"
    MAJOR = "major"

    @property
    def rank(self) -> int:
        """Return 0 for none up to 3 for major."""
        return list(Bump).index(self)


class JobState(StrEnum):
    """The states of a release job; transitions are in core/lifecycle.py."""

    QUEUED = "queued"
    RUNNING = "running"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELLED = "cancelled"
    SUPERSEDED = "superseded"


class StepName(StrEnum):
    """The nine steps, in the order in which they run (DESIGN.md §2)."""

    PREFLIGHT = "preflight"
    SYNC = "sync"
    VERSION = "version"
    BUILD = "build"
    CHECK = "check"
    TAG = "tag"
    PUBLISH = "publish"
    VERIFY = "verify"
    ANNOUNCE = "announce"


class StepState(StrEnum):
    """The states of one step in a job's journal."""

    STARTED = "started"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
