"""A crate's file: what the real cargo packs, and what a registry has to be told of it."""

import tarfile
from pathlib import Path

from releasd.core import cratefile
from support import cargo
from support.gitrepo import git


def test_a_crate_is_packed_as_in_a_checkout_wherever_it_is_built(tmp_path: Path) -> None:
    """Inside of somebody's repository and outside of any, with files that git would ignore: the same bytes, and all."""
    manifest = cargo.CORE.format(version="1.0.0").replace('publish = ["local"]\n', "")
    files = {"Cargo.toml": manifest, "src/lib.rs": "\n", ".hidden": "x", ".gitignore": "*.dat\n", "src/kept.dat": "x"}
    plain, inside = (cargo.write(tmp_path / name, files) for name in ("plain", "home/inside"))
    git(inside.parent, "init", "--quiet")
    one, two = (cargo.built(folder, "demo-core", home=tmp_path / "cargo") for folder in (plain, inside))
    assert one.read_bytes() == two.read_bytes()
    with tarfile.open(one) as archive:
        names = {name.partition("/")[2] for name in archive.getnames()}
    assert names == {*files, "Cargo.lock", "Cargo.toml.orig"}


def test_a_dependency_on_the_default_registry_is_named_by_the_lock_file(tmp_path: Path) -> None:
    """A manifest leaves it out; to another registry it has to be told, and to the default one it must not."""
    address = "https://default.example.invalid/index"
    lock = f'version = 4\n[[package]]\nname = "other"\nversion = "1.0.0"\nsource = "registry+{address}"\n'
    manifest = '[package]\nname = "demo"\nversion = "1.0.0"\n[dependencies]\nother = "1"\n'
    cargo.write(tmp_path / "demo-1.0.0", {"Cargo.toml": manifest, "Cargo.lock": lock})
    path = tmp_path / "demo-1.0.0.crate"
    with tarfile.open(path, "w:gz") as archive:
        archive.add(tmp_path / "demo-1.0.0", "demo-1.0.0")
    with path.open("rb") as file:
        crate = cratefile.read(path.name, file)
    for is_public, expected in ((True, None), (False, address)):
        told = cratefile.description(crate, index="https://ours.example.invalid/", is_public=is_public)
        assert [each.get("registry") for each in told["deps"]] == [expected]
