"""GitLab: files lie in the project's package registry, and a release links to them.

There are no drafts. The files alone are what nobody has been told of, so they stand for the draft: they are uploaded
first, and the release is made last, with all its links in one request. GitLab knows no pre-releases either.
"""

from pathlib import Path
from urllib.parse import quote

import msgspec

from releasd.adapters import http
from releasd.adapters.forges.calls import UPLOAD_PATIENCE, Calls
from releasd.ports import ForgeFile, ForgeRelease, WantedRelease

PAGE = 100


class _Link(msgspec.Struct):
    name: str


class _Assets(msgspec.Struct):
    links: list[_Link] = []


class _Commit(msgspec.Struct):
    id: str | None = None


class _Where(msgspec.Struct, rename={"own": "self"}):
    own: str = ""


class _Release(msgspec.Struct):
    tag_name: str
    description: str | None = None
    commit: _Commit = msgspec.field(default_factory=_Commit)
    assets: _Assets = msgspec.field(default_factory=_Assets)
    links: _Where = msgspec.field(default_factory=_Where, name="_links")


class _Package(msgspec.Struct):
    id: int
    name: str
    version: str


class _PackageFile(msgspec.Struct):
    file_name: str
    size: int | None = None
    file_sha256: str | None = None


class GitLab:
    """`ports.Forge` for GitLab (API version 4). `repository` is the project's full path."""

    def __init__(self, calls: Calls, repository: str) -> None:
        self.name = calls.name
        self._calls = calls
        self._project = f"/projects/{quote(repository, safe='')}"

    def find(self, wanted: WantedRelease) -> ForgeRelease | None:
        """Return the release, or what was uploaded for one that is not made yet, as a draft.

        Of a public release only files that it links to count: one that lies in the registry alone is not shown.
        """
        stored = self._stored(wanted)
        release = self._calls.find(self._release(wanted), _Release)
        if release is None:
            return self.create(wanted, stored) if stored else None
        linked = {link.name for link in release.assets.links}
        return ForgeRelease(
            id=release.tag_name,
            is_draft=False,
            files=tuple(file for file in stored if file.name in linked),
            notes=release.description or "",
            commit=release.commit.id,
            url=release.links.own,
        )

    def create(self, wanted: WantedRelease, stored: tuple[ForgeFile, ...] = ()) -> ForgeRelease:
        """Return what stands for a draft; there is nothing to be made."""
        return ForgeRelease(id=wanted.tag, is_draft=True, files=stored)

    def upload(self, wanted: WantedRelease, release: ForgeRelease, name: str, path: Path) -> None:
        """Store a file, unless it is there and only its link is lacking; link it where the release is public."""
        size = path.stat().st_size
        if not any(file.name == name and file.size in {None, size} for file in self._stored(wanted)):
            self._calls.put_file(
                "PUT",
                self._file(wanted, name),
                http.read_file(path, what=self._calls.what, timeout=self._calls.timeout * UPLOAD_PATIENCE),
                length=size,
                content_type="application/octet-stream",
            )
        if not release.is_draft:
            self._calls.send("POST", f"{self._release(wanted)}/assets/links", self._link(wanted, name), _Link)

    def publish(self, wanted: WantedRelease, release: ForgeRelease) -> None:
        """Make the release, with its links."""
        links = [self._link(wanted, file.name) for file in release.files]
        value = {
            "tag_name": wanted.tag,
            "name": wanted.title,
            "description": wanted.notes,
            "assets": {"links": links},
        }
        self._calls.send("POST", f"{self._project}/releases", value, _Release)

    def _release(self, wanted: WantedRelease) -> str:
        return f"{self._project}/releases/{quote(wanted.tag, safe='')}"

    def _file(self, wanted: WantedRelease, name: str) -> str:
        parts = (wanted.package, wanted.version, name)
        return f"{self._project}/packages/generic/" + "/".join(quote(part, safe="+") for part in parts)

    def _link(self, wanted: WantedRelease, name: str) -> dict[str, str]:
        return {"name": name, "url": self._calls.url + self._file(wanted, name), "link_type": "package"}

    def _stored(self, wanted: WantedRelease) -> tuple[ForgeFile, ...]:
        """Return the files in the registry; of several of one name the newest, which is the one that is served."""
        query = f"package_type=generic&package_name={quote(wanted.package, safe='')}&per_page={PAGE}"
        query += f"&package_version={quote(wanted.version, safe='')}"
        found: dict[str, ForgeFile] = {}
        for package in self._calls.get(f"{self._project}/packages?{query}", list[_Package]):
            if (package.name, package.version) != (wanted.package, wanted.version):
                continue  # the filter by name is a search
            path = f"{self._project}/packages/{package.id}/package_files?per_page={PAGE}&order_by=id&sort=asc"
            for file in self._calls.get(path, list[_PackageFile]):
                found[file.file_name] = ForgeFile(name=file.file_name, size=file.size, sha256=file.file_sha256)
        return tuple(found.values())
