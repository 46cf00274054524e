"""The registry's adapter against the real cargo: its files, its words about them, and what it downloads."""

import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from releasd.adapters.crates import CratesIndex
from releasd.core import cratefile
from releasd.errors import Conflict, Denied, Permanent, ReleasdError, SecretError, Transient
from releasd.model import IndexRules
from releasd.ports import Secret
from support import cargo
from support.cratesregistry import CratesRegistry

TOKEN = "registry-token"


@pytest.fixture
def registry(tmp_path: Path) -> Iterator[CratesRegistry]:
    with CratesRegistry(tmp_path / "registry", token=TOKEN) as started:
        yield started


@pytest.fixture
def adapter(registry: CratesRegistry) -> CratesIndex:
    return make(registry)


def make(registry: CratesRegistry, token: str = TOKEN, **changes: object) -> CratesIndex:
    return CratesIndex(
        name="ours",
        url=registry.index_url,
        token=lambda: Secret(token),
        rules=IndexRules(),
        **{"sleep": lambda _: time.sleep(0.02), "listing_timeout": 4.0, **changes},  # type: ignore[arg-type]
    )


@pytest.fixture
def pack(tmp_path: Path, registry: CratesRegistry) -> Callable[..., list[Path]]:
    """Return `pack(version)`, which has cargo package the workspace's two crates, the needing one first."""

    def packed(version: str = "1.0.0", **changes: str) -> list[Path]:
        folder = cargo.write(tmp_path / f"work-{version}", {**cargo.workspace(version), **changes})
        arguments = ("package", "--no-verify", "--registry", "local", "-p", "demo-core", "-p", "demo")
        cargo.cargo(*arguments, cwd=folder, home=tmp_path / "home", environ=registry.environ)
        return sorted((folder / "target/package").glob("*.crate"))

    return packed


@pytest.fixture
def other(tmp_path: Path, registry: CratesRegistry) -> Path:
    """Return a crate that neither needs the workspace's two nor is needed by them."""
    manifest = cargo.CORE.format(version="1.0.0").replace("demo-core", "demo-other")
    folder = cargo.write(tmp_path / "other", {"Cargo.toml": manifest, "src/lib.rs": "\n"})
    arguments = ("package", "--no-verify", "--registry", "local")
    cargo.cargo(*arguments, cwd=folder, home=tmp_path / "home", environ=registry.environ)
    (made,) = (folder / "target/package").glob("*.crate")
    return made


class Clock:
    """A clock that only waiting moves on."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        """Wait no time at all."""
        self.now += seconds


def quiet(data: bytes) -> None:
    """Take output and drop it."""


def test_both_crates_once_each_after_what_it_needs(
    registry: CratesRegistry, adapter: CratesIndex, pack: Callable[..., list[Path]]
) -> None:
    """What is handed over in the wrong order goes up in the right one; a repetition uploads nothing."""
    paths = pack()
    assert [path.name for path in paths] == ["demo-1.0.0.crate", "demo-core-1.0.0.crate"]
    adapter.upload(paths, quiet)
    assert registry.order == ["demo-core-1.0.0", "demo-1.0.0"]
    sealed = {path.name: path.read_bytes() for path in paths}
    adapter.upload(paths, quiet)
    assert len(registry.told) == 2
    for path in paths:
        (listed,) = adapter.files(path.name.removesuffix("-1.0.0.crate"), "1.0.0")
        assert adapter.download_sha256(listed) == listed.sha256 == registry.stored()[path.name]
        assert (registry.folder / path.name).read_bytes() == sealed[path.name]


def test_the_real_cargo_builds_with_what_was_uploaded(
    registry: CratesRegistry, adapter: CratesIndex, pack: Callable[..., list[Path]], tmp_path: Path
) -> None:
    """A stranger's crate finds the new one by name, downloads both, believes their checksums and compiles with them."""
    adapter.upload(pack(), quiet)
    files = {
        "Cargo.toml": '[package]\nname = "user"\nversion = "0.1.0"\nedition = "2021"\n',
        "src/main.rs": 'fn main() {\n    println!("{}", demo::needed());\n}\n',
    }
    folder, home = cargo.write(tmp_path / "user", files), tmp_path / "user-home"
    cargo.cargo("add", "demo@1.0.0", "--registry", "local", cwd=folder, home=home, environ=registry.environ)
    assert "1.0.0\n" in cargo.cargo("run", "--quiet", cwd=folder, home=home, environ=registry.environ)


def test_a_failure_after_the_first_crate_is_resumed(
    registry: CratesRegistry, adapter: CratesIndex, pack: Callable[..., list[Path]]
) -> None:
    """The second upload fails; the next attempt sends the second alone."""
    registry.fault("status", status=502, skip=1)
    paths = pack()
    with pytest.raises(Transient, match="502"):
        adapter.upload(paths, quiet)
    assert registry.order == ["demo-core-1.0.0"]
    adapter.upload(paths, quiet)
    assert registry.order == ["demo-core-1.0.0", "demo-1.0.0"]


def test_an_answer_that_never_came(
    registry: CratesRegistry, adapter: CratesIndex, pack: Callable[..., list[Path]]
) -> None:
    """The crate was stored and nobody said so: the error says that it may be tried again, and then it is there."""
    registry.fault("drop_after")
    paths = pack()
    with pytest.raises(Transient):
        adapter.upload(paths, quiet)
    adapter.upload(paths, quiet)
    assert registry.order == ["demo-core-1.0.0", "demo-1.0.0"]


def test_a_registry_that_lists_late(
    registry: CratesRegistry, adapter: CratesIndex, pack: Callable[..., list[Path]]
) -> None:
    """What needs a crate waits until the crate is listed; one that never is ends the attempt, and not for ever."""
    registry.lag = 3
    paths = pack()
    adapter.upload(paths, quiet)
    assert registry.order == ["demo-core-1.0.0", "demo-1.0.0"]
    registry.lag = 10_000
    with pytest.raises(Transient, match=r"took demo-core-1\.1\.0\.crate but does not list it yet") as error:
        make(registry, listing_timeout=0.3).upload(pack("1.1.0"), quiet)
    assert error.value.by_file.keys() == {"demo-1.1.0.crate"}, "the crate that was taken is to be waited for"
    assert registry.order[2:] == ["demo-core-1.1.0"]


def test_a_single_crate_that_is_listed_late(registry: CratesRegistry, other: Path) -> None:
    """It was taken: that is no failure of its file, which need not be sent again, and may be."""
    registry.lag, clock = 10_000, Clock()
    for _ in range(2):
        with pytest.raises(Transient, match="does not list it yet") as error:
            make(registry, clock=clock, sleep=clock.sleep).upload([other], quiet)
        assert error.value.by_file == {}
    assert registry.order == ["demo-other-1.0.0"]


def test_a_crate_that_is_there_already_gets_all_the_time_to_be_listed(registry: CratesRegistry, other: Path) -> None:
    """Its first answer was lost; the registry that refuses the repetition lists it as late as any."""
    registry.fault("drop_after")
    registry.lag, clock = 6, Clock()
    adapter = make(registry, listing_timeout=8.0, clock=clock, sleep=clock.sleep)
    with pytest.raises(Transient):
        adapter.upload([other], quiet)
    adapter.upload([other], quiet)
    assert 2 < clock.now <= 8
    assert registry.order == ["demo-other-1.0.0"]


def test_an_answer_lost_by_a_registry_that_lists_late(
    registry: CratesRegistry, adapter: CratesIndex, pack: Callable[..., list[Path]]
) -> None:
    """Sent again, the crate is refused as there already; that is no failure once the index lists our bytes."""
    registry.fault("drop_after")
    registry.lag = 6
    paths = pack()
    with pytest.raises(Transient):
        adapter.upload(paths, quiet)
    adapter.upload(paths, quiet)
    assert registry.order == ["demo-core-1.0.0", "demo-1.0.0"]


def test_a_crate_whose_needs_are_not_there(
    registry: CratesRegistry, adapter: CratesIndex, pack: Callable[..., list[Path]]
) -> None:
    """The registry would refuse it for good; so it is not sent, and waits for what it needs by name."""
    with pytest.raises(Transient, match=r"demo-1\.0\.0\.crate waits for demo-core, which ours does not list"):
        adapter.upload([path for path in pack() if "core" not in path.name], quiet)
    assert registry.uploads == 0


def test_one_refused_crate_keeps_only_those_back_that_need_it(
    registry: CratesRegistry, pack: Callable[..., list[Path]], other: Path
) -> None:
    """An unrelated crate goes up all the same, and each file's own reason is told."""
    registry.fault("status", status=400, text="no more of these")
    with pytest.raises(Permanent) as error:
        make(registry, listing_timeout=0.2).upload([*pack(), other], quiet)
    assert registry.order == ["demo-other-1.0.0"]
    assert "no more of these" in error.value.by_file["demo-core-1.0.0.crate"]
    assert "waits for demo-core-1.0.0.crate" in error.value.by_file["demo-1.0.0.crate"]


@pytest.mark.parametrize(
    ("fault", "error"),
    [
        ({"status": 429, "text": "too many new crates", "retry_after": "7"}, Transient),
        ({"status": 403, "text": "this token may not"}, Denied),
    ],
)
def test_a_refused_token_or_a_wish_for_a_pause_ends_the_upload(
    registry: CratesRegistry,
    pack: Callable[..., list[Path]],
    other: Path,
    fault: dict[str, Any],
    error: type[ReleasdError],
) -> None:
    """The other crates would be told the same, and a registry that limits its users counts each try against them."""
    registry.fault("status", **fault)
    with pytest.raises(error) as raised:
        make(registry).upload([*pack(), other], quiet)
    assert registry.uploads == 1
    assert raised.value.by_file.keys() == {"demo-1.0.0.crate", "demo-core-1.0.0.crate", other.name}


def test_other_bytes_under_the_same_version(
    registry: CratesRegistry, adapter: CratesIndex, pack: Callable[..., list[Path]], tmp_path: Path
) -> None:
    """Somebody published that version: a Conflict, and nothing else goes up."""
    adapter.upload(pack(), quiet)
    other = tmp_path / "other"
    other.mkdir()
    made = pack("1.0.0", **{"core/src/lib.rs": "// another\n"})
    with pytest.raises(Conflict, match=r"demo-core-1\.0\.0\.crate with other bytes"):
        adapter.upload([path for path in made if "core" in path.name], quiet)
    assert len(registry.told) == 2


def test_all_versions_of_a_crate_are_listed_for_the_watcher(
    registry: CratesRegistry, adapter: CratesIndex, pack: Callable[..., list[Path]]
) -> None:
    """Each with its digest and whether it is yanked; of a crate that there is not, nothing."""
    adapter.upload(pack("1.1.0"), quiet)
    adapter.upload(pack("1.2.0"), quiet)
    registry.yank("demo-core", "1.1.0")
    listed = adapter.all_files("demo-core")
    assert {file.filename: file.sha256 for file in listed} == {
        name: digest for name, digest in registry.stored().items() if name.startswith("demo-core-")
    }
    assert [file.yanked for file in listed] == [True, False]
    assert adapter.all_files("nobody") == ()


@pytest.mark.parametrize(
    ("fault", "error", "words"),
    [
        ({"kind": "status", "status": 429, "text": "too many new crates", "retry_after": "7"}, Transient, "too many"),
        ({"kind": "status", "status": 503}, Transient, "503"),
        ({"kind": "status", "status": 400, "text": "no categories"}, Permanent, "no categories"),
        ({"kind": "refuse", "text": "not an owner"}, Permanent, "not an owner"),
        ({"kind": "drop_before"}, Transient, "could not be reached"),
    ],
)
def test_refusals_by_cause(
    registry: CratesRegistry,
    pack: Callable[..., list[Path]],
    fault: dict[str, object],
    error: type[Exception],
    words: str,
) -> None:
    """Each refusal is told in the registry's words, and only what may pass is tried again; 200 may be a refusal."""
    registry.fault(**fault)  # type: ignore[arg-type]
    with pytest.raises(error, match=words) as raised:
        make(registry).upload(pack(), quiet)
    assert registry.order == []
    if "retry_after" in fault:
        assert isinstance(raised.value, Transient)
        assert raised.value.retry_after == 7.0


def test_a_token_that_is_refused_is_in_no_message(registry: CratesRegistry, pack: Callable[..., list[Path]]) -> None:
    """The registry repeats the token in its refusal, and the error does not; stray text is found beforehand."""
    with pytest.raises(Denied) as error:
        make(registry, token="wrong-token-4711").upload(pack(), quiet)
    assert "authentication failed" in error.value.message
    assert "4711" not in error.value.message
    with pytest.raises(SecretError, match="white space"):
        make(registry, token="a log line: token").check_secret()


@pytest.mark.parametrize("scheme", ["Bearer ", "token "])
def test_a_token_with_the_word_before_it_is_sent_as_it_is(registry: CratesRegistry, other: Path, scheme: str) -> None:
    """Cargo sends what it is given, and some registries want `Bearer TOKEN`."""
    registry.token = f"{scheme}{TOKEN}"
    index = make(registry, token=f"{scheme}{TOKEN}")
    index.check_secret()
    index.upload([other], quiet)
    assert registry.order == ["demo-other-1.0.0"]


def test_a_registry_that_is_none_is_found_before_the_tag(
    registry: CratesRegistry, adapter: CratesIndex, tmp_path: Path
) -> None:
    """A wrong address, where every crate is "not found", and a registry without uploads fail preflight's look."""
    wrong = CratesIndex(name="ours", url=registry.url, token=lambda: Secret(TOKEN), rules=IndexRules())
    with pytest.raises(Permanent, match="404"):
        wrong.files("demo", "1.0.0")
    assert adapter.files("demo", "1.0.0") == ()
    adapter.check_secret()
    registry.without_api = True
    with pytest.raises(Permanent, match="takes no uploads"):
        adapter.check_secret()


def test_served_bytes_that_changed_are_seen(
    registry: CratesRegistry, adapter: CratesIndex, pack: Callable[..., list[Path]]
) -> None:
    """The listing still has our digest; the download tells."""
    adapter.upload(pack(), quiet)
    registry.other_served["demo-1.0.0.crate"] = b"other"
    (listed,) = adapter.files("demo", "1.0.0")
    assert adapter.download_sha256(listed) != listed.sha256


def test_every_request_says_who_asks(
    registry: CratesRegistry, adapter: CratesIndex, pack: Callable[..., list[Path]]
) -> None:
    """The public registry answers nobody who does not."""
    pack()
    registry.agents.clear()
    adapter.files("demo", "1.0.0")
    assert registry.agents
    assert all(agent.startswith("releasd/") for agent in registry.agents)


RICH = """[package]
name = "demo-rich"
version = "1.2.3-beta.1"
edition = "2021"
rust-version = "1.70"
description = "all that a manifest can say"
license-file = "LICENSE"
authors = ["A <a@example.invalid>"]
homepage = "https://example.invalid/h"
documentation = "https://example.invalid/d"
repository = "https://example.invalid/r"
keywords = ["one", "two"]
categories = ["development-tools"]
readme = "README.md"
links = "rich"
build = "build.rs"

[features]
default = ["first"]
extra = ["dep:second", "first?/inner"]

[dependencies]
first = { version = ">=1.0, <2", optional = true, package = "demo-core", registry = "local" }
second = { version = "~1.0", optional = true, default-features = false, registry = "local", package = "demo" }

[target.'cfg(unix)'.dependencies]
demo-core = { version = "1", registry = "local" }

[build-dependencies]
demo-core = { version = "=1.0.0", features = ["inner"], registry = "local" }

[dev-dependencies]
demo-core = { version = "1.*", registry = "local" }

[badges]
maintenance = { status = "passively-maintained" }
"""


def test_what_is_told_of_a_crate_is_what_cargo_tells(
    registry: CratesRegistry, adapter: CratesIndex, pack: Callable[..., list[Path]], tmp_path: Path
) -> None:
    """`cargo publish` sends the same bytes and says the same about them, down to each dependency's every key."""
    inner = {"core/Cargo.toml": cargo.CORE.format(version="1.0.0") + "\n[features]\ninner = []\n"}
    adapter.upload(pack("1.0.0", **inner), quiet)
    told = {"Cargo.toml": RICH, "README.md": "hello\n", "LICENSE": "none\n", "build.rs": "fn main() {}\n"}
    folder, again = (cargo.write(tmp_path / name, {**told, "src/lib.rs": "\n"}) for name in ("rich", "again"))
    sealed = cargo.built(again, "demo-rich", home=tmp_path / "home", environ=registry.environ)
    environ = {**registry.environ, "CARGO_REGISTRIES_LOCAL_TOKEN": TOKEN}
    cargo.cargo("publish", "--no-verify", "--registry", "local", cwd=folder, home=tmp_path / "home", environ=environ)
    (path,) = registry.folder.glob("demo-rich-*.crate")
    assert path.read_bytes() == sealed.read_bytes()
    with sealed.open("rb") as file:
        ours = cratefile.description(cratefile.read(path.name, file), index=registry.index_url, is_public=False)
    theirs = registry.told[-1]
    by_place = {"key": lambda each: (each["kind"], each["name"], str(each["target"]))}
    assert sorted(ours.pop("deps"), **by_place) == sorted(theirs.pop("deps"), **by_place)
    assert ours == theirs
