"""One hierarchy: what went wrong, to what, what to do about it, and which exit code says so.

Every error carries `advice`, the command or edit that fixes it. Whether an attempt may be repeated is a class,
never a guess from text: `Transient` may be, everything else may not (DESIGN.md §2, "Three rules").
"""

from collections.abc import Mapping
from typing import ClassVar


class ReleasdError(Exception):
    """Base of every error that releasd raises on purpose.

    Attributes:
        advice: the next thing for a person to do, one sentence or command; empty when there is none.
        exit_code: what the command line returns (DESIGN.md §5.1).
        by_file: where several files were handled together, what went wrong with each, by its name; None where nobody
            judged them one by one.
    """

    exit_code: ClassVar[int] = 1
    by_file: Mapping[str, str] | None

    def __init__(self, message: str, *, advice: str = "") -> None:
        super().__init__(message)
        self.advice = advice
        self.by_file = None

    @property
    def message(self) -> str:
        """Say what happened, without the advice."""
        return str(self)


class UsageError(ReleasdError):
    """The command or its arguments are wrong."""

    exit_code = 2


class ConfigError(ReleasdError):
    """A configuration file is missing or wrong. `problems` lists every mistake as `file: key: what is allowed`."""

    exit_code = 2

    def __init__(self, message: str, *, problems: tuple[str, ...] = (), advice: str = "") -> None:
        super().__init__("\n".join((message, *(f"  {problem}" for problem in problems))), advice=advice)
        self.problems = problems


class NothingToRelease(ReleasdError):
    """There is nothing to release, and the message says why."""

    exit_code = 3


class DaemonNotRunning(ReleasdError):
    """The daemon was needed and does not answer."""

    exit_code = 4


class AlreadyRunning(ReleasdError):
    """Another daemon holds this state folder."""

    exit_code = 2


class Permanent(ReleasdError):
    """The same attempt would fail again; a person has to change something first."""


class Conflict(Permanent):
    """The world holds something of the same name that is not ours. Nothing is overwritten; a person is called."""


class Taken(Conflict):
    """An index says that it has a file of that name. Whose bytes they are its listing tells, now or in a while."""


class BuildFailed(Permanent):
    """A build command ended badly, wrote no files or ran out of time."""


class CheckFailed(Permanent):
    """A built artifact is not what the plan promised."""


class GitError(Permanent):
    """Git refused, or the repository is not what was expected."""


class SecretError(Permanent):
    """A secret is missing, denied or malformed. Its value is never part of the message."""


class SecretMissing(SecretError):
    """The place was reached and holds no such secret."""


class SecretDenied(SecretError):
    """The place was reached and does not let us have the secret."""


class SecretMalformed(SecretError):
    """What the place holds cannot be the secret: empty, no text, or of another shape."""


class Denied(Permanent):
    """An index or host rejected the credential."""


class Transient(ReleasdError):
    """The same attempt may succeed later: network, index down, host away.

    Attributes:
        retry_after: seconds the other side asked us to wait, or None.
    """

    def __init__(self, message: str, *, advice: str = "", retry_after: float | None = None) -> None:
        super().__init__(message, advice=advice)
        self.retry_after = retry_after


class HostLost(Transient):
    """A host could not be reached, or went away in the middle. Another host may do the work."""


class TaskLost(HostLost):
    """A host went away with a task that had begun there; the task itself may be why."""


class NoHost(HostLost):
    """No host that could do it can be used now: each is away, drained or quarantined. The job waits for one of them.

    Attributes:
        build: what waits.
        hosts: the hosts' names and slots.
    """

    def __init__(self, message: str, *, build: str, hosts: Mapping[str, int], advice: str = "") -> None:
        super().__init__(message, advice=advice)
        self.build = build
        self.hosts = hosts


class DiskFull(Transient):
    """No space left on the device named. What was written so far was removed."""


class OwnDiskFull(DiskFull):
    """No space left on the daemon's own disk: no other host would help."""


class Fenced(ReleasdError):
    """This attempt's claim was taken over; it must stop without touching anything more."""


class Cancelled(ReleasdError):
    """A person cancelled the job."""


class Stopping(ReleasdError):
    """The daemon is stopping; the job goes back to the queue as it was."""


class Replan(ReleasdError):
    """The branch moved in a way that the plan does not survive; the release is planned again from the new tip."""
