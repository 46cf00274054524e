"""Sources that travel once: over a real sshd, into real stores, from real repositories."""

import fcntl
import os
import shutil
import threading
import time
import zlib
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import psutil
import pytest

from releasd.adapters.runner.kept import UNUSED
from releasd.adapters.runner.sources import KEPT_COMMITS, MOST_PACKS
from releasd.errors import GitError, HostLost, Permanent
from releasd.ports import Objects
from support.gitrepo import ISOLATED, git
from support.hosts import Place, eventually, make_local, make_place, make_ssh
from support.sources import Sources, make_sources, packs_of, spoil, store_of
from support.sshd import sshd
from support.tools import require_tool

__all__ = ["sshd"]
BOTH = pytest.mark.parametrize("made", ["by the runner", "by git"], indirect=True)
SMALL = 4000  # bytes; what the first release takes is two hundred times as much


@pytest.fixture
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Place]:
    """A host over SSH; after the test nothing may be left in its folder for builds."""
    place = make_place(make_ssh(request, tmp_path / "host/builds"), tmp_path)
    place = replace(place, workdir=tmp_path / "host/builds")
    yield place
    assert eventually(lambda: not place.leftovers(), 10), place.leftovers()


@pytest.fixture
def made(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[Sources, str]:
    """A repository of awkward files, and its first commit; the runner writes them, or has git do it (`BOTH`)."""
    for name, value in ISOLATED.items():
        monkeypatch.setenv(name, value)
    return make_sources(tmp_path, changing=getattr(request, "param", "by the runner") == "by git")


@pytest.fixture
def sources(made: tuple[Sources, str]) -> Sources:
    """The repository."""
    return made[0]


@pytest.fixture
def first(made: tuple[Sources, str]) -> str:
    """Its first commit."""
    return made[1]


@pytest.fixture
def second(sources: Sources, first: str) -> str:
    """A commit that changes one large file a little, takes one away, and adds one."""
    assert first
    large = sources.work.path / "large.bin"
    git(sources.work.path, "rm", "--quiet", "empty")
    return sources.release({"large.bin": large.read_bytes() + b"more", "new/file": b"new"})


def as_ever(sources: Sources, place: Place, commit: str) -> bytes:
    """Return what a build finds that is sent a tar."""
    return sources.listing(place, commit, objects=None)


@BOTH
def test_sources_from_the_store_are_those_of_a_tar(
    sources: Sources, first: str, second: str, place: Place, request: pytest.FixtureRequest
) -> None:
    """Kinds, permissions, times and bytes: the same from an empty store, a warm one, a tar, and on this machine."""
    folder = place.dest.parent
    here = make_place(make_local(request, folder / "here/builds"), folder)
    for commit in (first, second, first):
        found = sources.listing(place, commit)
        assert found == as_ever(sources, place, commit)
        assert found == sources.listing(here, commit)
    assert b"large.bin" in found


def test_a_release_sends_only_what_changed(sources: Sources, first: str, second: str, place: Place) -> None:
    """After the first release a change costs its own bytes, even inside a large file; a repetition costs none."""
    for commit in (first, second, second):
        sources.build(place, commit)
    assert sources.haves == [[], [first], [second, first]]
    assert sources.packs[0] > 200 * SMALL // 2
    assert sources.packs[1] < SMALL
    assert sources.packs[2] < 100


def test_no_history_travels(sources: Sources, first: str, second: str, place: Place) -> None:
    """What is not in the released commit's files is not sent: the store holds no commit that was not released."""
    sources.build(place, second)
    held = git(store_of(place), "cat-file", "--batch-all-objects", "--batch-check=%(objecttype) %(objectname)")
    assert [line for line in held.splitlines() if line.startswith("commit")] == [f"commit {second}"]
    assert git(sources.clone.path, "rev-parse", f"{first}:empty") not in held


def test_a_host_without_git_gets_a_tar(sources: Sources, first: str, place: Place, tmp_path: Path) -> None:
    """A git is no condition for a host."""
    tools = tmp_path / "tools"
    tools.mkdir()
    for tool in ("sh", "python3"):
        (tools / tool).symlink_to(require_tool(tool) if tool == "sh" else "/usr/bin/python3")
    bare = replace(place, host=type(place.host)(replace(place.host.spec, path=str(tools))))
    assert sources.listing(bare, first) == as_ever(sources, place, first)
    assert sources.packs == []


def test_a_host_that_can_keep_nothing_says_so_and_builds(sources: Sources, first: str, place: Place) -> None:
    """Where no store can be made, the tar is as good, and the output says why."""
    place.workdir.parent.mkdir(parents=True)
    (place.workdir.parent / "objects").write_text("in the way")
    found, told = sources.told(place, first)
    assert found == as_ever(sources, place, first)
    assert "no sources can be kept on this host" in told


@pytest.mark.parametrize("how", ["spoilt", "cut", "gone", "no packs", "no folder", "not ours"])
def test_a_damaged_store_heals_itself(sources: Sources, first: str, second: str, place: Place, how: str) -> None:
    """Whatever happened to a store, the build gets the right files, says so, and the next release is small again."""
    sources.build(place, first)
    (pack,) = packs_of(place)
    if how == "spoilt":
        spoil(pack, pack.stat().st_size // 2)
    elif how == "cut":
        pack.chmod(0o600)
        os.truncate(pack, pack.stat().st_size // 3)
    elif how == "gone":
        pack.with_suffix(".idx").unlink()
    elif how == "no packs":
        shutil.rmtree(pack.parent)
    elif how == "no folder":
        shutil.rmtree(store_of(place) / "objects")
        (store_of(place) / "objects").mkdir()
    else:
        foreign = next(path for path in pack.parent.glob("*.idx"))
        foreign.chmod(0o600)
        foreign.write_bytes(b"no index")
    found, told = sources.told(place, second)
    assert found == as_ever(sources, place, second)
    assert "the sources are sent once more, whole" in told
    third = sources.release({"new/file": b"newer"})
    assert sources.listing(place, third) == as_ever(sources, place, third)
    assert sources.packs[-1] < SMALL


@BOTH
def test_a_file_that_somebody_exchanged_in_the_store_is_found(sources: Sources, first: str, place: Place) -> None:
    """The git program believes a loose object; the runner hashes each before it is used."""
    sources.build(place, first)
    store, (pack,) = store_of(place), packs_of(place)
    moved = pack.rename(store / "moved.pack")
    shutil.rmtree(store / "objects/pack")
    git(store, "unpack-objects", "-q", stdin=moved.read_bytes())
    blob = git(sources.clone.path, "rev-parse", f"{first}:src/demo/__init__.py")
    loose = store / "objects" / blob[:2] / blob[2:]
    loose.chmod(0o600)
    loose.write_bytes(zlib.compress(b"blob 6\0x = 2\n"))
    assert git(store, "cat-file", "blob", blob) == "x = 2"
    found, told = sources.told(place, first)
    assert found == as_ever(sources, place, first)
    assert "has other bytes than its name says" in told


def test_a_tree_in_which_one_name_is_twice_is_what_git_makes_of_it(sources: Sources, first: str, place: Place) -> None:
    """Whoever may push may make a tree that no git makes: the build has the daemon's files all the same."""
    blobs = [git(sources.clone.path, "rev-parse", f"{first}:{name}") for name in ("empty", "pyproject.toml")]
    raw = b"".join(b"100644 twice\0" + bytes.fromhex(blob) for blob in blobs)
    tree = git(sources.clone.path, "hash-object", "-t", "tree", "-w", "--literally", "--stdin", stdin=raw)
    commit = git(sources.clone.path, "commit-tree", tree, "-m", "evil")
    assert sources.listing(place, commit) == as_ever(sources, place, commit)


@BOTH
def test_a_store_s_own_settings_change_nothing(sources: Sources, first: str, place: Place) -> None:
    """Configuration, attributes and replacements that somebody left in a store are not honoured."""
    sources.build(place, first)
    store = store_of(place)
    (store / "config").write_text("[core]\n\tbare = true\n\teol = crlf\n\tautocrlf = true\n[tar]\n\tumask = 0077\n")
    (store / "info/attributes").write_text("* export-ignore\n")
    assert sources.listing(place, first) == as_ever(sources, place, first)


def test_two_builds_of_one_project_at_once_do_not_harm_each_other(
    sources: Sources, first: str, second: str, place: Place
) -> None:
    """Both find their own commit's files, with no store yet and with one, and say nothing of trouble."""
    for commits in ((first, first), (first, second)):
        found: dict[int, bytes] = {}

        def build(at: int, commit: str, found: dict[int, bytes] = found) -> None:
            there = replace(place, dest=place.dest / f"{at}")
            there.dest.mkdir(parents=True, exist_ok=True)
            found[at] = sources.listing(there, commit, id=f"t-{at}")

        threads = [threading.Thread(target=build, args=pair) for pair in enumerate(commits)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(60)
        assert [found[at] for at in (0, 1)] == [as_ever(sources, place, commit) for commit in commits]


def test_a_store_that_others_hold_is_not_waited_for_long(sources: Sources, first: str, place: Place) -> None:
    """A stuck neighbour costs seconds, and a tar."""
    sources.build(place, first)
    with store_of(place).with_suffix(".git.lock").open("r+") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        assert sources.listing(place, first) == as_ever(sources, place, first)
    assert len(sources.packs) == 1


def test_a_daemon_that_cannot_go_on_in_the_middle_of_a_pack_leaves_a_good_store(
    sources: Sources, first: str, second: str, place: Place
) -> None:
    """Half a pack is never taken in."""
    sources.build(place, first)

    def half(have: object) -> Iterator[bytes]:
        yield b"".join(sources.clone.pack(second, []))[:5000]
        raise GitError(f"the clone broke, {have}")

    broken = replace(sources.task(place, second), objects=Objects(project="demo", commit=second, pack=half))
    with pytest.raises(GitError, match="the clone broke"):
        place.host.run(broken, lambda _: None, lambda: False)
    assert eventually(lambda: not place.leftovers())
    sources.build(place, second)
    assert sources.packs[-1] < SMALL


def test_a_pack_that_takes_longer_than_the_leash_breaks_no_leash(sources: Sources, first: str, place: Place) -> None:
    """Signs of life go on while git searches for what to send."""
    place.host.spec = replace(place.host.spec, leash=6.0)

    def slow(have: Sequence[str]) -> Iterator[bytes]:
        time.sleep(9.0)
        yield from sources.clone.pack(first, have)

    task = replace(sources.task(place, first), objects=Objects(project="demo", commit=first, pack=slow))
    assert place.host.run(task, lambda _: None, lambda: False).exit_status == 0


def test_a_runner_that_is_killed_while_it_receives_leaves_a_good_store(
    sources: Sources, first: str, second: str, place: Place
) -> None:
    """SIGKILL in the middle of a pack: the host is lost, the next build tidies up and finds its store as it was."""
    sources.build(place, first)

    def killing(_: object) -> Iterator[bytes]:
        pack = b"".join(sources.clone.pack(second, []))
        yield pack[:100_000]
        assert eventually((place.workdir / "t-1/source.pack").exists)
        for process in psutil.process_iter():
            with suppress(psutil.Error):
                if any(file.path == str(place.workdir / "t-1.lock") for file in process.open_files()):
                    process.kill()
        yield pack[100_000:]

    killed = replace(sources.task(place, second), objects=Objects(project="demo", commit=second, pack=killing))
    with pytest.raises(HostLost):
        place.host.run(killed, lambda _: None, lambda: False)
    sources.build(place, second)
    assert sources.packs[-1] < SMALL


def test_what_a_killed_git_left_is_removed(sources: Sources, first: str, place: Place) -> None:
    """Halves of packs do not gather."""
    sources.build(place, first)
    left = store_of(place) / "objects/pack/tmp_pack_ab12CD"
    left.write_bytes(b"half")
    sources.build(place, first)
    assert not left.exists()


def test_a_store_does_not_grow_for_ever(sources: Sources, first: str, place: Place) -> None:
    """Many packs become one, old releases are forgotten, and what is left is whole."""
    sources.build(place, first)
    store = store_of(place)
    for number in range(MOST_PACKS + 1):
        blob = git(store, "hash-object", "-w", "--stdin", stdin=b"%d" % number)
        git(store, "pack-objects", "-q", "objects/pack/pack", stdin=f"{blob}\n".encode())
        old = store / "refs/releasd/have" / f"{number:040x}"
        old.write_text(f"{first}\n")
        os.utime(old, (number, number))
    second = sources.release({"new/file": b"new"})
    sources.build(place, second)
    assert len(packs_of(place)) == 1
    assert len(list((store / "refs/releasd/have").iterdir())) == KEPT_COMMITS
    git(store, "fsck", "--connectivity-only")
    assert sources.listing(place, second) == as_ever(sources, place, second)


def test_a_store_that_nobody_used_for_long_is_removed(sources: Sources, first: str, place: Place) -> None:
    """A project that is gone leaves its store for a season, no longer; a store in use is never taken away."""
    sources.build(place, first)
    objects = store_of(place).parent
    long_ago = time.time() - UNUSED - 60
    for name in ("gone.git", "held.git"):
        (objects / name / "objects").mkdir(parents=True)
        (objects / f"{name}.lock").touch()
        os.utime(objects / f"{name}.lock", (long_ago, long_ago))
    with (objects / "held.git.lock").open("r+") as lock:
        fcntl.flock(lock, fcntl.LOCK_SH)
        sources.build(place, first)
    assert not (objects / "gone.git").exists()
    assert not (objects / "gone.git.lock").exists()
    assert (objects / "held.git").exists()
    assert len(list(objects.glob("demo-*.git"))) == 1


@BOTH
@pytest.mark.parametrize("name", ["..", "../../evil"])
def test_names_that_lead_out_of_the_folder_are_refused(sources: Sources, first: str, place: Place, name: str) -> None:
    """A tree is made by whoever may push; neither the host nor the daemon makes files of such names."""
    blob = git(sources.clone.path, "rev-parse", f"{first}:pyproject.toml")
    raw = b"100644 %s\0" % name.encode() + bytes.fromhex(blob)
    tree = git(sources.clone.path, "hash-object", "-t", "tree", "-w", "--literally", "--stdin", stdin=raw)
    commit = git(sources.clone.path, "commit-tree", tree, "-m", "evil")
    objects = Objects(project="demo", commit=commit, pack=lambda have: sources.clone.pack(commit, have))
    seen: list[bytes] = []
    place.host.run(replace(sources.task(place, first), objects=objects), seen.append, lambda: False)
    assert "invalid path" in b"".join(seen).decode()
    assert {path.name for path in place.workdir.parent.iterdir()} == {"builds", "objects"}
    with pytest.raises(GitError, match="invalid path"):
        sources.task(place, commit)


@BOTH
def test_a_link_that_leads_out_of_the_folder_is_refused(sources: Sources, first: str, place: Place) -> None:
    """The same for links, which git itself would have made."""
    assert first
    (sources.work.path / "out").symlink_to("../../..")
    git(sources.work.path, "add", "out")
    commit = sources.release({})
    with pytest.raises(Permanent, match="outside of the folder"):
        place.host.run(sources.task(place, commit), lambda _: None, lambda: False)


def test_a_build_is_not_told_where_the_store_is(sources: Sources, first: str, place: Place) -> None:
    """Neither a variable nor a descriptor leads there. (The same user could still look for it: docs/service.md.)"""
    script = 'env > "$RELEASD_OUT/env.whl"; ls -l /proc/self/fd/ >> "$RELEASD_OUT/env.whl"'
    assert b"objects" not in sources.listing(place, first, script=script)


def test_two_projects_never_share_a_store(sources: Sources, first: str, place: Place) -> None:
    """Names that a file system or a shell takes for the same are kept apart, and none leaves the folder."""
    for project in ("Demo", "demo", "../demo", "a/b"):
        objects = Objects(project=project, commit=first, pack=lambda have: sources.clone.pack(first, have))
        sources.build(place, first, objects=objects)
    kept = place.workdir.parent / "objects"
    assert len(list(kept.glob("*.git"))) == 4
    assert {path.name for path in kept.parent.iterdir()} == {"builds", "objects"}
