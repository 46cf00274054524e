"""Several files to an index of the public one's rules, through the real uv: each judged, none sent twice."""

import time
from pathlib import Path

import pytest

from releasd.adapters import index as index_module
from releasd.adapters.index import HttpIndex
from releasd.errors import Conflict, Denied, Permanent, Transient
from support.pypirules import PypiRules
from support.rulesindex import ignore, index, make_index, rules
from support.uploadrules import OPEN_FOR
from support.wheels import make_sdist, make_wheel, sha256

__all__ = ["index", "rules"]


@pytest.mark.parametrize("status", [429, 503])
def test_the_wait_that_the_index_asks_for_is_known(
    rules: PypiRules, index: HttpIndex, tmp_path: Path, status: int
) -> None:
    """The messages of uv leave Retry-After out; its log has it, and the log is for us alone."""
    rules.fail_next(status, retry_after="7")
    seen: list[bytes] = []
    with pytest.raises(Transient) as caught:
        index.upload([make_wheel(tmp_path, "demo", name) for name in ("1.0", "1.1")], seen.append)
    assert caught.value.retry_after == 7.0
    assert rules.posts() == 1
    assert b"Uploading" in b"".join(seen)
    assert not any(line.startswith(("TRACE", "DEBUG", "INFO", "WARN")) for line in b"".join(seen).decode().splitlines())


def test_the_page_that_an_index_answers_with_does_not_flood_the_log(
    rules: PypiRules, index: HttpIndex, tmp_path: Path
) -> None:
    """Its lines are in uv's log too, once more: they are said once, in the error."""
    rules.fault("status", status=400, text="<html>\nerror in a page\n</html>")
    seen: list[bytes] = []
    with pytest.raises(Permanent, match="error in a page"):
        index.upload([make_wheel(tmp_path, "demo", "1.0")], seen.append)
    assert b"".join(seen).count(b"error in a page") == 1


def test_a_large_release_goes_up_several_files_at_a_time(
    rules: PypiRules, index: HttpIndex, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each file once, the first before all others, one refused and known by name, and no line of the log torn."""
    monkeypatch.setattr(index_module, "WORTH_A_BATCH", 1)
    paths = [make_wheel(tmp_path, "demo", "1.0", tag=f"cp3{n}-cp3{n}-manylinux_2_17_x86_64") for n in range(10, 18)]
    rules.limits.deleted.add(paths[4].name)
    seen: list[bytes] = []
    with pytest.raises(Conflict, match="previously used") as caught:
        index.upload(paths, seen.append)
    assert list(caught.value.by_file or {}) == [paths[4].name]
    assert {name: file.stored for name, file in rules.files.items()} == {
        path.name: 1 for path in paths if path is not paths[4]
    }
    assert next(iter(rules.files)) == paths[0].name
    lines = b"".join(seen).decode().splitlines()
    assert sum(line.startswith("Uploading demo-1.0") for line in lines) == len(paths)


def test_a_quota_met_on_the_third_file(rules: PypiRules, index: HttpIndex, tmp_path: Path) -> None:
    """By the index's own rule: two are public, the third is named with its words, and nothing is sent twice."""
    tags = ("cp311-abi3-manylinux_2_17_x86_64", "cp311-abi3-musllinux_1_2_x86_64", "py3-none-any")
    paths = [make_wheel(tmp_path, "demo", "1.0", tag=tag) for tag in tags]
    rules.limits.project_size = sum(path.stat().st_size for path in paths[:2])
    with pytest.raises(Permanent, match="Project size too large") as caught:
        index.upload(paths, ignore)
    assert list(caught.value.by_file or {}) == [paths[2].name]
    assert {file.stored for file in rules.files.values()} == {1}
    assert len(rules.files) == 2


def test_a_name_that_was_deleted_stays_taken(rules: PypiRules, index: HttpIndex, tmp_path: Path) -> None:
    """A conflict that no listing will ever show: it ends at once, and says that a new version is the way on."""
    wheel = make_wheel(tmp_path, "demo", "1.0")
    rules.limits.deleted.add(wheel.name)
    with pytest.raises(Conflict, match="previously used") as caught:
        index.upload([wheel], ignore)
    assert "release a new version" in caught.value.advice


def test_a_release_that_is_closed_takes_no_more_files(rules: PypiRules, index: HttpIndex, tmp_path: Path) -> None:
    """Fourteen days after the first file: what is there stays, what lacks is refused for good."""
    wheel = make_wheel(tmp_path, "demo", "1.0")
    index.upload([wheel], ignore)
    rules.files[wheel.name].at -= OPEN_FOR + 1
    with pytest.raises(Permanent, match="older than 14 days") as caught:
        index.upload([wheel, make_sdist(tmp_path, "demo", "1.0")], ignore)
    assert "release a new one" in caught.value.advice
    assert list(rules.files) == [wheel.name]


def test_a_token_that_expires_between_two_files(rules: PypiRules, index: HttpIndex, tmp_path: Path) -> None:
    """The first is public, the refused token is not shown again; with a new one only what lacks is sent."""
    paths = [make_wheel(tmp_path, "demo", "1.0"), make_sdist(tmp_path, "demo", "1.0")]
    rules.fault("status", status=403, text="403 Invalid or expired token", skip=1)
    with pytest.raises(Denied, match="expired") as caught:
        index.upload(paths, ignore)
    assert "doppler secrets set" in caught.value.advice
    assert (rules.posts(), len(rules.files)) == (2, 1)
    index.upload(paths, ignore)
    assert {file.stored for file in rules.files.values()} == {1}
    assert len(rules.files) == 2


def test_failure_at_the_third_file_is_completed_by_the_next_attempt(
    rules: PypiRules, index: HttpIndex, tmp_path: Path
) -> None:
    """One file failed, the others are public all the same: the same call again sends the one that is lacking."""
    tags = ("cp311-abi3-manylinux_2_17_x86_64", "cp311-abi3-musllinux_1_2_x86_64", "py3-none-any")
    paths = [*(make_wheel(tmp_path, "demo", "1.0", tag=tag) for tag in tags), make_sdist(tmp_path, "demo", "1.0")]
    rules.fault("status", status=502, skip=2, times=2)
    with pytest.raises(Transient):
        index.upload(paths, ignore)
    assert len(rules.files) == 3
    index.upload(paths, ignore)
    assert {name: (f.sha256, f.stored, f.accepted) for name, f in rules.files.items()} == {
        path.name: (sha256(path), 1, 1) for path in paths
    }


def test_an_index_that_says_it_has_the_file_does_not_end_the_upload(
    rules: PypiRules, index: HttpIndex, tmp_path: Path
) -> None:
    """409 for one of three: whose bytes those are its listing tells; the others are sent."""
    tags = ("cp311-abi3-manylinux_2_17_x86_64", "cp311-abi3-musllinux_1_2_x86_64", "py3-none-any")
    paths = [make_wheel(tmp_path, "demo", "1.0", tag=tag) for tag in tags]
    rules.fault("status", status=409, text="it is there", skip=1)
    index.upload(paths, ignore)
    assert len(rules.files) == 2


def test_a_slow_index_gets_its_time_for_all_files_together(rules: PypiRules, tmp_path: Path) -> None:
    """Files that are tried one by one after a fault do not each wait for as long as all of them may take."""
    rules.fault("hang", seconds=90, times=99)
    begun = time.monotonic()
    paths = [make_wheel(tmp_path, "demo", f"1.{n}") for n in range(12)]
    with pytest.raises(Transient):
        make_index(rules, upload_timeout=4).upload(paths, ignore)
    assert time.monotonic() - begun < 40
