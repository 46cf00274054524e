"""What a wheel's file name promises: platforms, the stable ABI, and which hosts can run it, by their labels."""

import re

from packaging.tags import Tag
from packaging.utils import parse_wheel_filename

_LEGACY = {"manylinux1": (2, 5), "manylinux2010": (2, 12), "manylinux2014": (2, 17)}  # PEP 600
_LIBC = re.compile(r"(?P<family>manylinux|musllinux)_(?P<major>\d+)_(?P<minor>\d+)_(?P<arch>\w+)")
_LINUX = re.compile(r"linux_(?P<arch>\w+)")
_GLIBC = re.compile(r"glibc(?P<major>\d+)\.(?P<minor>\d+)")  # a host's label
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


def runs_on(filename: str, labels: frozenset[str]) -> bool:
    """Return whether a host with these labels can run the wheel: it promises several platforms, and one is enough.

    A host that does not say which C library it has is taken to have the usual one, new enough.
    """
    return any(_runs_on(platform, labels) for platform in platforms(filename))


def _runs_on(platform: str, labels: frozenset[str]) -> bool:
    if platform == "any":
        return True
    if (match := _MACOS.fullmatch(platform)) is not None:
        return {"macos", match["arch"]} - {"universal2"} <= labels
    match = _LIBC.fullmatch(platform) or _LEGACY_TAG.fullmatch(platform) or _LINUX.fullmatch(platform)
    if match is None:
        return False  # Windows, Android and the like: no host runs them
    return {"linux", match["arch"]} <= labels and _has_libc(libc_of(platform), labels)


def _has_libc(promised: tuple[str, int, int] | None, labels: frozenset[str]) -> bool:
    if promised is None:
        return True
    if promised[0] == "musllinux":
        return "musl" in labels
    known = (match for label in labels if (match := _GLIBC.fullmatch(label)))
    return "musl" not in labels and all((int(each["major"]), int(each["minor"])) >= promised[1:] for each in known)


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
