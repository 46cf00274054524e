"""What auditwheel and abi3audit say, held against a wheel's name; and what macOS binaries say of themselves."""

import json
import struct
import zipfile
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from releasd.core.judging import machos
from releasd.core.judging.audits import platform_tag, stable_abi
from releasd.core.judging.names import libc_of, macos_of
from support.dist import wheel, wheel_name

LINUX = wheel_name("cp39-abi3-manylinux_2_17_x86_64.manylinux2014_x86_64")


def report(tag: str, **more: Any) -> bytes:
    """Return a report of auditwheel's."""
    return json.dumps({"version": 1, "overall_tag": tag, "versioned_symbols": {}, "external_libs": {}} | more).encode()


@pytest.mark.parametrize("tag", ["manylinux_2_17_x86_64", "manylinux_2_5_x86_64", "manylinux_2_12_x86_64"])
def test_a_tag_that_promises_no_more_than_there_is(tag: str) -> None:
    """Content with an older C library than promised is fine."""
    assert platform_tag(LINUX, report(tag)) == ()


def test_a_tag_that_promises_too_much() -> None:
    """The symbols that give it away are named, those within the promise are not."""
    symbols = {"libc.so.6": ["GLIBC_2.2.5", "GLIBC_2.34"], "libm.so.6": ["GLIBC_2.29"]}
    (problem,) = platform_tag(LINUX, report("manylinux_2_34_x86_64", versioned_symbols=symbols))
    assert problem.what == (
        f"{LINUX}: its name promises manylinux_2_17, auditwheel finds manylinux_2_34_x86_64: "
        "it wants libc.so.6 GLIBC_2.34, libm.so.6 GLIBC_2.29"
    )
    assert "auditwheel repair" in problem.fix


def test_libraries_from_outside() -> None:
    """A library that is not in every Linux has to travel in the wheel."""
    (problem,) = platform_tag(LINUX, report("linux_x86_64", external_libs={"libfoo.so.1": "/usr/lib/libfoo.so.1"}))
    assert "it wants libraries from outside: libfoo.so.1" in problem.what


def test_instructions_of_a_newer_processor() -> None:
    """A wheel built for x86-64-v3 crashes on older machines, whatever its C library."""
    (problem,) = platform_tag(LINUX, report("linux_x86_64", unsupported_isa=True))
    assert "newer processor" in problem.what


def test_musl_and_glibc_are_not_exchanged() -> None:
    """A wheel built against glibc is no musllinux wheel."""
    name = wheel_name("cp311-cp311-musllinux_1_2_x86_64")
    assert platform_tag(name, report("musllinux_1_1_x86_64")) == ()
    assert platform_tag(name, report("manylinux_2_17_x86_64")) != ()


def test_platforms_that_promise_no_library() -> None:
    """Plain linux, macOS and pure wheels promise nothing that auditwheel could tell."""
    for tag in ("cp311-cp311-linux_x86_64", "py3-none-any", "cp311-cp311-macosx_11_0_arm64"):
        assert platform_tag(wheel_name(tag), report("linux_x86_64")) == ()


@pytest.mark.parametrize("said", [None, b"", b"[]", b"not json", b"{}", b'{"error": "no ELF"}'])
def test_no_report_is_no_pass(said: bytes | None) -> None:
    """A program that crashed has not said that the wheel is good."""
    (problem,) = platform_tag(LINUX, said)
    assert "auditwheel could not look into it" in problem.what


def abi(**result: Any) -> bytes:
    """Return a report of abi3audit's about one extension module."""
    good = {"is_abi3": True, "is_abi3_baseline_compatible": True, "baseline": "3.9", "computed": "3.9"}
    entry = {"name": "x.abi3.so", "result": good | {"non_abi3_symbols": []} | result}
    return json.dumps({"specs": {"x.whl": {"kind": "wheel", "wheel": [entry]}}}).encode()


def test_the_stable_abi_is_kept() -> None:
    """Symbols of the stable ABI alone, all as old as the tag says."""
    assert stable_abi(LINUX, abi()) == ()


def test_symbols_outside_of_the_stable_abi() -> None:
    """They may be gone in the next Python: the symbols and their module are named."""
    (problem,) = stable_abi(LINUX, abi(is_abi3=False, non_abi3_symbols=["_PyErr_Nonsense"]))
    assert "x.abi3.so is tagged abi3 and uses what is outside the stable ABI: _PyErr_Nonsense" in problem.what


def test_a_stable_abi_younger_than_the_tag() -> None:
    """A cp39 wheel that calls what came with 3.11 fails to import on 3.9."""
    (problem,) = stable_abi(LINUX, abi(is_abi3_baseline_compatible=False, computed="3.11"))
    assert "is tagged for Python 3.9 and wants 3.11" in problem.what


def test_an_abi_report_that_was_not_written() -> None:
    """A program that crashed has not said that the wheel is good; a wheel without extension modules is."""
    assert "abi3audit could not look into it" in stable_abi(LINUX, None)[0].what
    assert stable_abi(LINUX, b'{"specs": {}}') == ()


@pytest.mark.parametrize(
    ("platform", "libc"),
    [
        ("manylinux1_i686", ("manylinux", 2, 5)),
        ("manylinux2014_aarch64", ("manylinux", 2, 17)),
        ("manylinux_2_28_x86_64", ("manylinux", 2, 28)),
        ("musllinux_1_2_x86_64", ("musllinux", 1, 2)),
        ("linux_x86_64", None),
        ("any", None),
    ],
)
def test_what_a_platform_promises(platform: str, libc: tuple[str, int, int] | None) -> None:
    """PEP 600's names and the years before it are one scale."""
    assert libc_of(platform) == libc
    assert macos_of("macosx_10_12_x86_64") == (10, 12)


def macho(*versions: tuple[int, int], command: int = 0x32) -> bytes:
    """Return a 64-bit Mach-O header with a version command for each of these."""
    commands = b""
    for major, minor in versions:
        word = major << 16 | minor << 8
        body = (1, word, 0, 0) if command == 0x32 else (word, 0)
        commands += struct.pack(f"<{2 + len(body)}I", command, 8 + 4 * len(body), *body)
    return struct.pack("<8I", 0xFEEDFACF, 0x0100000C, 0, 6, len(versions), len(commands), 0, 0) + commands


def fat(*images: bytes) -> bytes:
    """Return a universal binary of these images."""
    offset, head, body = 4096, struct.pack(">2I", 0xCAFEBABE, len(images)), b""
    for image in images:
        head += struct.pack(">5I", 0, 0, offset + len(body), len(image), 12)
        body += image
    return head.ljust(offset, b"\0") + body


def wants(tag: str, binary: bytes) -> str:
    """Return the problems of a wheel with this binary."""
    name = wheel_name(f"cp311-cp311-{tag}")
    with zipfile.ZipFile(wheel({"x.so": binary})) as archive:
        return "; ".join(str(problem) for problem in machos.judge(name, archive))


@pytest.mark.parametrize("command", [0x32, 0x24])
def test_a_newer_macos_than_promised(command: int) -> None:
    """The loader refuses such a library on the system that the name promises."""
    assert wants("macosx_10_12_x86_64", macho((10, 12), command=command)) == ""
    found = wants("macosx_10_12_x86_64", macho((13, 0), command=command))
    assert "x.so wants macOS 13.0, the wheel's name promises 10.12" in found
    assert 'MACOSX_DEPLOYMENT_TARGET = "10.12"' in found


def test_arm_begins_with_macos_11() -> None:
    """No Mac with Apple's processor ran an older system, so 11.0 is no lie there."""
    assert wants("macosx_10_12_arm64", macho((11, 0))) == ""
    assert wants("macosx_11_0_arm64", macho((12, 3))) != ""


def test_each_half_of_a_universal_binary_is_read() -> None:
    """The younger half decides."""
    assert wants("macosx_11_0_universal2", fat(macho((11, 0)), macho((11, 0)))) == ""
    assert "wants macOS 14.0" in wants("macosx_11_0_universal2", fat(macho((11, 0)), macho((14, 0))))


def test_other_files_are_not_taken_for_programs() -> None:
    """Java classes begin as universal binaries do; texts begin with anything."""
    assert wants("macosx_11_0_arm64", b"\xca\xfe\xba\xbe\0\0\0\x41" + bytes(100)) == ""
    assert wants("macosx_11_0_arm64", b"\xcf\xfa") == ""


@given(st.binary(max_size=200), st.sampled_from([b"", b"\xcf\xfa\xed\xfe", b"\xca\xfe\xba\xbe\0\0\0\2"]))
def test_damaged_binaries_never_crash(data: bytes, mark: bytes) -> None:
    """A cut-off or hostile header is read as far as it goes."""
    assert isinstance(wants("macosx_11_0_arm64", mark + data), str)
    assert isinstance(list(machos.minimums(mark + data)), list)
    assert isinstance(platform_tag(LINUX, data), tuple)
