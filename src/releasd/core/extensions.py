"""The recipe for extension modules in C, C++, Cython or Fortran, by setuptools, scikit-build-core or meson-python.

cibuildwheel where the host has it; otherwise a wheel with each Python that the host has and `requires-python` allows,
whose libraries auditwheel or delocate then puts into it. Either way the script stops at the first failure: a wheel
that was not repaired stays out of $RELEASD_OUT.
"""

from collections.abc import Iterable, Mapping
from typing import Any

from releasd.core import pythons, toml
from releasd.core.targets import Target
from releasd.model import BuildSpec

_WHEEL = """\
if command -v cibuildwheel >/dev/null{engine}; then
{run}  exit
fi
built="$TMPDIR/unrepaired"
for python in {pythons}; do
  if uv python find "$python" >/dev/null 2>&1; then
    uv build --wheel --python "$python" --out-dir "$built"
  fi
done
for wheel in "$built"/*.whl; do
  case "$wheel" in
    *-any.whl) cp "$wheel" "$RELEASD_OUT" ;;
    *-macosx_*.whl) delocate-wheel --wheel-dir "$RELEASD_OUT" "$wheel" ;;
    *) auditwheel repair --wheel-dir "$RELEASD_OUT" "$wheel" ;;
  esac
done
"""
# On Linux cibuildwheel works in a container: without a running docker it could only fail.
_DOCKER = ' && { [ "$(uname -s)" != Linux ] || docker info >/dev/null 2>&1; }'
_PLAIN = """\
  cibuildwheel --output-dir "$RELEASD_OUT"
"""
# Ended by a signal cibuildwheel leaves its container behind, which goes on with what it was told last, for hours maybe.
# So it is marked with the task's folder, and whoever removes that removes it first, by the environment in `labelled`
# (adapters/runner/container.py).
_MARKED = """\
  folder="$(dirname "$RELEASD_OUT")"
  env -u RELEASD_OUT -0 >"$folder/labelled"
  export CIBW_CONTAINER_ENGINE="docker; create_args: --rm --label=releasd=$folder"
  cibuildwheel --output-dir "$RELEASD_OUT"
"""
# A Mac needs the one or the other, a Linux host cibuildwheel with docker or auditwheel with patchelf: in other words,
# of each of these pairs one. Which engine a project names that names one is not read here.
_ENGINE = ("docker|auditwheel", "docker|patchelf")
_REPAIR = {
    "linux": ("cibuildwheel|auditwheel", "cibuildwheel|patchelf"),
    "macos": ("cibuildwheel|delocate-wheel",),
    "": ("cibuildwheel|auditwheel|delocate-wheel",),
}


def builds(document: Mapping[str, Any], targets: Iterable[Target]) -> tuple[BuildSpec, ...]:
    """Return a build for each target, and one for the sdist, which any host can make."""
    has_engine = "container-engine" in toml.table(document, "tool", "cibuildwheel")
    called, engine = (_PLAIN, "") if has_engine else (_MARKED, _DOCKER)
    run = _WHEEL.replace("{run}", called).replace("{engine}", engine)
    run = run.replace("{pythons}", " ".join(pythons.supported(document)))
    wheels = (
        BuildSpec(
            name=target.build("wheel"),
            run=run,
            labels=target.labels,
            tools=("uv", *_REPAIR[target.system], *(_ENGINE if target.system == "linux" and not has_engine else ())),
            artifacts=("*.whl",),
            env={"UV_PYTHON_DOWNLOADS": "never"},
        )
        for target in targets
    )
    sdist = BuildSpec(
        name="sdist", run='uv build --sdist --out-dir "$RELEASD_OUT"', tools=("uv",), artifacts=("*.tar.gz",)
    )
    return (*wheels, sdist)
