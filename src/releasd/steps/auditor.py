"""The program that steps/audit.py runs: auditwheel and abi3audit, imported once, and a process for each look.

Importing the two takes many times as long as looking does. A look in a fork has them already, and one that ends badly,
or is killed, takes no other with it: its report is missing then, and that is told.
"""

import os
import runpy
import sys
import traceback
from collections.abc import Sequence
from importlib import import_module
from pathlib import Path

TAG, ABI = "auditwheel", "abi3audit"
# What `python -m` of each imports, at once or only when it looks.
_MODULES = {TAG: ("auditwheel.main", "auditwheel.wheel_abi", "auditwheel.json"), ABI: ("abi3audit._cli",)}
# Both end badly where they find something, and say so in the report.
_ARGUMENTS = {TAG: ("show", "--json"), ABI: ("--report",)}


def report(program: str, wheel: str) -> str:
    """Return the name of the file with what a program says about a wheel."""
    return f"{program}-{wheel}.json"


def main(looks: Sequence[str], inputs: Path, out: Path) -> None:
    """Look at wheels, as many at a time as there are processors.

    Args:
        looks: PROGRAM=WHEEL each.
        inputs: where the wheels are.
        out: where the reports go.
    """
    pairs = [look.split("=", 1) for look in looks]
    for module in sorted({module for program, _ in pairs for module in _MODULES[program]}):
        import_module(module)
    running = 0
    for program, wheel in pairs:
        if running == (os.cpu_count() or 1):
            os.wait()
            running -= 1
        if os.fork() == 0:
            _look(program, inputs / wheel, out / report(program, wheel))
        running += 1
    while running:
        os.wait()
        running -= 1


def _look(program: str, wheel: Path, into: Path) -> None:
    """Run a program as `python -m` does, its standard output into a file, and end this process."""
    try:
        os.dup2(os.open(into, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), sys.stdout.fileno())
        sys.argv = [program, *_ARGUMENTS[program], str(wheel)]
        runpy.run_module(program, run_name="__main__", alter_sys=True)
    except Exception:  # noqa: BLE001 - the log of the step is where its end is looked for
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        os._exit(0)  # the report is what counts


if __name__ == "__main__":
    main(sys.argv[1:], Path(os.environ["RELEASD_INPUTS"]), Path(os.environ["RELEASD_OUT"]))
