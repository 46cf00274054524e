"""The commands of `@semantic-release/exec` that releasd has a part of its own for.

Nothing is run to find out. A command line is taken apart as a shell would take it apart; where every part is one of the
idioms below, the command's work is done by releasd: a version file is edited, a lock file follows, a build is built. A
part that is none of them is named, and the whole command is kept as it is.
"""

import re
import shlex
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from posixpath import basename, join, normpath

from releasd.core.semrelconfig.template import Template

_OPEN, _SHUT = "\ue000", "\ue001"  # around a value's name, in a command line that is taken apart
VERSION = f"{_OPEN}version{_SHUT}"

_SEPARATORS = frozenset({"&&", ";"})
_OPERATORS = re.compile(r"[();<>|&]+")
_MANIFESTS = ("pyproject.toml", "Cargo.toml", "package.json", "setup.cfg")
_META = re.compile(r"[\\^$.*+?()\[\]{}|/]")
_SUBSTITUTION = re.compile(r"s(?P<mark>[/|#,~@!%:])")
_BACK_REFERENCE = re.compile(r"(?<!\\)(?:&|\\[0-9]|\$[0-9&{])")
_SED_FLAGS = frozenset({"-E", "-r", "-e", "--regexp-extended", "-i", "--in-place", "-i.bak", "-i''", ""})
_PERL_FLAGS = frozenset({"-i", "-p", "-e", "-pe", "-pi", "-pie", "-ipe", "-i.bak", "-0pe", "-0pi"})

# What releasd does by itself, by the first words of a command.
_DONE = (
    *("uv lock", "uv sync", "poetry lock", "pdm lock", "cargo update", "cargo generate-lockfile", "cargo check"),
    *("npm install --package-lock-only", "npm i --package-lock-only", "git add", "rm -rf", "rm -f", "rm -r"),
    *("mkdir -p", "echo", "true", "set -e", "set -ex", "set -euo"),
)
_BUILDS = (
    *("uv build", "python -m build", "python3 -m build", "uv run python -m build", "poetry build", "hatch build"),
    *("maturin build", "maturin sdist", "flit build", "pdm build", "python setup.py", "python3 setup.py"),
)
_UPLOADS = (
    *("uv publish", "twine upload", "python -m twine upload", "poetry publish", "maturin publish"),
    *("maturin upload", "hatch publish", "flit publish", "pdm publish", "uv run twine upload"),
)
# A tool that sets the version, by the words before it → the file.
_SETTERS = {
    "cargo set-version": "Cargo.toml",
    "poetry version": "pyproject.toml",
    "uv version": "pyproject.toml",
    "hatch version": "pyproject.toml",
    "npm version": "package.json",
    "yarn version --new-version": "package.json",
    "pnpm version": "package.json",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Understood:
    """What a command comes to: `files` in the form of `version_files`; `done` is what releasd does in its place.

    `rest` are the parts that are none of the idioms; only without any is the command understood.
    """

    files: tuple[str, ...] = ()
    done: tuple[str, ...] = ()
    rest: tuple[str, ...] = ()


def understand(command: Template, folder: str = "") -> Understood:
    """Return what a command line, started in `folder` of the repository, comes to."""
    line = _marked(command)
    if any(mark in piece for piece in command.pieces[::2] for mark in (_OPEN, _SHUT)):
        return Understood(rest=(shown(command),))
    files: list[str] = []
    done: list[str] = []
    rest: list[str] = []
    for words in _parts(line):
        found = None if words is None else _idiom(words)
        if found is None:
            rest.append(shown(command) if words is None else _readable(" ".join(words)))
        else:
            files += found[0]
            done += found[1]
    moved = [_inside(folder, entry) for entry in files]
    if None in moved:
        rest.append(shown(command))
    return Understood(files=tuple(each for each in moved if each), done=tuple(done), rest=tuple(rest))


def replacement(path: str, pattern: str, written: Template) -> str | None:
    """Return the version file for what is replaced by `written` in the file at `path`; None where it is not plain."""
    entry = _rewritten(path, pattern, _marked(written))
    return None if entry is None else _inside("", entry)


def shown(command: Template) -> str:
    """Return a command for people, short and on one line."""
    text = "".join(f"${{{piece}}}" if at % 2 else piece for at, piece in enumerate(command.pieces))
    return _readable(text)


def _readable(text: str) -> str:
    named = text[:400].replace(_OPEN, "${").replace(_SHUT, "}")
    clean = " ".join("".join(char if char.isprintable() else " " for char in named).split())
    return clean if len(clean) <= 100 else f"{clean[:99]}…"  # noqa: PLR2004 - one line of a terminal


def _marked(command: Template) -> str:
    return "".join(f"{_OPEN}{piece}{_SHUT}" if at % 2 else piece for at, piece in enumerate(command.pieces))


Found = tuple[list[str], list[str]]


def _parts(line: str) -> Iterator[list[str] | None]:
    """Yield the simple commands of a line; None where it has what only a shell can take apart."""
    if re.search(r"`|\$\(|\$\{|\\\n", line):
        yield None
        return
    lexer = shlex.shlex(line.replace("\n", " ; "), posix=True, punctuation_chars="();<>|&")
    lexer.whitespace_split = True
    lexer.commenters = ""
    try:
        words = list(lexer)
    except ValueError:
        yield None
        return
    part: list[str] = []
    for word in [*words, ";"]:
        if word not in _SEPARATORS:
            part.append(word)
        elif part:
            yield part
            part = []


def _idiom(words: Sequence[str]) -> Found | None:
    """Return the version files and the work of one simple command, or None."""
    if words[0] in ("echo", "printf") and ">" in words:
        return _written(words)
    if any(_OPERATORS.fullmatch(word) for word in words):
        return None
    for tool, read in _TOOLS.items():
        if words[0] == tool:
            return read(words)
    return _setter(words) or _by_name(" ".join(words))


def _by_name(line: str) -> Found | None:
    for names, what in ((_BUILDS, "builds"), (_UPLOADS, "publishes"), (_DONE, "")):
        for name in names:
            if f"{line} ".startswith(f"{name} "):
                return [], [f"releasd {what} by itself ({name})"] if what else []
    return None


def _setter(words: Sequence[str]) -> Found | None:
    plain = [word for word in words if not word.startswith("-") or word == "--new-version"]
    head = " ".join(plain[:-1])
    return ([_SETTERS[head]], []) if plain and plain[-1] == VERSION and head in _SETTERS else None


def _toml(words: Sequence[str]) -> Found | None:
    """`toml set --toml-path pyproject.toml project.version V`, of toml-cli."""
    match list(words):
        case ["toml", "set", "--toml-path", path, key, value] if value == VERSION and key.endswith("version"):
            return [path], []
    return None


def _npm(words: Sequence[str]) -> Found | None:
    """`npm pkg set version=V`; what else npm does is looked for elsewhere."""
    if list(words) == ["npm", "pkg", "set", f"version={VERSION}"]:
        return ["package.json"], []
    return _setter(words) or _by_name(" ".join(words))


def _written(words: Sequence[str]) -> Found | None:
    """`echo V > FILE`: the whole file is the version, with what stands around it."""
    match list(words):
        case [_, text, ">", path] if text.count(VERSION) == 1 and ":" not in path:
            return [_entry(path, text.removesuffix("\\n"))], []
    return None


def _sed(words: Sequence[str]) -> Found | None:
    flags = [word for word in words[1:] if word.startswith("-") or not word]
    return _substituted(words, flags, _SED_FLAGS) if any(flag.startswith(("-i", "--in")) for flag in flags) else None


def _perl(words: Sequence[str]) -> Found | None:
    flags = [word for word in words[1:] if word.startswith("-")]
    return _substituted(words, flags, _PERL_FLAGS)


def _substituted(words: Sequence[str], flags: Sequence[str], known: frozenset[str]) -> Found | None:
    scripts = [word for word in words[1:] if _SUBSTITUTION.match(word)]
    paths = [word for word in words[1:] if word not in flags and word not in scripts]
    if not scripts or not paths or not known.issuperset(flags):
        return None
    entries = [_replaced(path, script) for script in scripts for path in paths]
    found = [entry for entry in entries if entry is not None]
    return (found, []) if len(found) == len(entries) else None


def _replaced(path: str, script: str) -> str | None:
    """Return the version file of one substitution; None where what it writes is not plain."""
    mark = script[1]
    pieces = re.split(rf"(?<!\\){re.escape(mark)}", script)
    if len(pieces) != 4 or pieces[3].strip("gmI"):  # noqa: PLR2004 - s, pattern, replacement, flags
        return None
    return _rewritten(path, pieces[1], pieces[2].replace(f"\\{mark}", mark))


def _rewritten(path: str, pattern: str, replacement: str) -> str | None:
    if replacement.count(VERSION) != 1 or _OPEN in pattern or ":" in path:
        return None
    if _has_editor(path, pattern + replacement):
        return path
    if _BACK_REFERENCE.search(replacement) or replacement == VERSION:
        return None
    return _entry(path, replacement.replace("\\", ""))


def _has_editor(path: str, text: str) -> bool:
    return (basename(path) in _MANIFESTS and "version" in text) or (path.endswith(".py") and "__version__" in text)


def _entry(path: str, text: str) -> str:
    """Return the entry of `version_files` for a text around the version."""
    before, _, after = text.partition(VERSION)
    return f"{path}:{escaped(before)}{{version}}{escaped(after)}"


def escaped(text: str) -> str:
    """Return a regular expression that matches `text` and nothing else."""
    return _META.sub(lambda match: f"\\{match[0]}", text)


def _inside(folder: str, entry: str) -> str | None:
    """Return an entry relative to the repository, or None where it leaves the repository."""
    path, colon, pattern = entry.partition(":")
    full = normpath(join(folder, path))
    unsafe = full.startswith(("/", "..", "~", "-")) or any(mark in full for mark in ("*", "?", "$", _OPEN))
    return None if unsafe else f"{full}{colon}{pattern}"


_TOOLS: Mapping[str, Callable[[Sequence[str]], Found | None]] = {
    "sed": _sed,
    "perl": _perl,
    "toml": _toml,
    "npm": _npm,
}
