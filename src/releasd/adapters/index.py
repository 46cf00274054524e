"""A package index over HTTP: reads its simple pages (PEP 503 and 691), uploads through uv.

The daemon does not import httpx until an index is really looked at. No address of the public index is written here: uv
knows where to upload, pypi_simple where to read.
"""

import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from queue import SimpleQueue

from packaging.utils import canonicalize_name

from releasd.adapters import http, uploading, uvpublish
from releasd.adapters.indexpage import read_page
from releasd.adapters.secrets.redact import redactor
from releasd.core.simplepage import belongs
from releasd.errors import ConfigError, ReleasdError, Transient
from releasd.model import IndexRules, ListedFile
from releasd.ports import Secret, ServedFile, Sink

_JSON = "application/vnd.pypi.simple.v1+json"
_NOT_FOUND = 404
PUBLIC = IndexRules()
WORTH_A_BATCH = 8 << 20  # bytes; what is smaller goes up faster in one go than in several at once


class HttpIndex:
    """One index: where to upload, where to read, and how to come by its token.

    Both URLs None is the public index. `token` is called at the moment of use and its value not kept. Times are
    seconds: `read_timeout` for a page, `download_timeout` for a file, `upload_timeout` for one release's files. At most
    `parallel` uploads run at the same time.
    """

    def __init__(
        self,
        *,
        name: str,
        publish_url: str | None,
        simple_url: str | None,
        token: Callable[[], Secret],
        rules: IndexRules = PUBLIC,
        read_timeout: float = 30.0,
        download_timeout: float = 600.0,
        upload_timeout: float = 1800.0,
        parallel: int = 4,
    ) -> None:
        if (publish_url is None) != (simple_url is None):
            raise ConfigError(
                f"index {name}: publish_url and simple_url belong together",
                advice=f"Give both in [indexes.{name}], or neither for the public index.",
            )
        self.name = name
        self.rules = rules
        self._publish_url = publish_url
        self._simple_url = simple_url
        self._token = token
        self._read_timeout = read_timeout
        self._download_timeout = download_timeout
        self._upload_timeout = upload_timeout
        self._parallel = parallel

    def takes(self, filename: str) -> bool:
        """Return whether it is a wheel or an sdist."""
        return filename.endswith((".whl", ".tar.gz"))

    def files(self, distribution: str, version: str) -> tuple[ServedFile, ...]:
        """Return the files of one version as listed now; empty when there are none.

        Raises `Transient` while the index cannot be read, `Denied` when it wants a credential for reading.
        """
        project = canonicalize_name(distribution)
        return tuple(
            ServedFile(filename=file.filename, sha256=file.sha256, url=file.url)
            for file in self._page(project) or ()
            if belongs(file.filename, project, version)
        )

    def all_files(self, distribution: str) -> tuple[ListedFile, ...]:
        """Return the files of all versions as listed now (`ports.Listing`). Raises as `files` does."""
        return self._page(canonicalize_name(distribution)) or ()

    def doubt(self, distribution: str) -> str:
        """Return that simple_url is not known to be right: neither the project nor the index itself has a page there.

        That is how a mistyped address looks, and how an index looks that has nothing of the project yet and shows no
        page of its own, as several do. The index's page is asked for by its head alone, for it may be long.
        """
        if self._simple_url is None or self._page(canonicalize_name(distribution)) is not None:
            return ""
        answer = http.request(
            "HEAD", self._reading_url(), what=f"index {self.name}", timeout=self._read_timeout, follow=True
        )
        if answer.status != _NOT_FOUND:
            return ""
        return (
            f"{self.name} has a page neither for {distribution} nor at simple_url itself (404 both): "
            f"a wrong simple_url looks the same; before the first release, check it under [indexes.{self.name}]"
        )

    def _page(self, project: str) -> tuple[ListedFile, ...] | None:
        """Return the files on the project's page as it is now, None where there is no page."""
        answer = http.request(
            "GET",
            f"{self._reading_url()}{project}/",
            what=f"index {self.name}",
            headers={"accept": f"{_JSON}, application/vnd.pypi.simple.v1+html;q=0.5, text/html;q=0.1",
                     "cache-control": "no-cache"},
            timeout=self._read_timeout,
            follow=True,
        )  # fmt: skip
        if answer.status == _NOT_FOUND:
            return None
        answer = self._without_token(answer)
        http.raise_for_status(answer, what=f"index {self.name}", denied=f"Reading {self.name} must need no credential.")
        return read_page(answer, project, index=self.name)

    def download_sha256(self, file: ServedFile) -> str:
        """Fetch the bytes and return their digest. A listed file that is not there yet is `Transient`."""
        what = f"{file.filename} on index {self.name}"
        return http.sha256_of(file.url, what=what, timeout=self._download_timeout)

    def upload(self, paths: Sequence[Path], sink: Sink) -> None:
        """Upload exactly these files through uv, large ones several at the same time; returning proves nothing.

        Raises as `uploading.upload` does.
        """
        token, output = self._token(), _in_turns(sink)
        deadline = time.monotonic() + self._upload_timeout

        def send(some: Sequence[Path]) -> None:
            left = deadline - time.monotonic()
            if left <= 0:
                raise Transient(f"the upload to {self.name} took longer than {self._upload_timeout:g} s")
            uvpublish.publish(
                some,
                publish_url=self._publish_url,
                check_url=self._reading_url(),
                token=token,
                sink=output,
                timeout=left,
            )

        size = sum(path.stat().st_size for path in paths if path.is_file())
        uploading.upload(paths, send, batches=min(self._parallel, 1 + size // WORTH_A_BATCH))

    def install_options(self) -> tuple[str, ...]:
        """Return the options that make `uv pip install` take packages from this index and no other."""
        return ("--default-index", self._reading_url())

    def check_secret(self, distribution: str | None = None, now: datetime | None = None) -> None:
        """Prove that the token can be had, is shaped right and is not for something else, without keeping it."""
        token = self._token()
        uvpublish.check_token(token, public=self._publish_url is None)
        uvpublish.check_limits(token, distribution, now)

    def _without_token(self, answer: http.Answer) -> http.Answer:
        """Return a refusal without the token, which an index was sent before and could repeat in its words."""
        if answer.status < 300:  # noqa: PLR2004 - the class of success; its words are in no message
            return answer
        try:
            return replace(answer, body=redactor([self._token()])(answer.body))
        except ReleasdError:  # the token cannot be had now, so its words cannot be cleaned: they are left out
            return replace(answer, body=b"")

    def _reading_url(self) -> str:
        if self._simple_url is not None:
            return self._simple_url.rstrip("/") + "/"
        from pypi_simple import PYPI_SIMPLE_ENDPOINT  # noqa: PLC0415 - 0.2 s that only a release needs

        return PYPI_SIMPLE_ENDPOINT


def _in_turns(sink: Sink) -> Sink:
    """Return a sink that uploads at the same time may call, for `sink` takes one caller at a time."""
    baton: SimpleQueue[None] = SimpleQueue()
    baton.put(None)

    def write(data: bytes) -> None:
        baton.get()
        try:
            sink(data)
        finally:
            baton.put(None)

    return write
