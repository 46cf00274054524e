"""The peer of a whole release: a shell script that does the same steps one after another, and nothing else."""

import json
import os
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import count
from pathlib import Path

from support.gitrepo import ISOLATED, Work, make_remote, make_work
from support.packages import QUICK
from support.stage import TOKEN, Stage

NAME = "plain"
# No queue, no journal, no check of what is served, nothing to resume after a crash: the floor, not an alternative.
SCRIPT = """
set -eu
now() { printf '"%s": %s,' "$1" "$(date +%s%N)"; }
now begun
git fetch --quiet origin
git reset --quiet --hard origin/main
sed -i "s/^version = .*/version = \\"$VERSION\\"/" pyproject.toml
echo "## $VERSION" >>CHANGELOG.md
git add --all
git commit --quiet --message "chore(release): $VERSION"
mkdir "$RELEASD_OUT"
now build
python3 make.py
now built
uv venv --quiet --no-config "$SCRATCH/trial"
uv pip install --quiet --no-config --python "$SCRATCH/trial" "$RELEASD_OUT"/*.whl
(cd "$SCRATCH" && trial/bin/python -I -c "import $NAME")
git tag --annotate --message "$VERSION" "v$VERSION"
git push --quiet --atomic origin main "v$VERSION"
now upload
uv publish --quiet --no-config --trusted-publishing never --no-attestations --publish-url "$PUBLISH" \
  --check-url "$SIMPLE" "$RELEASD_OUT"/*
now uploaded
uv venv --quiet --no-config "$SCRATCH/fresh"
uv pip install --quiet --no-config --no-cache --no-deps --only-binary :all: --python "$SCRATCH/fresh" \
  --default-index "$SIMPLE" "$NAME==$VERSION"
now ended
"""


@dataclass(frozen=True)
class ShellTimes:
    """Seconds that one run took, whole and in parts."""

    whole: float
    until_build: float
    build: float
    upload: float


class ShellRelease:
    """A repository of its own beside the stage's, with the like package, released to the same index."""

    def __init__(self, stage: Stage) -> None:
        self._stage = stage
        self._folder = stage.folder / "script"
        self._work = self._make_work()
        self._minors = count(1)

    def _make_work(self) -> Work:
        work = make_work(self._folder / "work", make_remote(self._folder / f"{NAME}.git"))
        work.commit("chore: begin", {_renamed(path): _renamed(text) for path, text in QUICK.items()})
        work.push()
        return work

    def release(self) -> ShellTimes:
        """Push a commit, then release it."""
        self._work.sync()
        self._work.commit("feat: more")
        self._work.push()
        version = f"1.{next(self._minors)}.0"
        scratch = self._folder / version
        scratch.mkdir()
        done = subprocess.run(
            ("sh", "-c", SCRIPT),
            cwd=self._work.path, env=self._environment(version, scratch), capture_output=True, timeout=120, check=False,
        )  # fmt: skip
        if done.returncode:
            raise RuntimeError(done.stderr.decode())
        return _times(json.loads(b"{" + done.stdout.strip().rstrip(b",") + b"}"))

    def _environment(self, version: str, scratch: Path) -> Mapping[str, str]:
        urls = self._stage.index.urls
        who = {f"GIT_{role}_{part}": "ada" for role in ("AUTHOR", "COMMITTER") for part in ("NAME", "EMAIL")}
        own = {"NAME": NAME, "VERSION": version, "SCRATCH": str(scratch), "RELEASD_OUT": str(scratch / "out")}
        urls = {"PUBLISH": urls["publish_url"], "SIMPLE": urls["simple_url"], "UV_PUBLISH_TOKEN": TOKEN}
        return {
            "HOME": os.environ.get("HOME", "/"),
            "PATH": self._stage.environ["PATH"],
            **ISOLATED,
            **who,
            **own,
            **urls,
        }


def _renamed(text: str) -> str:
    return text.replace("demo", NAME)


def _times(at: Mapping[str, int]) -> ShellTimes:
    return ShellTimes(
        whole=(at["ended"] - at["begun"]) / 1e9,
        until_build=(at["build"] - at["begun"]) / 1e9,
        build=(at["built"] - at["build"]) / 1e9,
        upload=(at["uploaded"] - at["upload"]) / 1e9,
    )
