"""How a package is built when its repository does not say."""

import pytest

from releasd.core.recipes import default_builds
from releasd.errors import ConfigError


def pyproject(backend: str, *, requires: str = "[]", more: str = "") -> str:
    return f'[build-system]\nrequires = {requires}\nbuild-backend = "{backend}"\n{more}'


PURE = [
    "hatchling.build",
    "setuptools.build_meta",
    "flit_core.buildapi",
    "poetry.core.masonry.api",
    "uv_build",
    "pdm.backend",
]


@pytest.mark.parametrize("text", [*map(pyproject, PURE), "[project]\nname = 'x'\n"])
def test_a_pure_package_is_built_by_uv(text: str) -> None:
    """One build gives both files; without a build-system table the backend is setuptools."""
    (build,) = default_builds({"pyproject.toml": text})
    assert (build.name, build.run, build.tools) == ("dist", 'uv build --out-dir "$RELEASD_OUT"', ("uv",))
    assert build.artifacts == ("*.whl", "*.tar.gz")


def test_maturin_builds_a_wheel_and_an_sdist() -> None:
    """Two builds with their own files; tools are what the host has to have."""
    wheel, sdist = default_builds({"pyproject.toml": pyproject("maturin")})
    assert (wheel.run, wheel.artifacts) == ('maturin build --release --out "$RELEASD_OUT"', ("*.whl",))
    assert (sdist.run, sdist.artifacts) == ('maturin sdist --out "$RELEASD_OUT"', ("*.tar.gz",))
    assert wheel.tools == sdist.tools == ("maturin", "cargo")


@pytest.mark.parametrize(
    ("lock", "manifest"),
    [("Cargo.lock", "Cargo.toml"), ("rust/Cargo.lock", "rust/Cargo.toml"), ("Cargo.lock", "rust/Cargo.toml")],
)
def test_a_lock_file_is_honoured_where_there_is_one(lock: str, manifest: str) -> None:
    """With Cargo.lock in the sources, what is built is what was locked."""
    text = pyproject("maturin", more=f'[tool.maturin]\nmanifest-path = "{manifest}"\n')
    wheel, _ = default_builds({"pyproject.toml": text, lock: ""})
    assert "--locked" in wheel.run


@pytest.mark.parametrize(
    "files",
    [
        {},
        {"pyproject.toml": pyproject("mesonpy")},
        {"pyproject.toml": pyproject("scikit_build_core.build")},
        {"pyproject.toml": pyproject("setuptools.build_meta", requires='["Cython>=3"]')},
        {"pyproject.toml": pyproject("setuptools.build_meta", more="[[tool.setuptools.ext-modules]]\nname = 'x'\n")},
        {"pyproject.toml": pyproject("setuptools.build_meta"), "setup.py": "setup(ext_modules=[])"},
    ],
)
def test_what_no_recipe_fits_says_which_edit_fixes_it(files: dict[str, str]) -> None:
    """A wheel that compiles needs the project's own word on how; a wrong guess would be published."""
    with pytest.raises(ConfigError) as caught:
        default_builds(files)
    assert "[[builds]]" in caught.value.problems[0]
    assert ".releasd.toml" in caught.value.advice
