"""What Gitea, Forgejo and GitHub have in common: releases that are drafts first, and files that belong to them."""

from collections.abc import Mapping
from typing import ClassVar
from urllib.parse import quote

import msgspec

from releasd.adapters.forges.calls import Calls
from releasd.ports import ForgeFile, ForgeRelease, WantedRelease

PAGES = 4  # of releases looked through for a draft: it is among the newest
PAGE = 50  # releases in a page; all of these forges give as many


class Asset(msgspec.Struct):
    """A file of a release. GitHub alone tells `digest` and `state`."""

    id: int
    name: str
    size: int | None = None
    digest: str | None = None
    state: str = "uploaded"


class Release(msgspec.Struct):
    """A release as these APIs answer it; `upload_url` is GitHub's."""

    id: int
    tag_name: str
    draft: bool = False
    body: str | None = None
    html_url: str = ""
    upload_url: str = ""
    assets: list[Asset] = []


class Drafts:
    """The half of `ports.Forge` that these forges share. `repository` is `owner/name`."""

    page_size = "limit"  # the parameter's name
    publishing: ClassVar[Mapping[str, object]] = {"draft": False}

    def __init__(self, calls: Calls, repository: str) -> None:
        self.name = calls.name
        self._calls = calls
        self._releases = f"/repos/{quote(repository)}/releases"

    def find(self, wanted: WantedRelease) -> ForgeRelease | None:
        """Return the release of the tag; asked for by tag they show none that is a draft, so those are listed."""
        found = self._find(wanted)
        return None if found is None else _seen(found)

    def create(self, wanted: WantedRelease) -> ForgeRelease:
        """Make a draft."""
        value = {
            "tag_name": wanted.tag,
            "target_commitish": wanted.commit,
            "name": wanted.title,
            "body": wanted.notes,
            "draft": True,
            "prerelease": wanted.is_prerelease,
        }
        return _seen(self._calls.send("POST", self._releases, value, Release))

    def publish(self, wanted: WantedRelease, release: ForgeRelease) -> None:
        """Turn the draft public."""
        value = {**self.publishing, "prerelease": wanted.is_prerelease}
        self._calls.send("PATCH", f"{self._releases}/{release.id}", value, Release)

    def _find(self, wanted: WantedRelease) -> Release | None:
        public = self._calls.find(f"{self._releases}/tags/{quote(wanted.tag, safe='')}", Release)
        if public is not None:
            return public
        for page in range(1, PAGES + 1):
            listed = self._calls.get(f"{self._releases}?{self.page_size}={PAGE}&page={page}", list[Release])
            for release in listed:
                if release.tag_name == wanted.tag:
                    return release
            if len(listed) < PAGE:
                return None
        return None


def _seen(release: Release) -> ForgeRelease:
    return ForgeRelease(
        id=str(release.id),
        is_draft=release.draft,
        files=tuple(
            ForgeFile(name=asset.name, size=asset.size, sha256=_sha256(asset.digest))
            for asset in release.assets
            if asset.state == "uploaded"
        ),
        notes=release.body or "",
        url=release.html_url,
    )


def _sha256(digest: str | None) -> str | None:
    return digest.removeprefix("sha256:") if digest and digest.startswith("sha256:") else None
