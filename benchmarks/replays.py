"""`python -m benchmarks.replays FOLDER… [--differing] [-- OPTION…]`: `releasd replay` over clones of real histories.

Each folder is a clone, or a git folder without a work tree, with all its tags; nothing in it is changed and nothing is
fetched. What follows `--` goes to every `releasd replay`, as `--config FILE`. The figures in README.md are made so.
"""

import argparse
import json
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from releasd.core.project import ANALYSES
from support.gitrepo import git
from support.spent import spent

RELEASD = str(Path(sys.executable).parent / "releasd")
WITHIN = 900.0  # seconds for one history


@dataclass(frozen=True, slots=True, kw_only=True)
class Read:
    """One history, read by one analysis: the document of `replay --json`, and the processor's seconds that it took."""

    found: dict[str, Any]
    cpu: float


def main() -> None:
    """Print a row for each history; the exit status is 1 where one could not be read."""
    end = sys.argv.index("--") if "--" in sys.argv else len(sys.argv)
    asked, options = _asked(sys.argv[1:end]), sys.argv[end + 1 :]
    heads = ("history", "commits", "releases", *ANALYSES, "processor")
    print(f"| {' | '.join(heads)} |\n|{'---|' * len(heads)}")
    done = [_row(folder, options, differing=asked.differing) for folder in asked.folders]
    sys.exit(not all(done))


def _asked(words: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.replays")
    parser.add_argument("folders", metavar="FOLDER", nargs="+", type=Path, help="a clone, with all its tags")
    parser.add_argument("--differing", action="store_true", help="also print every disagreement, on the error stream")
    return parser.parse_args(words)


def _row(folder: Path, options: Sequence[str], *, differing: bool) -> bool:
    """Print a history's row; return whether it could be read."""
    try:
        read = [_read(folder, analysis, options) for analysis in ANALYSES]
    except (TimeoutError, RuntimeError) as error:
        print(f"!!! {folder} LEFT OUT: {error}", file=sys.stderr, flush=True)
        return False
    for warning in read[0].found["warnings"]:
        print(f"!!! {_name(folder)}: {warning}", file=sys.stderr)
    if differing:
        _print_differing(folder, read)
    cells = (
        _name(folder),
        f"{int(git(folder, 'rev-list', '--count', 'HEAD')):,}",
        len(read[0].found["releases"]),
        *(each.found["agreed"] for each in read),
        " / ".join(f"{each.cpu:.1f} s" for each in read),
    )
    print(f"| {' | '.join(map(str, cells))} |", flush=True)
    return True


def _read(folder: Path, analysis: str, options: Sequence[str]) -> Read:
    command = (RELEASD, "replay", "--json", "--repo", str(folder), "--analysis", analysis, *options)
    with tempfile.TemporaryFile() as output:
        used = spent(command, folder, within=WITHIN, output=output)
        output.seek(0)
        found = json.load(output)
    if used.status:
        raise RuntimeError(found)
    return Read(found=found, cpu=used.cpu)


def _print_differing(folder: Path, read: Sequence[Read]) -> None:
    for each in read:
        for release in each.found["releases"]:
            if not release["agree"]:
                step = f"{release['from_tag']} → {release['to_tag']}"
                print(f"{_name(folder)}, {each.found['analysis']}: {step}: {release['why']}", file=sys.stderr)


def _name(folder: Path) -> str:
    """Return the last two names in the address of the clone's origin; the folder's own name where it has none."""
    address = git(folder, "config", "--default", "", "--get", "remote.origin.url").removesuffix(".git")
    return "/".join(address.replace(":", "/").split("/")[-2:]) if address else folder.absolute().name


if __name__ == "__main__":
    main()
