"""How a package is built when its repository does not say: one recipe per build backend.

Commands and their traps are from publishing-facts.md §3: maturin leaves an empty wheel after a failed build, so files
count only from a run that ended well; `uv build` makes the wheel from the sdist, which proves the sdist complete.
"""

from collections.abc import Mapping
from posixpath import dirname, join, normpath

from releasd.core import toml
from releasd.errors import ConfigError
from releasd.model import BuildSpec

_NATIVE = frozenset(
    {"mesonpy", "scikit_build_core.build", "scikit_build_core.setuptools.build_meta", "py_build_cmake.build"}
)
_EXTENSION_TOOLS = ("cython", "pybind11", "nanobind", "cffi", "setuptools-rust", "mypyc")
_EDIT = '[[builds]] in .releasd.toml: name = "wheel", run = "… --out \\"$RELEASD_OUT\\"", tools, labels'


def default_builds(files: Mapping[str, str]) -> tuple[BuildSpec, ...]:
    """Return the builds for the backend that pyproject.toml names.

    Raises `ConfigError`, with the edit that fixes it, where there is no pyproject.toml or where the wheels depend on
    the machine in a way that only the project knows.
    """
    if "pyproject.toml" not in files:
        raise _unknown("there is no pyproject.toml, so nobody says how to build this project")
    document = toml.read("pyproject.toml", files["pyproject.toml"])
    backend = str(toml.table(document, "build-system").get("build-backend", "setuptools.build_meta"))
    if backend == "maturin":
        return _maturin(files, document)
    if backend in _NATIVE or (backend.startswith("setuptools") and _has_extensions(files, document)):
        raise _unknown(f"{backend} compiles here, and what its wheels need differs from project to project")
    return (
        BuildSpec(name="dist", run='uv build --out-dir "$RELEASD_OUT"', tools=("uv",), artifacts=("*.whl", "*.tar.gz")),
    )


def _maturin(files: Mapping[str, str], document: Mapping[str, object]) -> tuple[BuildSpec, ...]:
    manifest = normpath(str(toml.table(document, "tool", "maturin").get("manifest-path", "Cargo.toml")))
    locks = {"Cargo.lock", join(dirname(manifest), "Cargo.lock")}
    locked = " --locked" if locks & files.keys() else ""
    tools = ("maturin", "cargo")
    return (
        BuildSpec(
            name="wheel",
            run=f'maturin build --release{locked} --out "$RELEASD_OUT"',
            tools=tools,
            artifacts=("*.whl",),
        ),
        BuildSpec(name="sdist", run='maturin sdist --out "$RELEASD_OUT"', tools=tools, artifacts=("*.tar.gz",)),
    )


def _has_extensions(files: Mapping[str, str], document: Mapping[str, object]) -> bool:
    if "ext-modules" in toml.table(document, "tool", "setuptools") or "ext_modules" in files.get("setup.py", ""):
        return True
    requires = toml.table(document, "build-system").get("requires", ())
    named = [str(need).lower() for need in requires] if isinstance(requires, list) else []
    return any(need.startswith(tool) for need in named for tool in _EXTENSION_TOOLS)


def _unknown(why: str) -> ConfigError:
    return ConfigError(
        why, problems=(f".releasd.toml: builds: {_EDIT}",), advice="add a [[builds]] table to .releasd.toml"
    )
