"""Large histories: what is not asked about costs nothing, and what is listed costs no more than its own size.

Memory is the peak that the kernel saw in the command's own process; no time is asserted.
"""

import json
import re
import shutil
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from support.gitrepo import git
from support.histories import line, make_history
from support.spent import spent

RELEASD = str(Path(sys.executable).parent / "releasd")
MB = 1_000_000
START = 40 * MB  # what a plan of one commit needs, and some more
COMMITS = 200_000
MILLION = 1_000_000


def told(command: str, repo: Path, folder: Path, *options: str, within: float = 500) -> tuple[dict[str, Any], int]:
    """Return what a command prints with `--json`, and its peak in bytes."""
    printed = folder / f"{command}.json"
    with printed.open("wb") as output:
        used = spent((RELEASD, command, "--json", "--repo", str(repo), *options), repo, within=within, output=output)
    assert used.status == 0, printed.read_text()
    return json.loads(printed.read_bytes()), used.peak


def pack_tags(repo: Path, tags: Mapping[str, str]) -> None:
    """Make lightweight tags as `git pack-refs` leaves them: 100,000 files would take longer than all tests here."""
    lines = [f"{commit} refs/tags/{name}" for name, commit in tags.items()]
    lines += [f"{git(repo, 'rev-parse', 'main')} refs/heads/main"]
    lines.sort(key=lambda each: each.split(" ")[1].encode())
    (repo / "packed-refs").write_text("\n".join(["# pack-refs with: peeled fully-peeled sorted ", *lines, ""]))


@pytest.mark.parametrize(("higher", "last"), [(10, "v0.999.89"), (1_000, "v0.989.99")])
def test_the_last_release_is_found_among_100000_tags(tmp_path: Path, higher: int, last: str) -> None:
    """The highest tag that is reachable counts, and none of those on a side branch, however many are higher."""
    repo = make_history(tmp_path / "tags.git", line(("feat: begin", "feat: on", "fix: more")))
    first = git(repo, "rev-parse", "main~2")
    aside = git(repo, "commit-tree", "-p", first, "-m", "feat: aside", f"{first}^{{tree}}")
    below = {f"v0.{number // 100}.{number % 100}": first for number in range(100_000 - higher)}
    pack_tags(repo, {**below, **{f"v1.{number}.0": aside for number in range(higher)}, "nightly": first})
    found, peak = told("plan", repo, tmp_path)
    assert found["last"] == {"tag": last, "version": last[1:], "commit": first}
    assert [commit["subject"] for commit in found["commits"]] == ["more", "on"]
    assert peak < START + 100_000 * 500  # bytes for a tag


def _messages() -> Iterator[str | tuple[str, ...]]:
    for number in range(COMMITS):
        message = f"{('feat', 'fix', 'docs', 'chore')[number % 4]}(part-{number % 50}): change {number}\n\nWhy: words"
        yield (message, "v1.0.0") if number == COMMITS - 4 else message


@pytest.fixture(scope="module")
def large(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a repository of 200,000 commits, the last three of them after the tag v1.0.0."""
    return make_history(tmp_path_factory.mktemp("large") / "large.git", line(_messages()))


@pytest.mark.slow
@pytest.mark.timeout(600)  # seconds; 20 on an idle machine
def test_what_is_before_the_last_release_costs_nothing(large: Path, tmp_path: Path) -> None:
    """A plan three commits after a tag needs the memory of a plan of three commits, whatever the history."""
    found, peak = told("plan", large, tmp_path)
    assert (found["next"]["version"], len(found["commits"])) == ("1.0.1", 3)
    assert peak < START


@pytest.mark.slow
@pytest.mark.timeout(600)  # seconds; 20 on an idle machine
def test_a_whole_history_is_listed_in_little_more_than_what_is_said_of_it(large: Path, tmp_path: Path) -> None:
    """All 200,000 commits are in the JSON, in order; their number does not tell in memory."""
    config = tmp_path / "own.toml"
    config.write_text('tag_format = "none-{version}"\n')
    found, peak = told("plan", large, tmp_path, "--config", str(config))
    listed = [commit["subject"] for commit in found["commits"]]
    assert listed == [f"change {number}" for number in reversed(range(COMMITS))]
    assert found["next"]["version"] == "0.1.0"
    assert found["notes"].count("\n* **part-") == 5_000
    assert sum(map(int, re.findall(r"^\* … and (\d+) more$", found["notes"], re.MULTILINE))) == COMMITS // 2 - 5_000
    assert peak < START + 60 * MB + COMMITS * 100  # what is kept of the newest 30,000, and git's own memory


def _a_million() -> Iterator[str | tuple[str, ...]]:
    for number in range(MILLION):
        message = f"{('feat', 'fix', 'docs', 'chore')[number % 4]}: change {number}"
        due = (number + 4) % 50_000 == 0  # twenty releases, the last one three commits before the end
        yield (message, f"v0.{(number + 4) // 50_000}.0") if due else message


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_a_million_commits_are_planned_from_their_end_and_replayed_whole(tmp_path: Path) -> None:
    """A plan costs what is new, and each of the 1,000,000 commits is judged in the memory that git's own names take."""
    repo = make_history(tmp_path / "million.git", line(_a_million()))
    try:
        found, peak = told("plan", repo, tmp_path)
        assert (found["last"]["tag"], found["next"]["version"], len(found["commits"])) == ("v0.20.0", "0.20.1", 3)
        assert peak < START
        replayed, peak = told("replay", repo, tmp_path, within=600)
        counts = [release["commits"] for release in replayed["releases"]]
        assert (replayed["agreed"], counts) == (20, [49_997, *[50_000] * 19])
        assert peak < START + MILLION * 400
    finally:
        shutil.rmtree(repo)  # pytest would keep it for the next three runs
