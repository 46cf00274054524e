"""Caches on a host: what one build leaves for the next, and what it can never leave. The tools here are a shell's."""

import hashlib
import json
import os
import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from releasd.adapters.local import LocalHost
from releasd.ports import Cache, TaskResult
from support.hosts import Place, eventually, make_local, make_place, make_tar, member

CRATE = b"the bytes of a crate"
LOCK = f"""\
[[package]]
name = "demo"
version = "1.0.0"

[[package]]
name = "dep"
version = "1.0.0"
source = "registry+https://crates.example/index"
checksum = "{hashlib.sha256(CRATE).hexdigest()}"
"""
# Leaves what cargo, uv and pip leave.
FILL = f"""\
cd "$CARGO_HOME"
mkdir -p registry/cache/r registry/index/r/.cache registry/src/r/dep git/db/d git/checkouts/d bin
printf '{CRATE.decode()}' > registry/cache/r/dep-1.0.0.crate
echo other > registry/cache/r/unlocked-1.0.0.crate
echo index > registry/index/r/.cache/dep
echo source > registry/src/r/dep/lib.rs
echo object > git/db/d/object
echo checkout > git/checkouts/d/lib.rs
echo program > bin/program
cd "$UV_CACHE_DIR" 2>/dev/null || {{ mkdir "$UV_CACHE_DIR"; cd "$UV_CACHE_DIR"; }}
mkdir -p wheels-v9/pypi/a wheels-v9/url/x/b archive-v0/DOWNLOADED archive-v0/BUILT sdists-v9/pypi/c simple-v9 .tmp1
echo wheel > archive-v0/DOWNLOADED/a.py
echo compiled > archive-v0/BUILT/c.so
ln -sfn ../../../archive-v0/DOWNLOADED wheels-v9/pypi/a/1.0-py3-none-any
echo pointer > wheels-v9/pypi/a/1.0-py3-none-any.http
ln -sfn ../../../../archive-v0/BUILT wheels-v9/url/x/b/1.0-py3-none-any
ln -sfn ../../../archive-v0/BUILT sdists-v9/pypi/c/1.0
echo page > simple-v9/a.rkyv
mkdir -p "$PIP_CACHE_DIR/http-v2/a" "$PIP_CACHE_DIR/wheels/a"
echo response > "$PIP_CACHE_DIR/http-v2/a/body"
echo compiled > "$PIP_CACHE_DIR/wheels/a/c.whl"
if [ -n "${{CARGO_TARGET_DIR-}}" ]; then
    mkdir -p "$CARGO_TARGET_DIR/maturin"
    for profile in release aarch64-unknown-linux-gnu/release; do
        for crate in dep-0123456789abcdef demo-fedcba9876543210; do
            for kind in .fingerprint build new-layout incremental; do
                mkdir -p "$CARGO_TARGET_DIR/$profile/$kind/$crate/out"
                echo o > "$CARGO_TARGET_DIR/$profile/$kind/$crate/out/file"
            done
            mkdir -p "$CARGO_TARGET_DIR/$profile/deps"
            echo o > "$CARGO_TARGET_DIR/$profile/deps/lib$crate.rlib"
        done
        echo o > "$CARGO_TARGET_DIR/$profile/libdemo.so"
    done
    mkdir -p "$CARGO_TARGET_DIR/build"
    echo o > "$CARGO_TARGET_DIR/build/libdep-0123456789abcdef.rlib"
    echo o > "$CARGO_TARGET_DIR/maturin/libdemo.so"
fi
"""
COMPILED = {
    f"./target/{profile}/{file}"
    for profile in ("release", "aarch64-unknown-linux-gnu/release")
    for file in (
        ".fingerprint/dep-0123456789abcdef/out/file",
        "build/dep-0123456789abcdef/out/file",
        "deps/libdep-0123456789abcdef.rlib",
    )
}
LIST = 'cd "$CARGO_HOME/.." && find . \\( -type f -o -type l \\) | sort'
DOWNLOADS = {
    "./cargo/git/db/d/object",
    "./cargo/registry/cache/r/dep-1.0.0.crate",
    "./cargo/registry/index/r/.cache/dep",
    "./pip/http-v2/a/body",
    "./uv/archive-v0/DOWNLOADED/a.py",
    "./uv/simple-v9/a.rkyv",
    "./uv/wheels-v9/pypi/a/1.0-py3-none-any",
    "./uv/wheels-v9/pypi/a/1.0-py3-none-any.http",
}
WHEEL = {path for path in DOWNLOADS if "archive" in path or "wheels" in path}


@pytest.fixture
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Place]:
    """This machine; after the test nothing may be left in its folder for builds."""
    place = make_place(make_local(request, tmp_path / "host/builds"), tmp_path)
    place = replace(place, workdir=tmp_path / "host/builds")
    yield place
    assert eventually(lambda: not place.leftovers()), place.leftovers()


def run(place: Place, script: str, mode: str = "deps", **changes: object) -> TaskResult:
    """Run a script whose sources lock one crate."""
    source = make_tar(
        place.workdir.parent.parent / f"{threading.get_ident()}.tar", [(member("Cargo.lock"), LOCK.encode())]
    )
    cache = Cache(mode=mode, project="demo", target=str(changes.pop("target", "linux")))
    task = place.task(script, **{"source": source, "cache": cache, **changes})
    return place.host.run(task, lambda _: None, lambda: False)


def seen(place: Place, mode: str = "deps", **changes: object) -> set[str]:
    """Return the files that the next build finds."""
    script = f'({LIST}) > "$RELEASD_OUT/seen.whl"'
    (output,) = run(place, script, mode, **changes).outputs
    return set(output.path.read_text().splitlines())


def kept(place: Place) -> Path:
    """Return the folder of the one cache that is kept."""
    (state,) = (place.workdir.parent / "caches").glob("*/state.json")
    return state.parent / "files"


def test_deps_keeps_downloads_and_nothing_that_was_made(place: Place) -> None:
    """Locked crates, indexes, git objects, responses, downloaded wheels; nothing unpacked by cargo, nothing built."""
    assert run(place, FILL).exit_status == 0
    assert seen(place) == DOWNLOADS
    assert seen(place) == DOWNLOADS


def test_full_keeps_compiled_files_and_is_apart_from_deps(place: Place) -> None:
    """What "full" leaves is never found by a build with "deps", nor by another target's or project's."""
    assert run(place, FILL, "full").evidence["cache"] == "full"
    assert "./cargo/registry/src/r/dep/lib.rs" in seen(place, "full")
    assert seen(place, "deps") == set()
    assert seen(place, "full", target="macos") == set()
    assert run(place, FILL, "deps").evidence["cache"] == "deps"


def test_of_compiled_files_only_those_of_locked_crates_are_kept(place: Place) -> None:
    """Nothing of the project's own crates is found again, nor anything that cargo is not known to leave."""
    run(place, FILL, "full")
    assert {path for path in seen(place, "full") if path.startswith("./target/")} == COMPILED


def test_none_keeps_nothing_and_finds_nothing(place: Place) -> None:
    """Tools are sent to an empty folder that goes with the build, not to the user's own caches."""
    assert run(place, FILL, "none").evidence["cache"] == "none"
    assert seen(place, "none") == set()
    assert not (place.workdir.parent / "caches").exists()


def test_a_task_without_a_cache_is_left_alone(place: Place) -> None:
    """Gates and trial installations use what the host's user has."""
    result = place.run('test -z "${CARGO_HOME-}${UV_CACHE_DIR-}${PIP_CACHE_DIR-}"')
    assert (result.exit_status, "cache" in result.evidence) == (0, False)


@pytest.mark.parametrize("how", ["fails", "is late", "is cancelled", "kills the runner"])
def test_a_build_that_does_not_end_well_leaves_nothing_in_deps(place: Place, how: str) -> None:
    """What it added is gone before the next build; what was there, and is as it was, stays."""
    if how == "kills the runner":
        ending = "kill -9 $PPID; SLEEP"
    else:
        ending = {"fails": "exit 3", "is late": "SLEEP", "is cancelled": "SLEEP"}[how]
    add = 'cd "$PIP_CACHE_DIR/http-v2"; mkdir b; echo half > b/body; echo half > "$UV_CACHE_DIR/simple-v9/a.rkyv"\n'
    assert run(place, FILL).exit_status == 0
    end_badly(place, add + ending, how, "deps")
    assert seen(place) == DOWNLOADS - {"./uv/simple-v9/a.rkyv"}


@pytest.mark.parametrize("how", ["fails", "is late", "is cancelled", "kills the runner"])
def test_a_build_that_does_not_end_well_takes_its_full_cache_along(place: Place, how: str) -> None:
    """Nobody can know which of a thousand compiled files is half written."""
    ending = {"fails": "exit 3", "kills the runner": "kill -9 $PPID; SLEEP"}.get(how, "SLEEP")
    assert run(place, FILL, "full").exit_status == 0
    end_badly(place, ending, how, "full")
    assert seen(place, "full") == set()


def end_badly(place: Place, script: str, how: str, mode: str) -> None:
    """Run a script that ends in one of the bad ways."""
    if how == "fails":
        assert run(place, script, mode).exit_status == 3
    elif how == "is late":
        assert run(place, script, mode, timeout=4.0).why == "timeout"  # what it adds it has added by then
    else:
        cache = Cache(mode=mode, project="demo", target="linux")
        source = make_tar(place.dest.parent / "locked.tar", [(member("Cargo.lock"), LOCK.encode())])
        task = place.task(script, cache=cache, source=source)
        with pytest.raises(Exception, match=r"cancelled|went away"):
            place.host.run(task, lambda _: None, lambda: how == "is cancelled" and bool(place.sleepers()))


def test_a_wheel_that_a_build_changes_is_not_kept(place: Place) -> None:
    """A build may add an unpacked wheel and never change one: it and all that points to it are gone."""
    run(place, FILL)
    change = 'cd "$UV_CACHE_DIR/archive-v0/DOWNLOADED"; echo evil >> a.py; touch -d @0 a.py'
    assert run(place, change).exit_status == 0
    assert seen(place) == DOWNLOADS - WHEEL


@pytest.mark.parametrize(
    ("file", "gone"),
    [
        ("cargo/registry/cache/r/dep-1.0.0.crate", {"./cargo/registry/cache/r/dep-1.0.0.crate"}),
        ("cargo/registry/index/r/.cache/dep", {"./cargo/registry/index/r/.cache/dep"}),
        ("cargo/git/db/d/object", {"./cargo/git/db/d/object"}),
        ("pip/http-v2/a/body", {"./pip/http-v2/a/body"}),
        ("uv/archive-v0/DOWNLOADED/a.py", WHEEL),
    ],
)
def test_what_was_changed_between_two_builds_is_gone(place: Place, file: str, gone: set[str]) -> None:
    """Bytes exchanged under the same size and time are found by the kernel's own time, or by the lock's checksum."""
    run(place, FILL)
    path = kept(place) / file
    before = path.stat()
    path.write_bytes(b"X" * before.st_size)
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert seen(place) == DOWNLOADS - gone


def test_a_crate_is_kept_by_its_checksum_alone(place: Place) -> None:
    """A build cannot smuggle in a crate, not even in the run that downloads it: the lock says what its bytes are."""
    evil = FILL + 'echo evil > "$CARGO_HOME/registry/cache/r/dep-1.0.0.crate"'
    assert run(place, evil).exit_status == 0
    assert seen(place) == DOWNLOADS - {"./cargo/registry/cache/r/dep-1.0.0.crate"}


def test_links_out_of_the_cache_are_never_followed(place: Place, tmp_path: Path) -> None:
    """A build that puts links in the place of folders has neither files removed nor kept elsewhere."""
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "file").write_text("precious")
    run(
        place, f'rm -rf "$CARGO_HOME" "$PIP_CACHE_DIR"; ln -s {outside} "$CARGO_HOME"; ln -s {outside} "$PIP_CACHE_DIR"'
    )
    assert seen(place) == set()
    files = kept(place)
    run(place, f'cd "$CARGO_HOME/../.."; rm -rf files; ln -s {outside} files')
    assert seen(place) == set()
    assert files.is_dir()
    assert not files.is_symlink()
    assert (outside / "file").read_text() == "precious"
    assert [path.name for path in outside.iterdir()] == ["file"]


def test_a_cache_in_use_is_not_shared(place: Place) -> None:
    """A second build of the same target at the same time has an empty cache of its own, and says so."""
    run(place, FILL, "full")
    results: list[TaskResult] = []

    def hold() -> None:
        until = 'for n in $(seq 1200); do test -e "$CARGO_HOME/../go" && exit 0; sleep 0.1; done; exit 1'
        results.append(run(replace(place, dest=place.dest / "1"), f'touch "$CARGO_HOME/../held"; {until}', "full"))

    holder = threading.Thread(target=hold)
    holder.start()
    files = kept_files(place)
    assert eventually((files / "held").exists)
    second = run(place, f'test -z "$({LIST})"', "full", id="t-2")
    (files / "go").touch()
    holder.join(150)
    assert (second.exit_status, second.evidence["cache"]) == (0, "none")
    assert (results[0].exit_status, results[0].evidence["cache"]) == (0, "full")


def kept_files(place: Place) -> Path:
    """Return the files of the one cache, sealed or in use."""
    (folder,) = (place.workdir.parent / "caches").glob("*+full")
    return folder / "files"


def test_the_longest_unused_caches_go_when_all_are_too_large(place: Place) -> None:
    """Together they take `cache_limit` bytes at most; what is used most is what stays."""
    limited = replace(place, host=LocalHost(replace(place.host.spec, cache_limit=250_000)))
    fill = 'mkdir -p "$PIP_CACHE_DIR/http-v2"; head -c 100000 /dev/urandom > "$PIP_CACHE_DIR/http-v2/$RELEASD_TARGET"'
    for target in ("one", "two", "one", "three"):
        run(limited, fill, target=target, env={"RELEASD_TARGET": target})
    names = sorted(path.name.split("+")[1][:3] for path in (place.workdir.parent / "caches").glob("*+deps"))
    assert names == ["one", "thr"]
    assert not list((place.workdir.parent / "caches").glob("*two*"))


def test_a_cache_without_a_word_of_its_last_build_is_not_believed(place: Place) -> None:
    """Where the record is lost or spoilt, the next build starts with crates that the lock proves, and nothing else."""
    run(place, FILL)
    state = kept(place).with_name("state.json")
    for text in ("", "[]", json.dumps({"units": {}})):
        state.write_text(text)
        assert seen(place) == {"./cargo/registry/cache/r/dep-1.0.0.crate"}
        run(place, FILL)


def test_a_host_where_no_cache_can_be_kept_builds_without(place: Place) -> None:
    """No place for caches costs downloads, and is told."""
    place.workdir.parent.mkdir(parents=True)
    (place.workdir.parent / "caches").write_text("in the way")
    told: list[bytes] = []
    task = place.task("true", cache=Cache(mode="deps", project="demo", target="linux"))
    result = place.host.run(task, told.append, lambda: False)
    assert (result.exit_status, result.evidence["cache"]) == (0, "none")
    assert b"no cache can be kept on this host" in b"".join(told)
