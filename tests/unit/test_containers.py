"""What a `container` key may say, what an operator allows, and which builds of a recipe go into a container."""

import pytest

from releasd.core.containers import ImagePolicy, check_images, in_container, is_exact, memory
from releasd.core.project import load
from releasd.core.recipes import default_builds
from releasd.errors import ConfigError
from releasd.model import BuildSpec, ContainerSpec

DIGEST = f"sha256:{'a' * 64}"
FULL = """\
[[builds]]
name = "wheel"
run = "make"
[builds.container]
image = "registry.example.org:5000/team/manylinux-rust:1"
pull = "always"
network = "default"
memory = "2g"
cpus = 1.5
pids = 200
env = { A = "b" }
"""


def build_with(container: str) -> BuildSpec:
    """Return the one build of a configuration whose `container` is this."""
    return load({".releasd.toml": f'[[builds]]\nname = "w"\nrun = "x"\ncontainer = {container}\n'}).builds[0]


def test_every_key_of_a_container_is_understood() -> None:
    """All that the table can say arrives, sizes in bytes."""
    (build,) = load({".releasd.toml": FULL}).builds
    assert build.container == ContainerSpec(
        image="registry.example.org:5000/team/manylinux-rust:1",
        pull="always",
        network="default",
        memory=2 << 30,
        cpus=1.5,
        pids=200,
        env={"A": "b"},
    )


def test_a_name_alone_is_a_container_without_network() -> None:
    """The short form has every default; a build's container sees no network unless it says so."""
    assert build_with('"img"').container == ContainerSpec(image="img")
    assert build_with('{ image = "img" }').container == ContainerSpec(image="img", network="none")


def test_a_recipes_container_has_a_network() -> None:
    """A recipe downloads what the lock file names, so that the project's own `container` has a network by default."""
    assert load({".releasd.toml": 'container = "img"'}).container == ContainerSpec(image="img", network="default")
    given = load({".releasd.toml": 'container = { image = "img", network = "none" }'}).container
    assert given == ContainerSpec(image="img", network="none")


@pytest.mark.parametrize(
    ("container", "key"),
    [
        ('"-v/:/host"', "container: an image's name"),
        ('"a b"', "container: an image's name"),
        ("5", "container: a table"),
        ("{}", "container.image: is missing"),
        ('{ image = "--privileged" }', "container.image: an image's name"),
        (f'{{ image = "img@{DIGEST[:-1]}" }}', "container.image: an image's name"),
        ('{ image = "img", pull = "sometimes" }', "container.pull: missing or always or never"),
        ('{ image = "img", network = "host" }', "container.network: none or default"),
        ('{ image = "img", memory = "lots" }', "container.memory: a size"),
        ('{ image = "img", memory = "1k" }', "container.memory: a size"),
        ('{ image = "img", cpus = 0 }', "container.cpus: a number"),
        ('{ image = "img", cpus = nan }', "container.cpus: a number"),
        ('{ image = "img", pids = true }', "container.pids: a whole number"),
        ('{ image = "img", env = { RELEASD_OUT = "/" } }', "container.env: a table of texts"),
        ('{ image = "img", privileged = true }', "container.privileged: is not known"),
    ],
)
def test_a_mistake_in_a_container_is_named(container: str, key: str) -> None:
    """Nothing that is no image, and no right that is not offered, gets through."""
    with pytest.raises(ConfigError) as caught:
        build_with(container)
    assert any(f".releasd.toml: builds[0].{key}" in problem for problem in caught.value.problems), caught.value.problems


@pytest.mark.parametrize(
    ("written", "count"), [("512m", 512 << 20), ("4G", 4 << 30), (8 << 20, 8 << 20), ("4x", None), (5, None)]
)
def test_memory_is_read_in_bytes(written: object, count: int | None) -> None:
    """k, m and g are powers of 1024; less than an engine takes is a mistake."""
    assert memory(written) == count


def test_only_a_digest_is_exact() -> None:
    """A tag can be moved, whatever it looks like; a digest and an image's id cannot."""
    exact = {
        name: is_exact(name) for name in (f"img@{DIGEST}", f"r.org/img:1@{DIGEST}", DIGEST, "img:1", "sha256", "i")
    }
    assert [name for name, is_it in exact.items() if is_it] == [f"img@{DIGEST}", f"r.org/img:1@{DIGEST}", DIGEST]


def builds(*images: str) -> tuple[BuildSpec, ...]:
    """Return builds in containers of these images, and one without."""
    made = (BuildSpec(name=f"b{at}", run="x", container=ContainerSpec(image=image)) for at, image in enumerate(images))
    return (*made, BuildSpec(name="bare", run="x"))


def test_a_policy_names_every_image_that_it_does_not_allow() -> None:
    """All objections come at once; what is allowed, and a build without a container, is not among them."""
    policy = ImagePolicy(require_digest=True, allowed=("r.org/*", "sha256:*"))
    with pytest.raises(ConfigError) as caught:
        check_images(builds(f"r.org/a/b@{DIGEST}", "r.org/a:1", f"else.org/a@{DIGEST}", DIGEST), policy)
    told = caught.value.problems
    assert len(told) == 2
    assert told[0] == "builds: b1: r.org/a:1 names no digest; write name@sha256:…"
    assert told[1].endswith("matches none of r.org/*, sha256:*")


def test_without_a_policy_every_image_is_allowed() -> None:
    """The operator has to ask for a restriction."""
    check_images(builds("a", f"b@{DIGEST}"), ImagePolicy())


def test_the_recipe_of_a_maturin_project_moves_into_its_container() -> None:
    """Wheel and sdist are made by the same commands, in the image, on a host for Linux."""
    plain = default_builds({"pyproject.toml": '[build-system]\nbuild-backend = "maturin"\n', "Cargo.lock": ""})
    box = ContainerSpec(image="manylinux-rust")
    moved = in_container(plain, box)
    assert [(build.run, build.tools) for build in moved] == [(build.run, build.tools) for build in plain]
    assert all((build.container, build.labels, build.host_tools) == (box, ("linux",), ()) for build in moved)
    assert in_container(plain, None) == plain


def test_builds_for_other_systems_and_with_their_own_container_stay_where_they_are() -> None:
    """What is labelled for macOS, Windows or zig, or says what it runs in, is left alone."""
    own = ContainerSpec(image="own")
    given = (
        *(BuildSpec(name=label, run="x", labels=(label,)) for label in ("macos", "zig")),
        BuildSpec(name="o", run="x", container=own),
    )
    assert in_container(given, ContainerSpec(image="img")) == given
