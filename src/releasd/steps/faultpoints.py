"""The named points around every effect where the fault tier kills the daemon (tests/fault).

The tier enumerates `POINTS`, so that a new step is covered on the day it is added. In production the function behind
them does nothing.
"""

from releasd.model import StepName

AROUND_A_STEP = ("started", "observed", "applied", "recorded")

INSIDE = (
    "push.recorded",  # the hint is in the store, the pusher not yet answered
    "job.claimed",
    "job.planned",
    "version.ref_set",
    "build.begun",  # the journal says that it runs on a host, which knows nothing of it yet
    "build.adopted",  # files in the artifact store, not yet sealed
    "build.sealed",
    "tag.own_push_noted",
    "tag.pushed",  # branch and tag are public, the journal does not know
    "publish.uploaded",  # the index has the files, the journal does not know
    "announce.drafted",  # the forge has a draft without files
    "announce.uploaded",  # the forge has a file more
    "announce.published",  # the release page is public
    "announce.delivered",  # a target was told, the journal does not know
    "announce.noted",  # the journal knows, the next target was not told
    "job.finished",
)

# Between the destinations of a release that goes to several; also `publish.uploaded:2` and so on, for each of them.
OF_DESTINATIONS = ("publish.proven",)  # the destination is proven and on record, the next one not begun

OF_PACKAGES = ("job.split",)  # the packages' jobs are queued, that of the repository is not over

# Reached only by a daemon that finds a build of its predecessor's still running.
ATTACHING = ("build.attached",)

POINTS: tuple[str, ...] = (*(f"{step}.{moment}" for step in StepName for moment in AROUND_A_STEP), *INSIDE)
