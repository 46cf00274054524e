"""Programs and libraries for macOS in a wheel: the oldest system that each says it runs on, against the tag.

Only the headers are read (`LC_BUILD_VERSION` and `LC_VERSION_MIN_MACOSX` of <mach-o/loader.h>): which libraries outside
of the wheel they want is for `delocate` on a Mac, and for the trial installation there.
"""

import struct
import zipfile
from collections.abc import Iterator

from releasd.core.judging.names import macos_of, platforms
from releasd.core.judging.verdict import Problem

_HEAD = 64 << 10  # bytes that are read of a file; load commands stand at its beginning
_MAGICS = {b"\xcf\xfa\xed\xfe": 32, b"\xce\xfa\xed\xfe": 28}  # little-endian Mach-O, and its header's size
_FAT = b"\xca\xfe\xba\xbe"
_FAT_MANY = 16  # architectures; a Java class begins with the same bytes and has a larger number here
_MIN_VERSION, _BUILD_VERSION = 0x24, 0x32
_COMMAND = struct.Struct("<2I")
_ARM_BEGINS = (11, 0)  # arm64 never ran an older system, and linkers write that whatever was asked for


def judge(filename: str, wheel: zipfile.ZipFile) -> Iterator[Problem]:
    """Yield the binaries that want a newer macOS than the wheel's name promises."""
    promised = [version for tag in platforms(filename) if (version := macos_of(tag))]
    if not promised:
        return
    oldest = min(promised)
    for info in wheel.infolist():
        wanted = max(_versions(wheel, info), default=None)
        if wanted is not None and wanted > max(oldest, _ARM_BEGINS if _is_arm(filename) else oldest):
            text = ".".join(map(str, wanted))
            yield Problem(
                f"{info.filename} wants macOS {text}, the wheel's name promises {'.'.join(map(str, oldest))}",
                f'build with env = {{ MACOSX_DEPLOYMENT_TARGET = "{".".join(map(str, oldest))}" }}',
            )


def _is_arm(filename: str) -> bool:
    return all(tag.endswith("_arm64") for tag in platforms(filename))


def _versions(wheel: zipfile.ZipFile, info: zipfile.ZipInfo) -> Iterator[tuple[int, int]]:
    with wheel.open(info) as member:
        head = member.read(4)
        if head in _MAGICS:
            yield from minimums(head + member.read(_HEAD))
        elif head == _FAT:
            count = int.from_bytes(member.read(4), "big")
            slices = [struct.unpack(">5I", part) for part in _parts(member.read(20 * min(count, _FAT_MANY)))]
            for _, _, offset, _, _ in slices if count <= _FAT_MANY else []:
                member.seek(offset)
                yield from minimums(member.read(_HEAD))


def _parts(data: bytes) -> Iterator[bytes]:
    return (data[at : at + 20] for at in range(0, len(data) - 19, 20))


def minimums(image: bytes) -> Iterator[tuple[int, int]]:
    """Yield the oldest macOS, (major, minor), that each version command at the beginning of an image names."""
    at = _MAGICS.get(image[:4], len(image))
    for _ in range(int.from_bytes(image[16:20], "little")):
        if at + 16 > len(image):
            return
        command, size = _COMMAND.unpack_from(image, at)
        if command in {_MIN_VERSION, _BUILD_VERSION}:
            place = at + (8 if command == _MIN_VERSION else 12)
            word = int.from_bytes(image[place : place + 4], "little")
            yield word >> 16, word >> 8 & 0xFF
        if size < _COMMAND.size:
            return
        at += size
