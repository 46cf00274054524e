"""GitHub: files go to an address of their own, and come back with a digest.

An upload that broke off leaves an entry whose `state` is not `uploaded`, under the name of the file; GitHub's
documentation says to delete it, for it takes no second one of that name.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import ClassVar
from urllib.parse import quote, urlsplit

from releasd.adapters import http
from releasd.adapters.forges.calls import UPLOAD_PATIENCE
from releasd.adapters.forges.drafts import Drafts, Release
from releasd.errors import Permanent
from releasd.ports import ForgeRelease, WantedRelease


class GitHub(Drafts):
    """`ports.Forge` for GitHub (API version 2022-11-28)."""

    page_size = "per_page"
    # The latest is the one of the highest version: 1.2.9 of a maintenance branch is not above 2.0.0.
    publishing: ClassVar[Mapping[str, object]] = {"draft": False, "make_latest": "legacy"}

    def upload(self, wanted: WantedRelease, release: ForgeRelease, name: str, path: Path) -> None:  # noqa: ARG002 (port)
        """Add a file; what an upload of it that broke off left behind is removed first."""
        now = self._calls.get(f"{self._releases}/{release.id}", Release)
        for asset in now.assets:
            if asset.name == name and asset.state != "uploaded":
                self._calls.delete(f"{self._releases}/assets/{asset.id}")
        self._calls.put_file(
            "POST",
            f"{self._address(now)}?name={quote(name, safe='')}",
            http.read_file(path, what=self._calls.what, timeout=self._calls.timeout * UPLOAD_PATIENCE),
            length=path.stat().st_size,
            content_type="application/octet-stream",
        )

    def _address(self, release: Release) -> str:
        """Return where uploads go. The token goes along, so it is the API's own host, or `uploads.` beside `api.`."""
        address = release.upload_url.partition("{")[0]
        ours, theirs = urlsplit(self._calls.url), urlsplit(address)
        sister = "uploads." + ours.netloc.removeprefix("api.") if ours.netloc.startswith("api.") else ours.netloc
        if ours.scheme != theirs.scheme or theirs.netloc not in {ours.netloc, sister}:
            raise Permanent(
                f"{self._calls.what} wants files to be sent to another place than itself: {theirs.hostname}",
                advice=f"Check url in [forges.{self.name}].",
            )
        return address
