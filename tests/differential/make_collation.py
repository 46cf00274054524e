"""Writes `collation.bin` and `ideographs.bin`: the weights that ICU gives to every character, by its own functions.

Not run by the tests, which compare the outcome with Node. To be run after a new ICU: install the package `icukit-pyicu`
(PyICU with ICU in it) into an environment of its own, and run this with its Python and the name of the folder
`src/releasd/core/semrel`.

ICU's data is under the Unicode License v3 (Copyright © Unicode, Inc.).
"""

import ctypes
import sys
import unicodedata
import zlib
from array import array
from itertools import pairwise
from pathlib import Path

import icu
import icukit_pyicu

Element = tuple[int, int, int]
NONCHARACTERS = ("\ufdd0", "\ufdd1")


def contractions() -> list[str]:
    """Return the sequences that have weights of their own, by ICU's C function, which PyICU lacks."""
    libraries = Path(icukit_pyicu.__file__).parent / "lib"
    major = icu.ICU_VERSION.split(".")[0]
    for name in ("icudata", "icuuc"):
        ctypes.CDLL(libraries / f"lib{name}.so.{major}", mode=ctypes.RTLD_GLOBAL)
    lib = ctypes.CDLL(libraries / f"libicui18n.so.{major}", mode=ctypes.RTLD_GLOBAL)
    unicode = ctypes.CDLL(libraries / f"libicuuc.so.{major}")

    def call(of: ctypes.CDLL, name: str, *args: object, gives: type | None = ctypes.c_void_p) -> object:
        function = getattr(of, f"{name}_{major}")
        function.restype = gives
        return function(*args)

    error = ctypes.c_int(0)
    collator = ctypes.c_void_p(call(lib, "ucol_open", b"root", ctypes.byref(error)))
    found, unused = (ctypes.c_void_p(call(unicode, "uset_openEmpty")) for _ in range(2))
    get = "ucol_getContractionsAndExpansions"
    call(lib, get, collator, found, unused, ctypes.c_byte(1), ctypes.byref(error), gives=None)
    texts = []
    for item in range(call(unicode, "uset_getItemCount", found, gives=ctypes.c_int)):
        first, last, buffer = ctypes.c_int(), ctypes.c_int(), (ctypes.c_uint16 * 64)()
        places = ctypes.byref(first), ctypes.byref(last), buffer, 64, ctypes.byref(error)
        size = call(unicode, "uset_getItem", found, item, *places, gives=ctypes.c_int)
        texts.append(bytes(buffer)[: 2 * size].decode("utf-16-le"))
    return [text for text in texts if len(text) > 1 and not text.startswith(NONCHARACTERS)]


def elements(text: str, collator: icu.RuleBasedCollator) -> tuple[Element, ...]:
    """Return the collation elements: ICU hands long ones over in two parts, the second with two bits set."""
    found: list[Element] = []
    for part in collator.createCollationElementIterator(text):
        order = part & 0xFFFFFFFF
        if order & 0xC0 == 0xC0:
            first, second, third = found[-1]
            found[-1] = (first | order >> 16, second | (order >> 8) & 0xFF, third | order & 0x3F)
        else:
            found.append((order & 0xFFFF0000, (order >> 8 & 0xFF) << 8, (order & 0x3F) << 8))
    return tuple(found)


def delta(values: list[int]) -> list[int]:
    """Return the differences from each value to the next, which take less room."""
    return [after - before for before, after in pairwise([0, *values])]


def levels(weights: list[Element]) -> list[list[int]]:
    """Return the levels as three lists."""
    first, second, third = ([weight[level] for weight in weights] for level in range(3))
    return [delta(first), second, third]


def main(folder: Path) -> None:
    """Write both files."""
    collator = icu.Collator.createInstance(icu.Locale("root"))
    collator.setAttribute(icu.UCollAttribute.NORMALIZATION_MODE, icu.UCollAttributeValue.ON)
    entries: dict[str, tuple[Element, ...]] = {}
    ideographs = []
    for code in [*range(0xAC00), *range(0xD7A4, 0xD800), *range(0xE000, 0x110000)]:
        char = chr(code)
        if icu.Char.charType(code) in (0, 17) and code not in (0xFFFE, 0xFFFF):  # unassigned, private use
            continue
        if unicodedata.normalize("NFD", char) != char:
            continue
        if icu.Char.hasBinaryProperty(code, icu.UProperty.UNIFIED_IDEOGRAPH):
            ideographs.append((elements(char, collator), char))
        else:
            entries[char] = elements(char, collator)
    ideographs.sort()
    entries |= {text: elements(text, collator) for text in contractions()}

    used = [sorted({weight[level] for of in entries.values() for weight in of} - {0}) for level in range(3)]
    firsts = [of[0][0] for of, _ in ideographs]
    used[0] = sorted({*used[0], *firsts})  # radicals weigh what their ideographs weigh
    at = 1 + used[0].index(firsts[0])
    if used[0][at - 1 : at - 1 + len(firsts)] != firsts:
        raise SystemExit("something sorts among the ideographs: the table needs another form")
    ranks = [{weight: rank for rank, weight in enumerate(of, 1)} for of in used]
    # 5 is the rank of "no accent" and "small letter" that releasd's code writes for what has no entry
    common = [0x0500, 0x0500]
    shift = [5 - ranks[level][weight] for level, weight in zip((1, 2), common, strict=True)]
    if min(shift) < 0:
        raise SystemExit("weights below the common one: choose a higher _COMMON")
    weighed = {
        text: [
            (
                ranks[0].get(first, 0),
                ranks[1][second] + shift[0] if second else 0,
                ranks[2][third] + shift[1] if third else 0,
            )
            for first, second, third in of
        ]
        for text, of in entries.items()
    }
    ordered = sorted(weighed, key=lambda text: (weighed[text], text))
    single = [text for text in ordered if len(text) == 1 == len(weighed[text]) and all(weighed[text][0])]
    alone = frozenset(single)
    others = [text for text in ordered if text not in alone]
    columns = [
        [at],
        delta([ord(text) for text in single]),
        *levels([weighed[text][0] for text in single]),
        [len(text) for text in others],
        delta([ord(char) for text in others for char in text]),
        [len(weighed[text]) for text in others],
        *levels([weight for text in others for weight in weighed[text]]),
    ]
    write(folder / "collation.bin", columns)
    write(folder / "ideographs.bin", [delta([ord(char) for _, char in ideographs])])
    sys.stdout.write(f"{len(entries)} entries, {len(ideographs)} ideographs, ICU {icu.ICU_VERSION}\n")


def write(path: Path, columns: list[list[int]]) -> None:
    """Write lists of numbers, each its length and its numbers in four bytes, packed."""
    data = b"".join(len(column).to_bytes(4, "little") + array("i", column).tobytes() for column in columns)
    path.write_bytes(zlib.compress(data, 9))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
