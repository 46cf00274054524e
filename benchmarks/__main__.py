"""`python -m benchmarks [NAME…] [--json]`: run the named rows, by default all, one after the other."""

import argparse
import importlib
import json
import os
import platform
import signal
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import psutil

from benchmarks.figures import Figure, lines

ROWS = {
    "hook": "what the hook adds to git push",
    "release": "push to first build, and the whole release, beside a shell script",
    "offline": "a push made while the daemon was down",
    "kills": "SIGKILL at random moments",
    "farm": "what a build host adds to a build that takes no time",
    "idle": "memory, processor, start",
    "throughput": "no-op jobs a second",
    "commands": "releasd status and plan",
    "scheduler": "200 builds of 50 projects over 20 simulated hosts",
    "plan": "releasd plan beside git log and the peers that are installed",
    "publish": "twelve files to an index, and an index that fails now and then, beside uv and twine",
    "sources": "a one-commit change on its way to a host, beside rsync and tar",
    "workflow": "a maturin package for two targets on two hosts, beside the workflow by hand",
}


def main() -> None:
    """Run and print; nothing here passes or fails."""
    asked = _arguments()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that daemons and folders do not outlive us
    about = machine()
    if not asked.json:
        print(" ".join(f"{key}={value}" for key, value in about.items()))
    figures = []
    for name, figure in _measured(asked.names or list(ROWS)):
        figures.append({"row": name, **figure.to_json()})
        if not asked.json:
            print("\n".join(lines(figure)), flush=True)
    if asked.json:
        print(json.dumps({"machine": about, "load_after": os.getloadavg()[0], "figures": figures}, indent=1))
    else:
        print(f"load average at the end: {os.getloadavg()[0]:.2f}")


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks",
        epilog="rows: " + "; ".join(f"{name}: {what}" for name, what in ROWS.items()),
    )
    parser.add_argument("names", metavar="NAME", nargs="*", choices=[*ROWS, []], help="a row; default: all")
    parser.add_argument("--json", action="store_true", help="print one JSON document, with every sample")
    return parser.parse_args()


def _measured(names: list[str]) -> Iterator[tuple[str, Figure]]:
    for name in names:
        print(f"# {name}: {ROWS[name]} …", file=sys.stderr, flush=True)
        for figure in importlib.import_module(f"benchmarks.{name}").run():
            yield name, figure


def machine() -> dict[str, Any]:
    """Return what the figures depend on."""
    git = subprocess.run(("git", "--version"), capture_output=True, text=True, timeout=10, check=True).stdout
    return {
        "at": datetime.now(UTC).isoformat(timespec="seconds"),
        "cpu": _processor(),
        "cores": psutil.cpu_count(),
        "memory_gb": round(psutil.virtual_memory().total / 1e9),
        "system": f"{platform.system()} {platform.release()}",
        "python": platform.python_version(),
        "git": git.split()[2],
        "load": round(os.getloadavg()[0], 2),
    }


def _processor() -> str:
    info = Path("/proc/cpuinfo")
    names = [line for line in info.read_text().splitlines() if line.startswith("model name")] if info.exists() else []
    return names[0].partition(":")[2].strip() if names else platform.processor()


if __name__ == "__main__":
    main()
