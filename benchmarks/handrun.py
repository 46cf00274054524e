"""The peer of a release with two targets: the hand-run workflow, one step after another (release-workflow.md).

Preflight, sync, version, a build here, rsync to the other machine, a build there, scp back, the wheels audited and
tried by stock tools, `uv publish`, a look at the index. Where the build there is not in a container that fetches its
toolchain, as the workflow's is, that is in the script's favour. The check is not the workflow's, but one of the steps
compared; its time stands apart.
"""

import json
import os
import shlex
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import count, pairwise
from pathlib import Path

from support.gitrepo import ISOLATED, Work, make_remote, make_work
from support.packages import MATURIN
from support.sshd import Sshd
from support.stage import TOKEN, Stage

NAME = "handrun"
WITHIN = 300  # seconds for one release
# The caches are warm here, too: target/ stays in both folders, as it does by hand. -O: the stage's sshd has no sftp.
SCRIPT = """
set -eu
exec 3>&1 >&2
now() { printf '"%s": %s,' "$1" "$(date +%s%N)" >&3; }
now begun
test -z "$(git status --porcelain)"
test "$(git branch --show-current)" = main
git ls-remote --quiet --exit-code origin HEAD >/dev/null
ssh -F "$SSH_CONFIG" far "$FAR_PATH; command -v cargo && command -v maturin && command -v zig && df -P ." >/dev/null
now sync
git pull --quiet --rebase origin main
git push --quiet origin main
now decide
eval "$DECIDE"
now version
sed -i "s/^version = \\"1\\.[0-9]*\\.0\\"/version = \\"$VERSION\\"/" pyproject.toml Cargo.toml Cargo.lock uv.lock
echo "## $VERSION" >>CHANGELOG.md
git add --all
git commit --quiet --message "chore(release): $VERSION"
git tag --annotate --message "$VERSION" "v$VERSION"
git push --quiet --atomic origin main "v$VERSION"
now build_here
rm -rf dist
eval "$BUILD_HERE"
now sources
rsync --archive --delete --exclude=target --exclude=.git --exclude=dist --rsh "ssh -F $SSH_CONFIG" ./ "far:$FAR/"
now build_far
ssh -F "$SSH_CONFIG" far "$FAR_PATH; cd '$FAR'; rm -rf dist; $BUILD_FAR"
now fetch
scp -O -q -F "$SSH_CONFIG" "far:$FAR/dist/*.whl" dist/
now sdist
maturin sdist --out dist
now check
for wheel in dist/*.whl; do
  auditwheel show --json "$wheel" >"$SCRATCH/auditwheel.json"
  HOME="$SCRATCH" XDG_CACHE_HOME="$SCRATCH" abi3audit --report "$wheel" >"$SCRATCH/abi3audit.json"
  uv venv --quiet --no-config --clear "$SCRATCH/trial"
  uv pip install --quiet --no-config --python "$SCRATCH/trial" "$wheel"
  "$SCRATCH/trial/bin/python" -I -c "import $NAME"
done
now publish
uv publish --quiet --no-config --trusted-publishing never --no-attestations --publish-url "$PUBLISH" \
  --check-url "$SIMPLE" dist/*
now verify
uv venv --quiet --no-config --clear "$SCRATCH/fresh"
uv pip install --quiet --no-config --no-cache --no-deps --only-binary :all: --python "$SCRATCH/fresh" \
  --default-index "$SIMPLE" "$NAME==$VERSION"
now ended
"""


@dataclass(frozen=True)
class HandTimes:
    """Seconds of one run: by part, in order."""

    parts: Mapping[str, float]

    @property
    def whole(self) -> float:
        """Return what it took from the first command to the last."""
        return sum(self.parts.values())

    @property
    def unchecked(self) -> float:
        """Return what the workflow takes, in which nobody audits or tries a wheel."""
        return self.whole - self.parts["check"]

    @property
    def least(self) -> float:
        """Return what it would take if, besides, the version were known: without semantic-release."""
        return self.unchecked - self.parts["decide"]


class HandRun:
    """A repository of its own beside the stage's, with the like package, released to the same index."""

    def __init__(self, stage: Stage, far: Sshd, builds: tuple[str, str], node: tuple[str, ...] | None) -> None:
        self._stage = stage
        self._folder = stage.folder / "by-hand"
        self._builds = builds
        self._node = node
        self._minors = count(1)
        self._folder.mkdir()
        self._config = self._ssh_config(far)
        self._work = self._make_work()

    def _make_work(self) -> Work:
        work = make_work(self._folder / "work", make_remote(self._folder / f"{NAME}.git"))
        files = {_renamed(path): _renamed(text) for path, text in MATURIN.items()}
        work.commit("chore: begin", {**files, ".gitignore": "target\ndist\n"})
        work.tag("v1.0.0", message="v1.0.0")
        work.push()
        return work

    def _ssh_config(self, far: Sshd) -> Path:
        spec = far.spec(self._folder)
        options = {
            "HostName": spec.address, "Port": spec.port, "User": spec.user, "IdentityFile": spec.identity,
            "UserKnownHostsFile": spec.known_hosts, "IdentitiesOnly": "yes", "BatchMode": "yes",
        }  # fmt: skip
        path = self._folder / "ssh_config"
        path.write_text("Host far\n" + "".join(f"  {name} {value}\n" for name, value in options.items()))
        return path

    def release(self) -> HandTimes:
        """Commit, and release that by hand."""
        self._work.sync()
        self._work.commit("feat: more")
        version = f"1.{next(self._minors)}.0"
        scratch = self._folder / version
        scratch.mkdir()
        done = subprocess.run(
            ("sh", "-c", SCRIPT), cwd=self._work.path, env=self._environment(version, scratch), capture_output=True,
            timeout=WITHIN, check=False,
        )  # fmt: skip
        if done.returncode:
            raise RuntimeError(f"{done.stdout.decode()}{done.stderr.decode()}")
        return _times(json.loads(b"{" + done.stdout.strip().rstrip(b",") + b"}"))

    def _environment(self, version: str, scratch: Path) -> Mapping[str, str]:
        here, far = self._builds
        urls = self._stage.index.urls
        who = {f"GIT_{role}_{part}": "ada" for role in ("AUTHOR", "COMMITTER") for part in ("NAME", "EMAIL")}
        return {
            "HOME": os.environ.get("HOME", "/"),
            "PATH": self._stage.environ["PATH"],
            **ISOLATED,
            **who,
            "NAME": NAME,
            "VERSION": version,
            "SCRATCH": str(scratch),
            "SSH_CONFIG": str(self._config),
            "FAR": str(self._folder / "far"),
            "FAR_PATH": f"set -e; export RELEASD_OUT=dist PATH={shlex.quote(self._stage.environ['PATH'])}",
            "RELEASD_OUT": "dist",
            "BUILD_HERE": here,
            "BUILD_FAR": far,
            "DECIDE": self._deciding(version),
            "PUBLISH": urls["publish_url"],
            "SIMPLE": urls["simple_url"],
            "UV_PUBLISH_TOKEN": TOKEN,
        }

    def _deciding(self, version: str) -> str:
        """Return what decides the version, and fails where that is not the expected one."""
        if self._node is None:
            return ":"
        command = shlex.join((*self._node, "--repository-url", self._work.remote.as_uri()))
        return f"case $({command}) in *'next release version is {version}'*) ;; *) exit 1 ;; esac"


def _renamed(text: str) -> str:
    return text.replace("demo", NAME)


def _times(at: Mapping[str, int]) -> HandTimes:
    names = list(at)
    return HandTimes({name: (at[after] - at[name]) / 1e9 for name, after in pairwise(names)})
