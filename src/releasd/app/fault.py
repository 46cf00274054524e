"""Named points where the fault tier ends the process; in production a function that does nothing."""

import itertools
import os
import signal
from collections.abc import Callable, Mapping

VARIABLE = "RELEASD_FAULT"


def armed(environ: Mapping[str, str]) -> Callable[[str], None]:
    """Return the function behind the fault points: SIGKILL at the point that the variable names, else nothing.

    `publish.uploaded:2` is the second time that this point is reached.
    """
    wanted, _, count = environ.get(VARIABLE, "").partition(":")
    times = itertools.count(1)

    def point(name: str) -> None:
        if name == wanted and next(times) == int(count or 1):
            os.kill(os.getpid(), signal.SIGKILL)

    return point
