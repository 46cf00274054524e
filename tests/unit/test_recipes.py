"""How a package is built when its repository does not say."""

import pytest

from releasd.core.recipes import default_builds
from releasd.core.tools import lacking, programs
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


def test_no_pyproject_says_which_edit_fixes_it() -> None:
    """Without pyproject.toml nobody knows how to build it; the message has the table to write."""
    with pytest.raises(ConfigError) as caught:
        default_builds({})
    assert "[[builds]]" in caught.value.problems[0]
    assert ".releasd.toml" in caught.value.advice


EXTENSIONS = [
    {"pyproject.toml": pyproject("mesonpy")},
    {"pyproject.toml": pyproject("scikit_build_core.build")},
    {"pyproject.toml": pyproject("setuptools.build_meta", requires='["Cython>=3"]')},
    {"pyproject.toml": pyproject("hatchling.build", requires='["hatchling", "hatch-cython"]')},
    {"pyproject.toml": pyproject("setuptools.build_meta", more="[[tool.setuptools.ext-modules]]\nname = 'x'\n")},
    {"pyproject.toml": pyproject("setuptools.build_meta"), "setup.py": "setup(ext_modules=[])"},
]
LINUX, MAC = frozenset({"linux", "x86_64", "local"}), frozenset({"macos", "arm64"})


@pytest.mark.parametrize("files", EXTENSIONS)
def test_extensions_are_built_for_each_platform_there_is_a_host_of(files: dict[str, str]) -> None:
    """One wheel build a platform, repaired by its own tool where cibuildwheel is lacking, and one sdist anywhere."""
    linux, mac, sdist = default_builds(files, hosts=[LINUX, MAC, frozenset({"docker"})])
    assert (linux.name, linux.labels) == ("wheel-linux-x86_64", ("linux", "x86_64"))
    assert (mac.name, mac.labels) == ("wheel-macos-arm64", ("macos", "arm64"))
    assert linux.tools == (
        *("uv", "cibuildwheel|auditwheel", "cibuildwheel|patchelf"),
        *("docker|auditwheel", "docker|patchelf"),
    )
    assert mac.tools == ("uv", "cibuildwheel|delocate-wheel")
    assert (sdist.name, sdist.labels, sdist.artifacts) == ("sdist", (), ("*.tar.gz",))


def test_interpreters_of_an_extension_are_those_of_requires_python() -> None:
    """A version that the project does not support gets no wheel."""
    text = pyproject("mesonpy", more='[project]\nname = "x"\nrequires-python = ">=3.11.4,<3.14"\n')
    wheel, _ = default_builds({"pyproject.toml": text})
    assert "for python in 3.11 3.12 3.13; do" in wheel.run
    assert (wheel.name, wheel.labels, wheel.tools) == ("wheel", (), ("uv", "cibuildwheel|auditwheel|delocate-wheel"))


@pytest.mark.parametrize(
    ("has", "lacks"),
    [
        ({"cibuildwheel", "docker"}, ()),
        ({"auditwheel", "patchelf"}, ()),
        ({"auditwheel", "patchelf", "cibuildwheel"}, ()),
        ({"cibuildwheel"}, ("docker or auditwheel", "docker or patchelf")),
        ({"auditwheel", "docker"}, ("cibuildwheel or patchelf",)),
    ],
)
def test_a_linux_host_has_cibuildwheel_with_docker_or_auditwheel_with_patchelf(
    has: set[str], lacks: tuple[str, ...]
) -> None:
    """Half of either is not enough, and preflight has to know it before the build does."""
    wheel, _ = default_builds({"pyproject.toml": pyproject("mesonpy")}, hosts=[LINUX])
    assert lacking(wheel.tools, set(programs(wheel.tools)) - has - {"uv"}) == lacks


def test_a_project_that_names_its_container_engine_is_obeyed() -> None:
    """An option of the recipe's would replace what the project says, and docker need not be there."""
    for named, asks in (("", True), ('[tool.cibuildwheel]\ncontainer-engine = "podman"\n', False)):
        wheel, _ = default_builds({"pyproject.toml": pyproject("mesonpy", more=named)}, hosts=[LINUX])
        assert ("docker" in wheel.run) == ("docker" in programs(wheel.tools)) == asks


@pytest.mark.parametrize(
    "cargo",
    [
        '[dependencies]\npyo3 = { version = "0.22", features = ["abi3-py39"] }\n',
        '[dependencies.pyo3-ffi]\nversion = "0.22"\nfeatures = ["abi3", "extension-module"]\n',
        '[dependencies]\npython = { package = "pyo3", version = "0.22", features = ["abi3-py310"] }\n',
        '[target."cfg(unix)".dependencies]\npyo3 = { version = "0.22", features = ["abi3-py39"] }\n',
        '[dependencies]\npyo3 = "0.22"\n[features]\ndefault = ["stable"]\nstable = ["pyo3/abi3-py39"]\n',
        '[dependencies]\npyo3.workspace = true\n[workspace.dependencies]\npyo3 = { features = ["abi3-py38"] }\n',
        '[dependencies]\nclap = "4"\n',
    ],
)
def test_one_maturin_wheel_for_all_interpreters(cargo: str) -> None:
    """The stable ABI, however Cargo is told of it, and a program without Python give one wheel a platform."""
    wheel, _ = default_builds({"pyproject.toml": pyproject("maturin"), "Cargo.toml": cargo})
    assert wheel.run == 'maturin build --release --out "$RELEASD_OUT"'


@pytest.mark.parametrize(
    "cargo",
    [
        '[dependencies]\npyo3 = "0.22"\n',
        '[dependencies]\npyo3 = { version = "0.22", features = ["extension-module"] }\n',
        '[dependencies]\npyo3 = "0.22"\n[features]\nstable = ["pyo3/abi3-py39"]\n',
    ],
)
def test_one_maturin_wheel_for_each_interpreter(cargo: str) -> None:
    """Without the stable ABI each of the host's interpreters gets its own; a feature nobody switches on counts not."""
    wheel, _ = default_builds({"pyproject.toml": pyproject("maturin"), "Cargo.toml": cargo})
    assert wheel.run == 'maturin build --release --find-interpreter --out "$RELEASD_OUT"'


def test_a_feature_that_maturin_switches_on() -> None:
    """`tool.maturin.features` counts as the crate's defaults do."""
    text = pyproject("maturin", more='[tool.maturin]\nfeatures = ["pyo3/abi3-py39"]\n')
    wheel, _ = default_builds({"pyproject.toml": text, "Cargo.toml": '[dependencies]\npyo3 = "0.22"\n'})
    assert "--find-interpreter" not in wheel.run


def test_maturin_in_a_nested_manifest() -> None:
    """Cargo.toml is read where maturin is told that it is."""
    text = pyproject("maturin", more='[tool.maturin]\nmanifest-path = "rust/Cargo.toml"\n')
    wheel, _ = default_builds({"pyproject.toml": text, "rust/Cargo.toml": '[dependencies]\npyo3 = "0.22"\n'})
    assert "--find-interpreter" in wheel.run


def test_targets_of_the_repository_count_before_those_of_the_hosts() -> None:
    """What the project wants is built, or says which host is lacking; it is not quietly left out."""
    found = default_builds(
        {"pyproject.toml": pyproject("maturin")}, wanted=("linux-x86_64", "linux-aarch64"), hosts=[LINUX, MAC]
    )
    assert [(build.name, build.labels) for build in found] == [
        ("wheel-linux-x86_64", ("linux", "x86_64")),
        ("wheel-linux-aarch64", ("linux", "aarch64")),
        ("sdist", ()),
    ]


def test_zig_builds_for_a_platform_without_a_host() -> None:
    """Where a host has the label zig, Linux is cross-compiled; where a native host exists, it is not."""
    files = {
        "pyproject.toml": pyproject("maturin", more='[project]\nname = "x"\nrequires-python = ">=3.13"\n'),
        "Cargo.toml": '[dependencies]\npyo3 = "0.22"\n',
    }
    wanted = ("linux-x86_64", "linux-aarch64", "macos-arm64")
    native, crossed, mac, _ = default_builds(files, wanted=wanted, hosts=[LINUX | {"zig"}])
    assert "--zig" not in native.run
    assert crossed.labels == ("zig",)
    assert crossed.run == (
        "maturin build --release --target aarch64-unknown-linux-gnu --zig --compatibility manylinux2014"
        ' --interpreter python3.13 python3.14 --out "$RELEASD_OUT"'
    )
    assert mac.labels == ("macos", "arm64")


def test_a_pure_project_is_built_once_whatever_hosts_there_are() -> None:
    """A wheel without a platform needs no platform."""
    found = default_builds({"pyproject.toml": pyproject("hatchling.build")}, hosts=[LINUX, MAC])
    assert [(build.name, build.labels) for build in found] == [("dist", ())]
