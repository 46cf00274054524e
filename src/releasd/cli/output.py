"""How everything is printed: Rich on a terminal, plain elsewhere, `NO_COLOR` honoured; JSON alone with `--json`."""

import json
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from releasd.errors import ReleasdError

if TYPE_CHECKING:
    from rich.console import Console

STYLES = {
    "queued": "cyan",
    "running": "bold blue",
    "started": "bold blue",
    "succeeded": "green",
    "failed": "bold red",
    "cancelled": "yellow",
    "superseded": "dim",
}


def console(*, stderr: bool = False) -> "Console":
    """Return a console; no wrapping where the output is not for a screen."""
    from rich.console import Console

    from releasd.cli.harmless import Harmless

    stream = sys.stderr if stderr else sys.stdout
    made = Console(
        stderr=stderr, highlight=False, markup=False, soft_wrap=not stream.isatty(), emoji=False, legacy_windows=False
    )
    made.push_render_hook(Harmless())
    return made


def print_json(value: Any) -> None:
    """Print one JSON document."""
    sys.stdout.write(json.dumps(value, indent=2, ensure_ascii=False) + "\n")


def print_document(document: Mapping[str, Any]) -> None:
    """Print one JSON document a member at a time, and a list an item at a time: neither is held as text."""
    one_line = json.JSONEncoder(ensure_ascii=False).encode  # with indentation it is ten times slower
    sys.stdout.writelines(_members(document, one_line, "\n"))
    sys.stdout.write("\n")


def _members(document: Mapping[str, Any], one_line: Callable[[Any], str], line: str) -> Iterator[str]:
    """Yield a document's text; a list of its own, and one of documents that have such lists, an item at a time."""
    before = "{"
    for name, value in document.items():
        yield f"{before}{line}  {one_line(name)}: "
        before = ","
        if not isinstance(value, Sequence) or isinstance(value, str):
            yield one_line(value)
            continue
        start = "["
        for item in value:
            yield f"{start}{line}    "
            start = ","
            nested = name == "packages" and isinstance(item, Mapping)
            yield from _members(item, one_line, f"{line}    ") if nested else (one_line(item),)
        yield "[]" if start == "[" else f"{line}  ]"
    yield f"{line}}}"


def print_error(error: ReleasdError, *, as_json: bool) -> None:
    """Print what happened and what to do about it."""
    if as_json:
        print_json({"error": error.message, "advice": error.advice, "exit_code": error.exit_code})
        return
    out = console(stderr=True)
    out.print(f"releasd: {error.message}", style="bold red" if error.exit_code != 3 else "yellow")  # noqa: PLR2004 (nothing to release is no failure)
    if error.advice:
        out.print(f"  → {error.advice}")


def style(state: str) -> str:
    """Return the colour of a state."""
    return STYLES.get(state, "")


def since(start: str | None, end: str | None) -> str:
    """Return the time between two ISO times as people say it, or "" where one is missing."""
    from datetime import datetime

    if start is None or end is None:
        return ""
    seconds = (datetime.fromisoformat(end) - datetime.fromisoformat(start)).total_seconds()
    return span(seconds)


def span(seconds: float) -> str:
    """Return a length of time, as `0.4 s`, `75 s`, `12 min`, `3 h` or `4 d`."""
    for limit, unit, name in ((10, 1, "s"), (120, 1, "s"), (7200, 60, "min"), (172800, 3600, "h")):
        if seconds < limit:
            return f"{seconds / unit:.1f} {name}" if limit == 10 else f"{seconds / unit:.0f} {name}"  # noqa: PLR2004
    return f"{seconds / 86400:.0f} d"
