"""What is true after a release, looked up where it shows: repository, index, status, journal and audit log."""

import re

from releasd.app.audit import verify_audit
from releasd.model import StepName
from support.gitrepo import git
from support.parts import eventually
from support.stage import Job, Stage

NAMES = ("demo-{}-py3-none-any.whl", "demo-{}.tar.gz")


def expected_files(version: str) -> set[str]:
    """Return the names of the files of the pure-Python packages."""
    return {name.format(version) for name in NAMES}


def assert_released(
    stage: Stage, job: Job, version: str, *, files: set[str] | None = None, repeated: bool = False
) -> None:
    """Fail unless this version is released whole, once, and every record of it is true; see assert_published."""
    wanted = files or expected_files(version)
    job = stage.status_of(job["id"])
    assert (job["state"], job["version"], job["tag"]) == ("succeeded", version, f"v{version}"), job
    assert {step["name"]: step["state"] for step in job["steps"]} == dict.fromkeys(map(str, StepName), "succeeded")
    assert {each["filename"] for each in job["artifacts"]} == wanted
    assert_tagged(stage, job, version)
    assert_published(stage, job, repeated=repeated)
    assert_audited(stage)


def assert_tagged(stage: Stage, job: Job, version: str) -> None:
    """One annotated tag, at the release commit, reachable from main, holding the version and its notes."""
    tag = f"v{version}"
    commit = next(step["evidence"]["commit"] for step in job["steps"] if step["name"] == "version")
    assert stage.tags().get(tag) == commit
    assert stage.git("cat-file", "-t", tag) == "tag"
    assert stage.git("merge-base", commit, "refs/heads/main") == commit, "the tag cannot be reached from main"
    assert f'version = "{version}"' in stage.git("show", f"{tag}:pyproject.toml")
    assert version in stage.git("show", f"{tag}:CHANGELOG.md")
    clone, private = stage.state / "repositories/demo.git", f"refs/releasd/jobs/{job['id']}"
    assert not git(clone, "for-each-ref", private), "the private ref is left"
    assert_witnessed(stage, tag)


def assert_witnessed(stage: Stage, tag: str) -> None:
    """The tag's message names an event of the audit log by number and hash."""
    head = re.search(r"^Releasd-Audit: (\d+):(\w+)$", stage.git("cat-file", "tag", tag), re.MULTILINE)
    assert head is not None

    def is_there() -> bool:  # the daemon's next turn writes it down
        return any(str(event["seq"]) == head[1] and event["hash"] == head[2] for event in stage.events())

    eventually(is_there, head[0])


def assert_published(stage: Stage, job: Job, *, repeated: bool = False) -> None:
    """The index took each file once, with the bytes that were sealed, and no other file of this version.

    `repeated` allows for an uploader that outlived its killed daemon for a moment, and sent the same bytes as the next
    one: the index answers well, and stores nothing new.
    """
    version = job["version"]
    stats = stage.index.stats()
    ours = {name: each for name, each in stats.items() if f"-{version}-" in name or f"-{version}.tar" in name}
    assert {name: each["sha256"] for name, each in ours.items()} == {
        each["filename"]: each["sha256"] for each in job["artifacts"]
    }
    assert all(each["stored"] == 1 for each in ours.values()), ours
    assert repeated or all(each["accepted"] == 1 for each in ours.values()), ours


def assert_told(shown: str, *words: str) -> None:
    """Fail unless a push showed all these words; on a busy machine it may instead have said that it cannot wait."""
    late = ("its plan takes longer than a push should wait", "this push is noted and will be picked up")
    assert all(word in shown for word in words) or any(word in shown for word in late), shown


def assert_audited(stage: Stage) -> None:
    """Nothing is wrong with the audit log, by what `releasd audit verify` does."""
    report, _ = verify_audit(stage.config_file, stage.environ)
    assert report.ok, report


def assert_untouched(stage: Stage, main: str) -> None:
    """A release that failed before its tag left no tag, no commit, no file and no private ref."""
    assert set(stage.tags()) == {"v1.0.0"}
    assert stage.main() == main
    assert stage.index.stats() == {}
    assert not git(stage.state / "repositories/demo.git", "for-each-ref", "refs/releasd"), "a private ref is left"
