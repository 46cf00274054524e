"""Gitea and Forgejo: files go in as form data, and come back by name and size alone."""

from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

from releasd.adapters import http
from releasd.adapters.forges.calls import UPLOAD_PATIENCE
from releasd.adapters.forges.drafts import Drafts
from releasd.ports import ForgeRelease, WantedRelease

_BOUNDARY = "releasd-8f0e4c1ab7d94d0d8a0b0f3f5a9f2b6e"  # fixed: what is sent is the same each time


class Gitea(Drafts):
    """`ports.Forge` for Gitea and Forgejo (API version 1)."""

    def upload(self, wanted: WantedRelease, release: ForgeRelease, name: str, path: Path) -> None:  # noqa: ARG002 (port)
        """Add a file, as a form's field `attachment`: every version of both takes that."""
        head = (
            f'--{_BOUNDARY}\r\nContent-Disposition: form-data; name="attachment"; filename="{quote(name)}"\r\n'
            "Content-Type: application/octet-stream\r\n\r\n"
        ).encode()
        tail = f"\r\n--{_BOUNDARY}--\r\n".encode()
        self._calls.put_file(
            "POST",
            f"{self._releases}/{release.id}/assets?name={quote(name, safe='')}",
            _form(
                head, http.read_file(path, what=self._calls.what, timeout=self._calls.timeout * UPLOAD_PATIENCE), tail
            ),
            length=len(head) + path.stat().st_size + len(tail),
            content_type=f"multipart/form-data; boundary={_BOUNDARY}",
        )


def _form(head: bytes, content: Iterator[bytes], tail: bytes) -> Iterator[bytes]:
    yield head
    yield from content
    yield tail
