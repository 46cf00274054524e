"""What uv's log tells and its messages leave out: the headers of an index's answers, with the wait that it asks for.

At the level `LEVEL` uv prints the headers of each answer, and no request (seen with uv 0.13.9). That log is for us
alone: it is taken out of what uv prints before anybody sees it.
"""

import re
from collections.abc import Iterable, Iterator

LEVEL = "uv_publish=trace"  # for RUST_LOG
_LOG = (b"TRACE ", b"DEBUG ", b"INFO ", b"WARN ")
_CONTENT = re.compile(rb"TRACE Response content|DEBUG Upload error response")  # may go on for lines
_HEADERS = re.compile(rb"TRACE Response headers for .*?headers: \{(.*)\}")
_HEADER = re.compile(r'"([\w-]+)": "((?:[^"\\]|\\.)*)"')
_VERDICT = b"error: "


class Trace:
    """One run's log. `headers` are the last answer's, with lower-case names; empty where uv printed none."""

    def __init__(self) -> None:
        self.headers: dict[str, str] = {}
        self._is_content = False

    def words(self, pieces: Iterable[bytes]) -> Iterator[bytes]:
        """Yield the lines that are no log. `pieces` are whole lines, or the parts of a very long one."""
        for piece in pieces:
            for line in piece.splitlines(keepends=True):
                if line.startswith(_LOG):
                    self._note(line)
                elif not self._is_content or line.startswith(_VERDICT):
                    self._is_content = False
                    yield line

    def _note(self, line: bytes) -> None:
        self._is_content = _CONTENT.match(line) is not None
        found = _HEADERS.match(line)
        if found:
            self.headers = dict(_HEADER.findall(found.group(1).decode("utf-8", "replace")))
