"""What runs on a build host: standard library only, Python 3.8 or later, sent there at each start.

Rule 1: *Leash.* The daemon sends a byte at least every second. When none came for `leash` seconds, every process of the
build is killed and the folder removed, with nobody asking. The end of the connection alone ends a task at once, unless
it is a build: that waits `leash` seconds for its daemon to come back (keeper.py).
Rule 2: *Nothing escapes.* On Linux the runner is the subreaper of the build, so a process that forks twice or opens
its own session still is a descendant, and is killed. Should the runner itself be killed, its parent, which only waits
for that, inherits them and does the same. Where systemd lets us, all are in a scope of their own, too.
Elsewhere only the build's process group is; nobody ran that.
Rule 3: *Nothing leaks.* The build sees an environment made from nothing, and neither its script nor its variables
are ever part of an argument list.
Rule 4: *A lock, not a process id, says that a folder is in use.* `flock` on `<id>.lock` ends with its holder, however
that dies; a later start or probe removes every folder whose lock is free, and kills what still runs for it.
Rules 5 to 7 are about containers and stand in container.py.
"""

import functools
import io
import marshal
import sys
import tokenize
import zlib
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

# The whole argument of `python3 -c`: the first line on the stream says how many bytes of Python follow.
BOOTSTRAP = "import sys; i = sys.stdin.buffer; exec(i.read(int(i.readline())))"
# Each imports only those before it, and names from them: in the bundle there are no packages.
MODULES = (
    *("leash", "processes", "scope", "container", "folders", "files", "spool", "keeper"),
    *("kept", "inside", "objects", "checkout", "sources", "tree", "compiled", "caches", "survey", "main"),
)


# The loader. Behind it are the sources and, where the Python there is likely this one, first of all their code.
_START = """\
import marshal, sys, zlib
code = i.read({code})
text = i.read({text})
if sys.hexversion == {version} and code:
    loaded = marshal.loads(code)
else:
    loaded = ((name, compile(text, name, "exec")) for name, text in eval(zlib.decompress(text)))
for name, code in loaded:
    module = sys.modules[name] = type(sys)(name)
    exec(code, module.__dict__)
sys.exit(module.main())
"""
_TYPING = "from typing import "  # for annotations alone, which nobody evaluates here
_BETWEEN = (tokenize.NEWLINE, tokenize.INDENT, tokenize.DEDENT)  # two statements


@functools.cache  # it does not change while a daemon lives, and hosts are asked all the time
def bundle(*, is_compiled: bool = False) -> bytes:
    """Return the runner as `BOOTSTRAP` reads it: nothing may follow before the runner's hello.

    What people read is left out and the rest is packed, for it is sent at each start, and would else be most of what a
    small release sends. `is_compiled` adds the code, for this very Python alone: eight times the bytes, but compiling
    is half of what a start costs.
    """
    files = {f"{__name__}.{name}": Path(__file__).parent / f"{name}.py" for name in MODULES}
    sources = [(name, bare(file.read_text(encoding="utf-8"))) for name, file in files.items()]
    text = zlib.compress(repr(sources).encode(), 9)
    code = b""
    if is_compiled:
        code = marshal.dumps([(name, compile(source, name, "exec", dont_inherit=True)) for name, source in sources])
    start = _START.format(code=len(code), text=len(text), version=sys.hexversion).encode()
    return b"%d\n%b%b%b" % (len(start), start, code, text)


def bare(source: str) -> str:
    """Return Python without comments, docstrings and what only type checkers read, each line where it was.

    By its tokens alone: CPython 3.11 makes no syntax trees for Python in two threads at once (its recursion depth of
    one is checked against that of the other), and builds begin in several.
    """
    lines = source.split("\n")
    tokens = list(tokenize.generate_tokens(io.StringIO(source).readline))
    within = {row for token in tokens for row in range(token.start[0] + 1, token.end[0] + 1)}  # begin inside of a text
    for token in _unread(tokens):
        (row, column), (last, _) = token.start, token.end
        rest = '""' if token.type == tokenize.STRING else ""
        lines[row - 1] = (lines[row - 1][:column] + rest).rstrip()
        lines[row:last] = [""] * (last - row)
    lines = [line if row in within else _shallow(line) for row, line in enumerate(lines, 1)]
    return "\n".join("TYPE_CHECKING = False" if line.startswith(_TYPING) else line for line in lines)


def _shallow(line: str) -> str:
    """Return a line with one space for each level, of which the formatter makes four."""
    code = line.lstrip(" ")
    return " " * ((len(line) - len(code)) // 4) + code


def _unread(tokens: list[tokenize.TokenInfo]) -> Iterator[tokenize.TokenInfo]:
    """Yield the comments, and the strings that are statements of their own."""
    before = tokenize.NEWLINE
    for token, following in pairwise(tokens):
        if token.type == tokenize.COMMENT:
            yield token
            continue
        if token.type == tokenize.STRING and before in _BETWEEN and following.type == tokenize.NEWLINE:
            yield token
        if token.type != tokenize.NL:
            before = token.type
