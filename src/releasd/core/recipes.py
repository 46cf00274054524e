"""How a package is built when its repository does not say: one recipe per build backend.

`uv build` makes a pure wheel from the sdist, which proves the sdist complete. What compiles is built once for each
target (core/targets.py), by core/maturin.py and core/extensions.py.
"""

from collections.abc import Iterable, Mapping, Sequence

from releasd.core import extensions, maturin, toml
from releasd.core.targets import Labels, targets
from releasd.errors import ConfigError
from releasd.model import BuildSpec

_NATIVE = ("mesonpy", "scikit_build_core", "py_build_cmake")
_EXTENSION_TOOLS = ("cython", "pybind11", "nanobind", "cffi", "setuptools-rust", "mypy[mypyc]", "mypyc", "hatch-cython")
_EDIT = '[[builds]] in .releasd.toml: name = "wheel", run = "… --out \\"$RELEASD_OUT\\"", tools, labels'


def default_builds(
    files: Mapping[str, str], *, wanted: Sequence[str] = (), hosts: Iterable[Labels] = ()
) -> tuple[BuildSpec, ...]:
    """Return the builds for the backend that pyproject.toml names.

    Args:
        files: texts of the repository's files, by path.
        wanted: names of targets; empty: the platforms of the hosts.
        hosts: the labels of each host that may build.

    Raises `ConfigError`, with the edit that fixes it, where there is no pyproject.toml.
    """
    if "pyproject.toml" not in files:
        raise ConfigError(
            "there is no pyproject.toml, so nobody says how to build this project",
            problems=(f".releasd.toml: builds: {_EDIT}",),
            advice="add a [[builds]] table to .releasd.toml",
        )
    document = toml.read("pyproject.toml", files["pyproject.toml"])
    backend = str(toml.table(document, "build-system").get("build-backend", "setuptools.build_meta"))
    if backend == "maturin":
        return maturin.builds(files, document, targets(wanted, hosts, zig=True))
    if backend.startswith(_NATIVE) or _has_extensions(files, document):
        return extensions.builds(document, targets(wanted, hosts, zig=False))
    return (
        BuildSpec(name="dist", run='uv build --out-dir "$RELEASD_OUT"', tools=("uv",), artifacts=("*.whl", "*.tar.gz")),
    )


def _has_extensions(files: Mapping[str, str], document: Mapping[str, object]) -> bool:
    if "ext-modules" in toml.table(document, "tool", "setuptools") or "ext_modules" in files.get("setup.py", ""):
        return True
    requires = toml.table(document, "build-system").get("requires", ())
    named = [str(need).lower() for need in requires] if isinstance(requires, list) else []
    return any(need.startswith(tool) for need in named for tool in _EXTENSION_TOOLS)
