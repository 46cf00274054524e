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

# On Linux cibuildwheel works in a container: without a running docker it could only fail. Ended by a signal it leaves
# that container behind, so the script removes it, and docker does where the script was killed, too.
_WHEEL = """\
if command -v cibuildwheel >/dev/null && { [ "$(uname -s)" != Linux ] || docker info >/dev/null 2>&1; }; then
{engine}  cibuildwheel --output-dir "$RELEASD_OUT"
  exit
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
_ENGINE = """\
  mine="releasd=$(dirname "$RELEASD_OUT")"
  export CIBW_CONTAINER_ENGINE="docker; create_args: --rm --label=$mine"
  trap 'docker ps --all --quiet --filter "label=$mine" | xargs docker rm --force >/dev/null 2>&1; exit 143' TERM
"""
# Without cibuildwheel a Linux host needs both of these, a Mac the one.
_REPAIR = {
    "linux": ("cibuildwheel|auditwheel", "cibuildwheel|patchelf"),
    "macos": ("cibuildwheel|delocate-wheel",),
    "": ("cibuildwheel|auditwheel|delocate-wheel",),
}


def builds(document: Mapping[str, Any], targets: Iterable[Target]) -> tuple[BuildSpec, ...]:
    """Return a build for each target, and one for the sdist, which any host can make."""
    engine = "" if "container-engine" in toml.table(document, "tool", "cibuildwheel") else _ENGINE
    run = _WHEEL.replace("{engine}", engine).replace("{pythons}", " ".join(pythons.supported(document)))
    wheels = (
        BuildSpec(
            name=target.build("wheel"),
            run=run,
            labels=target.labels,
            tools=("uv", *_REPAIR[target.system]),
            artifacts=("*.whl",),
            env={"UV_PYTHON_DOWNLOADS": "never"},
        )
        for target in targets
    )
    sdist = BuildSpec(
        name="sdist", run='uv build --sdist --out-dir "$RELEASD_OUT"', tools=("uv",), artifacts=("*.tar.gz",)
    )
    return (*wheels, sdist)
