"""Reads what auditwheel and abi3audit found in a wheel, against what its name promises.

The two look at the symbols that binaries really want; a wheel's name only says what its builder thought. Both reports
are those programs' JSON, written by versions that this project pins.
"""

import json
from collections.abc import Iterator, Mapping
from typing import Any

from releasd.core.judging.names import libc_of, platforms
from releasd.core.judging.verdict import Problem

_SHOWN = 4  # symbols in a message
_REBUILD = "build in a manylinux image of that age, with maturin --zig, or run auditwheel repair"


def platform_tag(filename: str, report: bytes | None) -> tuple[Problem, ...]:
    """Return what auditwheel's report says against a wheel's platform tags; None is a report that was not written."""
    found = _document(report)
    promised = sorted(libc for tag in platforms(filename) if (libc := libc_of(tag)))
    if not promised:
        return ()
    if found is None or "overall_tag" not in found:
        why = str(found.get("error", "")) if found else ""
        return (_unaudited(filename, "auditwheel", why),)
    family, major, minor = promised[0]
    actual = libc_of(str(found["overall_tag"]))
    if actual is not None and actual[0] == family and actual[1:] <= (major, minor):
        return ()
    what = f"{filename}: its name promises {family}_{major}_{minor}, auditwheel finds {found['overall_tag']}"
    return (Problem(": ".join((what, *_reasons(found, (major, minor)))), _REBUILD),)


def stable_abi(filename: str, report: bytes | None) -> tuple[Problem, ...]:
    """Return what abi3audit's report says against a wheel that promises the stable ABI."""
    found = _document(report)
    if found is None:
        return (_unaudited(filename, "abi3audit", ""),)
    return tuple(Problem(f"{filename}: {what}", fix) for each in _objects(found) for what, fix in _abi(each))


def _document(report: bytes | None) -> Mapping[str, Any] | None:
    try:
        found = json.loads(report or b"")
    except ValueError:
        return None
    return found if isinstance(found, dict) else None


def _unaudited(filename: str, program: str, why: str) -> Problem:
    text = f"{filename}: {program} could not look into it" + (f": {why}" if why else "")
    return Problem(text, "its output is in the log of this step")


def _reasons(found: Mapping[str, Any], promised: tuple[int, int]) -> Iterator[str]:
    symbols = [
        f"{library} {symbol}"
        for library, versions in found.get("versioned_symbols", {}).items()
        for symbol in versions
        if _is_newer(symbol, promised)
    ]
    if symbols:
        yield f"it wants {', '.join(symbols[:_SHOWN])}"
    libraries = sorted(found.get("external_libs", {}))
    if libraries and not symbols:
        yield f"it wants libraries from outside: {', '.join(libraries[:_SHOWN])}"
    if found.get("unsupported_isa"):
        yield "it wants a newer processor than the tag allows"


def _is_newer(symbol: str, promised: tuple[int, int]) -> bool:
    name, _, version = symbol.partition("_")
    numbers = tuple(int(part) for part in version.split(".") if part.isdecimal())
    return name == "GLIBC" and numbers > promised


def _objects(found: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    for spec in found.get("specs", {}).values():
        for each in spec.get("wheel", ()):
            yield {"name": each["name"], **each["result"]}


def _abi(found: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    name = found["name"]
    if symbols := found.get("non_abi3_symbols"):
        more = ", ".join(sorted(symbols)[:_SHOWN])
        yield f"{name} is tagged abi3 and uses what is outside the stable ABI: {more}", "build with Py_LIMITED_API set"
    if not found.get("is_abi3_baseline_compatible", True):
        yield (
            f"{name} is tagged for Python {found['baseline']} and wants {found['computed']}",
            "raise the wheel's tag (pyo3: the abi3-py3X feature), or call what the older version has",
        )
