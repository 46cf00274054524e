"""The recipe for maturin: Rust in Python wheels.

One wheel for each platform where the stable ABI is used (pyo3's `abi3` features) or no Python is linked against (bin,
cffi, uniffi); else one for each interpreter on the host that `requires-python` allows. Traps are from
publishing-facts.md §3: a failed build leaves an empty wheel, so files count only from a run that ended well.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from posixpath import dirname, join, normpath
from typing import Any

from releasd.core import pythons, toml
from releasd.core.targets import Target
from releasd.model import BuildSpec

TOOLS = ("maturin", "cargo")
_BINDINGS = ("pyo3", "pyo3-ffi")
_STABLE = re.compile(r"abi3(-py3\d+)?")
_TABLES = ("dependencies", "build-dependencies")


def builds(files: Mapping[str, str], document: Mapping[str, Any], targets: Iterable[Target]) -> tuple[BuildSpec, ...]:
    """Return a build for each target, and one for the sdist, which any host can make."""
    manifest = normpath(str(toml.table(document, "tool", "maturin").get("manifest-path", "Cargo.toml")))
    locks = {"Cargo.lock", join(dirname(manifest), "Cargo.lock")}
    locked = " --locked" if locks & files.keys() else ""
    crates = [_crate(files, path) for path in dict.fromkeys((manifest, "Cargo.toml"))]
    wheels = (_wheel(target, document, crates, locked) for target in targets)
    sdist = BuildSpec(name="sdist", run='maturin sdist --out "$RELEASD_OUT"', tools=TOOLS, artifacts=("*.tar.gz",))
    return (*wheels, sdist)


def bound_to_host(builds: Iterable[BuildSpec]) -> tuple[str, ...]:
    """Return the builds whose wheels ask for their host's own C library, or a newer one: Linux, bare, without zig."""
    return tuple(
        build.name
        for build in builds
        if build.run.startswith("maturin build") and "linux" in build.labels
        if not build.container and "--compatibility" not in build.run
    )


def _crate(files: Mapping[str, str], path: str) -> Mapping[str, Any]:
    return toml.read(path, files[path]) if path in files else {}


def _wheel(target: Target, document: Mapping[str, Any], crates: list[Mapping[str, Any]], locked: str) -> BuildSpec:
    command = f"maturin build --release{locked}"
    if target.is_crossed:  # zig brings an old C library along
        command += f" --target {target.machine}-unknown-linux-gnu --zig --compatibility manylinux2014"
    if _per_interpreter(document, crates):
        command += _interpreters(target, document)
    return BuildSpec(
        name=target.build("wheel"),
        run=f'{command} --out "$RELEASD_OUT"',
        labels=target.labels,
        tools=TOOLS,
        artifacts=("*.whl",),
    )


def _interpreters(target: Target, document: Mapping[str, Any]) -> str:
    """Return the option for the interpreters: the host's own, or by version where none of them could run."""
    if not target.is_crossed:
        return " --find-interpreter"
    return " --interpreter " + " ".join(f"python{version}" for version in pythons.supported(document))


def _per_interpreter(document: Mapping[str, Any], crates: list[Mapping[str, Any]]) -> bool:
    settings = toml.table(document, "tool", "maturin")
    bindings = settings.get("bindings")
    if bindings is not None and bindings not in _BINDINGS:
        return False
    named = [entry for crate in crates for entry in _dependencies(crate)]
    if bindings is None and not named:
        return False
    features = [feature for entry in named for feature in entry]
    features += [text for crate in crates for text in _switched_on(crate.get("features"), settings)]
    return not any(_STABLE.fullmatch(feature) for feature in features)


def _dependencies(crate: Mapping[str, Any]) -> Iterator[list[str]]:
    """Yield the features of each dependency on Python's interface, the workspace's and each platform's included."""
    platforms = toml.table(crate, "target")
    places = [crate, toml.table(crate, "workspace"), *(toml.table(platforms, name) for name in platforms)]
    for place in places:
        for table in _TABLES:
            dependencies = toml.table(place, table)
            for name, entry in dependencies.items():
                crate_name = entry.get("package", name) if isinstance(entry, Mapping) else name
                if crate_name in _BINDINGS:
                    yield _texts(entry.get("features")) if isinstance(entry, Mapping) else []


def _switched_on(features: Any, settings: Mapping[str, Any]) -> Iterator[str]:
    """Yield the features of pyo3 that the crate's own features switch on: by default, or where maturin is told to."""
    own = features if isinstance(features, Mapping) else {}
    queue = [*_texts(settings.get("features")), "default"]
    seen: set[str] = set()
    while queue:
        feature = queue.pop()
        if feature in seen:
            continue
        seen.add(feature)
        queue += _texts(own.get(feature))
        crate, slash, its = feature.partition("/")
        if slash and crate.rstrip("?") in _BINDINGS:
            yield its


def _texts(value: Any) -> list[str]:
    return [text for text in value if isinstance(text, str)] if isinstance(value, list) else []
