"""An image that holds a toolchain for maturin, made of the host's own programs and of nothing else."""

import os
import subprocess
import sys
import tarfile
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from support.containers import Engine, busybox, shared_libraries, tar_of
from support.tools import require_tool

IMAGE = "localhost/releasd-test:rust"
# What gcc starts to link, and what it links: the first objects, and the libraries that Rust's own ask for.
_STARTED = ("collect2", "lto-wrapper", "liblto_plugin.so")
_LIBRARIES = ("c", "m", "dl", "rt", "pthread", "util", "gcc_s")
_LINKED = (
    *("crt1.o", "Scrt1.o", "crti.o", "crtn.o", "crtbegin.o", "crtbeginS.o", "crtend.o", "crtendS.o"),
    *("libc_nonshared.a", "libmvec.so.1", "libgcc.a", "libgcc_eh.a", "libgcc_s.so.1"),
    *(f"lib{name}.{ending}" for name in _LIBRARIES for ending in ("so", "a", "so.6")),
)


def add_rust_image(engine: Engine) -> None:
    """Make the image: maturin, cargo, rustc and what they link with, at their places on the host, and links in /bin.

    There is no Python in it, and none of a registry's crates.
    """
    maturin = Path(sys.executable).with_name("maturin")
    own = {f"bin/{path.name}": str(path) for path in (maturin, *rust())}
    write_image(engine, IMAGE, {maturin, *toolchain()}, {**own, **linkers()})


def rust() -> tuple[Path, Path]:
    """Return the real cargo and rustc, whatever chooses them here."""
    sysroot = Path(_said("rustc", "--print", "sysroot")).resolve()
    return sysroot / "bin/cargo", sysroot / "bin/rustc"


def linkers() -> dict[str, str]:
    """Return the links to what rustc links with."""
    return {
        f"bin/{name}": str(Path(require_tool(program)).resolve()) for name, program in (("cc", "gcc"), ("ld", "ld"))
    }


def toolchain() -> set[Path]:
    """Return the files of Rust and of the linker."""
    started = [*rust(), *map(Path, linkers().values()), *_of_gcc(_STARTED)]
    library = rust()[0].parent.parent / "lib/rustlib"
    return {*started, *shared_libraries(started), *_of_gcc(_LINKED), *_library(library)}


def write_image(engine: Engine, name: str, files: Iterable[Path], links: Mapping[str, str], *options: str) -> None:
    """Make an image of busybox, files at their places on the host, and links; `options` are of the engine's import."""
    usual = {name: str(Path("/", name).readlink()) for name in ("lib", "lib64") if Path("/", name).is_symlink()}
    archive = engine.folder / "image.tar"
    archive.write_bytes(tar_of({**busybox(), **usual, **links}))
    with tarfile.open(archive, "a") as tar:
        for path in {path.parent.resolve() / path.name for path in files}:
            tar.add(path.resolve(), str(path).lstrip("/"))
    engine.ask("import", *options, str(archive), name)
    archive.unlink()


def _library(folder: Path) -> Iterator[Path]:
    """Yield Rust's own library, for this machine and whatever else is there, and the linker beside it."""
    for part in ("lib", "bin"):
        for path in folder.glob(f"*/{part}/**/*"):
            if path.is_file():
                yield path


def _of_gcc(names: Iterable[str]) -> Iterator[Path]:
    """Yield where gcc has those files that it has."""
    for name in names:
        found = Path(os.path.normpath(_said("gcc", f"-print-file-name={name}")))
        if found.is_absolute():
            yield found


def _said(program: str, *words: str) -> str:
    done = subprocess.run((require_tool(program), *words), capture_output=True, text=True, timeout=60, check=True)
    return done.stdout.strip()
