"""Strangers' words on a terminal: commit messages, branch names and what builds say must not steer it."""

from dataclasses import dataclass

from rich.console import Console, ConsoleOptions, ConsoleRenderable, RenderableType, RenderHook, RenderResult
from rich.segment import Segment

# C0 without tab and line feed, DEL, C1, and what turns the direction of writing (Trojan Source, CVE-2021-42574).
_STEERING = (*range(9), *range(11, 32), *range(127, 160), *range(0x202A, 0x202F), *range(0x2066, 0x206A))
_SHOWN = dict.fromkeys(_STEERING, "\N{REPLACEMENT CHARACTER}")


def harmless(text: str) -> str:
    """Return the text with each steering character replaced by U+FFFD; a carriage return ends a line, as ever."""
    return text.replace("\r\n", "\n").replace("\r", "\n").translate(_SHOWN)


class Harmless(RenderHook):
    """Replaces each steering character by U+FFFD; colours and cursor moves of our own stay."""

    def process_renderables(self, renderables: list[ConsoleRenderable]) -> list[ConsoleRenderable]:
        """Wrap all that is about to be shown."""
        return [_Shown(each) for each in renderables]


@dataclass(frozen=True, slots=True)
class _Shown:
    inner: RenderableType

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        for text, style, control in console.render(self.inner, options):
            yield Segment(text if control else text.translate(_SHOWN), style, control)
