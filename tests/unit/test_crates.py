"""Which crates a release has, in which order they go up, and what builds them."""

import pytest

from releasd.core import cratefile, crates
from releasd.core.crates import ALL, build, chosen, index_path, prefix, split_filename
from releasd.errors import ConfigError

ROOT = '[workspace]\nmembers = ["crates/*"]\n'


def manifest(name: str, *dependencies: str, version: str = "1.0.0", more: str = "") -> str:
    """Return a crate's Cargo.toml; each dependency is a line of its tables."""
    return f'[package]\nname = "{name}"\nversion = "{version}"\n{more}\n[dependencies]\n' + "\n".join(dependencies)


def on(name: str, version: str | None = "1.0.0", **more: str) -> str:
    """Return the line of a dependency by path."""
    keys = {"path": f"../{name}", **({"version": version} if version else {}), **more}
    return f"{name} = {{ {', '.join(f'{key} = {value!r}' for key, value in keys.items())} }}"


def files(**manifests: str) -> dict[str, str]:
    """Return a workspace's files."""
    return {"Cargo.toml": ROOT} | {f"crates/{name}/Cargo.toml": text for name, text in manifests.items()}


def names(found: tuple[crates.Crate, ...]) -> list[str]:
    return [crate.name for crate in found]


def problems(workspace: dict[str, str], *wanted: str) -> str:
    with pytest.raises(ConfigError) as error:
        chosen(workspace, wanted or (ALL,))
    return error.value.message


def test_a_crate_before_what_it_needs() -> None:
    """Each crate goes up after those it needs, however they are called and wherever the dependency stands."""
    workspace = files(
        a=manifest("a", on("b")),
        b=manifest("b", more='[target."cfg(unix)".build-dependencies]\n' + on("z")),
        c=manifest("c"),
        z=manifest("z"),
    )
    assert names(chosen(workspace, (ALL,))) == ["c", "z", "b", "a"]


def test_a_dependency_taken_from_the_workspace() -> None:
    """`workspace = true` is followed to the workspace's table, whose paths begin at the root."""
    workspace = files(a=manifest("a", "b.workspace = true"), b=manifest("b"))
    workspace["Cargo.toml"] += '[workspace.dependencies]\nb = { path = "crates/b", version = "1.0.0" }\n'
    assert names(chosen(workspace, (ALL,))) == ["b", "a"]


def test_a_crate_that_may_not_be_published() -> None:
    """`publish = false`, inherited or empty, keeps a crate out; naming it is a mistake that is told."""
    workspace = files(
        a=manifest("a"),
        b=manifest("b", more="publish = false"),
        c=manifest("c", more="publish = []"),
        d=manifest("d", more="publish.workspace = true"),
    )
    workspace["Cargo.toml"] += "[workspace.package]\npublish = false\n"
    assert names(chosen(workspace, (ALL,))) == ["a"]
    assert "b: its Cargo.toml says publish = false" in problems(workspace, "b")


def test_crates_with_another_version() -> None:
    """A member with a version of its own is not of this release, and its dependants find it where it was published."""
    workspace = files(a=manifest("a", on("b", "0.3")), b=manifest("b", version="0.3.0"), c=manifest("c"))
    workspace["Cargo.toml"] = f'[package]\nname = "root"\nversion = "1.0.0"\npublish = false\n{ROOT}'
    assert names(chosen(workspace, (ALL,))) == ["a", "c"]
    assert "b: has a version of its own" in problems(workspace, "b")


def test_what_stands_in_the_way_is_told_at_once() -> None:
    """Unknown crates, paths without versions, and needed crates that stay behind: all in one message."""
    workspace = files(a=manifest("a", on("b", None)), b=manifest("b"), c=manifest("c", on("b")))
    told = problems(workspace, "a", "c", "x")
    assert "x: is no crate of this workspace" in told
    assert "a: its dependency b has a path and no version" in told
    assert "c: it needs b, which is not published with it" in told


def test_crates_that_need_each_other() -> None:
    """A circle has no order; one through a dev-dependency without a version is none, for cargo leaves that out."""
    circle = files(a=manifest("a", on("b")), b=manifest("b", f"[dev-dependencies]\n{on('a')}"))
    with pytest.raises(ConfigError, match=r"a -> b -> a|b -> a -> b") as error:
        chosen(circle, (ALL,))
    assert "leave version out of the dev-dependency" in error.value.advice
    fine = files(a=manifest("a", on("b")), b=manifest("b", f"[dev-dependencies]\n{on('a', None)}"))
    assert names(chosen(fine, (ALL,))) == ["b", "a"]


def test_no_crates_at_all() -> None:
    """Asking for crates where there are none is a mistake, not a release of nothing."""
    with pytest.raises(ConfigError, match=r"no Cargo\.toml"):
        chosen({}, (ALL,))
    assert "no crate of the workspace" in problems(files(a=manifest("a", more="publish = false")))


def test_the_build_names_the_registry_that_the_manifests_name() -> None:
    """Cargo looks in the destination for what crates need of each other, so it is told which that is."""
    named = files(a=manifest("a", on("b", registry="ours")), b=manifest("b", more='publish = ["ours"]'))
    script = build({**named, "Cargo.lock": ""}, (ALL,)).run
    assert "cargo package --no-verify --allow-dirty --locked --registry ours -p b -p a" in script
    assert "--registry" not in build(files(a=manifest("a")), (ALL,)).run
    with pytest.raises(ConfigError, match="several registries: other, ours"):
        build(files(a=manifest("a", more='publish = ["other"]'), b=manifest("b", more='publish = ["ours"]')), (ALL,))


@pytest.mark.parametrize(
    ("filename", "found"),
    [
        ("demo-core-1.2.0.crate", ("demo-core", "1.2.0")),
        ("a-2-1.0.0.crate", ("a-2", "1.0.0")),
        ("a_b-1.0.0-beta-1.2+x.5.crate", ("a_b", "1.0.0-beta-1.2+x.5")),
        ("demo-1.2.crate", None),
        ("../demo-1.2.0.crate", None),
        ("demo-1.2.0.tar.gz", None),
    ],
)
def test_name_and_version_in_a_file_name(filename: str, found: tuple[str, str] | None) -> None:
    """A crate's name has no dot, so its file name can be read one way only."""
    assert split_filename(filename) == found


def test_where_an_index_has_a_crate() -> None:
    """The Cargo book's own examples."""
    assert [index_path(name) for name in ("a", "ab", "abc", "cargo", "Demo-Core")] == [
        "1/a",
        "2/ab",
        "3/a/abc",
        "ca/rg/cargo",
        "de/mo/demo-core",
    ]
    assert prefix("MyCrate") == "My/Cr"


@pytest.mark.parametrize(
    ("written", "sent"),
    [("1", "^1"), ("=1.0", "=1.0"), (">= 1.2, <2", ">=1.2, <2"), ("*", "*"), ("1.*", "1.*"), ("~1.2", "~1.2")],
)
def test_a_requirement_as_cargo_sends_it(written: str, sent: str) -> None:
    """A version alone means compatible versions; everything else says so itself."""
    assert cratefile.requirement(written) == sent
