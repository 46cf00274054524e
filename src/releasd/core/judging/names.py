"""What a wheel's file name promises: platforms, the interpreter, the labels of a host that can run it."""

import re

from packaging.tags import Tag
from packaging.utils import parse_wheel_filename

_LEGACY = {"manylinux1": (2, 5), "manylinux2010": (2, 12), "manylinux2014": (2, 17)}  # PEP 600
_LIBC = re.compile(r"(?P<family>manylinux|musllinux)_(?P<major>\d+)_(?P<minor>\d+)_(?P<arch>\w+)")
_LEGACY_TAG = re.compile(rf"(?P<name>{'|'.join(_LEGACY)})_(?P<arch>\w+)")
_MACOS = re.compile(r"macosx_(?P<major>\d+)_(?P<minor>\d+)_(?P<arch>\w+)")


def tags_of(filename: str) -> frozenset[Tag]:
    """Return a wheel's tags. Raises `InvalidWheelFilename`."""
    return parse_wheel_filename(filename)[3]


def platforms(filename: str) -> frozenset[str]:
    """Return a wheel's platform tags, such as `any` or `manylinux_2_17_x86_64`."""
    return frozenset(tag.platform for tag in tags_of(filename))


def is_abi3(filename: str) -> bool:
    """Return whether the wheel promises the stable ABI."""
    return any(tag.abi == "abi3" for tag in tags_of(filename))


def interpreter_for(filename: str) -> str | None:
    """Return the one Python, such as `3.12`, that a wheel is for; None when any new enough one does."""
    tags = tags_of(filename)
    if any(tag.abi in {"none", "abi3"} for tag in tags):
        return None
    found = (re.fullmatch(r"cp(\d)(\d+)", tag.interpreter) for tag in sorted(tags, key=str))
    return next((f"{match[1]}.{match[2]}" for match in found if match), None)


def labels_for(filename: str) -> frozenset[str]:
    """Return the labels that a host needs to run this wheel: none for a pure one."""
    wanted: set[str] = set()
    for platform in platforms(filename):
        if "linux" in platform:
            wanted.add("linux")
        if platform.startswith("macosx"):
            wanted.add("macos")
        wanted.update(arch for arch in ("x86_64", "arm64", "aarch64") if platform.endswith(arch))
    return frozenset(wanted)


def libc_of(platform: str) -> tuple[str, int, int] | None:
    """Return the C library that a Linux platform tag promises to be content with, as (family, major, minor)."""
    if (match := _LEGACY_TAG.fullmatch(platform)) is not None:
        return ("manylinux", *_LEGACY[match["name"]])
    match = _LIBC.fullmatch(platform)
    return None if match is None else (match["family"], int(match["major"]), int(match["minor"]))


def macos_of(platform: str) -> tuple[int, int] | None:
    """Return the oldest macOS that a platform tag promises to run on."""
    match = _MACOS.fullmatch(platform)
    return None if match is None else (int(match["major"]), int(match["minor"]))
