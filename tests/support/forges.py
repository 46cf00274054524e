"""Forges that answer as their published APIs do: Gitea (and Forgejo), GitHub, GitLab, each over the same state.

with scripted_forge("gitea") as forge:
    forge.adapter()                      # what is tested
    forge.shown()                        # the public release's files, as a visitor would see them
"""

import hashlib
import json
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

from releasd.adapters.forges import forge_of
from releasd.ports import Forge, Secret
from support.httpstub import Asked, Reply, Stub, http_stub

KINDS = ("gitea", "forgejo", "github", "gitlab")
TOKEN = "forge-token-0123456789"
COMMIT = "c" * 40
REPOSITORY = "team/demo"


@dataclass
class Stored:
    """A release. `files` are bytes by name; GitLab's are those that it links to."""

    id: int
    tag: str
    body: str
    draft: bool = False
    prerelease: bool = False
    files: dict[str, bytes] = field(default_factory=dict)
    broken: set[str] = field(default_factory=set)  # GitHub: uploads that broke off


@dataclass
class ScriptedForge:
    """One forge. `before` and `after` may answer a request in its place: before it has an effect, or after."""

    kind: str
    stub: Stub = field(default_factory=lambda: Stub(""))
    releases: list[Stored] = field(default_factory=list)
    packages: dict[str, bytes] = field(default_factory=dict)  # GitLab's registry, of this one version
    before: Callable[[Asked], Reply | None] = lambda _: None
    after: Callable[[Asked], Reply | None] = lambda _: None
    seen_public: list[int] = field(default_factory=list)  # how many files were public, after each request

    @property
    def url(self) -> str:
        """Return the API's base address."""
        return self.stub.url + {"github": "", "gitlab": "/api/v4"}.get(self.kind, "/api/v1")

    def adapter(self, *, token: str = TOKEN, timeout: float = 60.0) -> Forge:
        """Return the adapter under test."""
        return forge_of(
            name="main",
            kind=self.kind,
            url=self.url,
            repository=REPOSITORY,
            token=lambda: Secret(token),
            timeout=timeout,
        )

    def put(self, body: str, files: dict[str, bytes], *, draft: bool) -> Stored | None:
        """Have a release already. A draft of GitLab's is its files alone."""
        if self.kind == "gitlab":
            self.packages |= files
        if self.kind == "gitlab" and draft:
            return None
        made = Stored(len(self.releases) + 1, "v1.1.0", body, draft, files=dict(files))
        self.releases.append(made)
        return made

    def shown(self) -> dict[str, bytes] | None:
        """Return the public release's files; None where nothing is public. There is never more than one."""
        public = [release for release in self.releases if not release.draft]
        assert len(public) <= 1
        return dict(public[0].files) if public else None

    def changes(self) -> list[str]:
        """Return the requests that change something, as `METHOD last-part`."""
        return [
            f"{asked.method} {urlsplit(asked.path).path.rpartition('/')[2]}"
            for asked in self.stub.asked
            if asked.method != "GET"
        ]

    def answer(self, asked: Asked) -> Reply:
        """Answer one request."""
        early = self.before(asked)
        if early is not None:
            return early
        given = self._answer(asked)
        public = [release for release in self.releases if not release.draft]
        self.seen_public.append(sum(len(release.files) for release in public))
        return self.after(asked) or given

    def _answer(self, asked: Asked) -> Reply:
        wanted = {"github": ("authorization", f"Bearer {TOKEN}"), "gitlab": ("private-token", TOKEN)}
        header, value = wanted.get(self.kind, ("authorization", f"token {TOKEN}"))
        if asked.headers.get(header) != value:
            return _json(401, {"message": "401 Unauthorized"})
        parts = urlsplit(asked.path)
        query = {key: values[0] for key, values in parse_qs(parts.query).items()}
        path = parts.path.removeprefix(urlsplit(self.url).path)
        return (self._gitlab if self.kind == "gitlab" else self._drafts)(asked, path, query)

    def _drafts(self, asked: Asked, path: str, query: dict[str, str]) -> Reply:  # noqa: PLR0911 - one for each address
        """Answer as Gitea and GitHub do: /repos/{owner}/{repo}/releases…, by tag only what is public."""
        base = f"/repos/{REPOSITORY}/releases"
        rest = path.removeprefix(base)
        if rest == path:
            return _json(404, {"message": "Not Found"})
        if rest == "" and asked.method == "GET":
            size = int(query["per_page" if self.kind == "github" else "limit"])
            start = (int(query["page"]) - 1) * size
            newest = self.releases[::-1][start : start + size]
            return _json(200, [self._drafted(release) for release in newest])
        if rest == "":
            return self._create(json.loads(asked.body))
        if tag := re.fullmatch(r"/tags/(.+)", rest):
            found = [release for release in self.releases if release.tag == unquote(tag[1]) and not release.draft]
            return _json(200, self._drafted(found[0])) if found else _json(404, {"message": "Not Found"})
        if asset := re.fullmatch(r"/assets/(\d+)", rest):
            return self._remove(int(asset[1]))
        number = re.fullmatch(r"/(\d+)(/assets)?", rest)
        found = [release for release in self.releases if number and release.id == int(number[1])]
        if not found or number is None:
            return _json(404, {"message": "Not Found"})
        return self._on_release(asked, found[0], query, is_upload=bool(number[2]))

    def _create(self, value: dict[str, Any]) -> Reply:
        if any(release.tag == value["tag_name"] and not release.draft for release in self.releases):
            told = {"message": "Validation Failed", "errors": [{"code": "already_exists", "field": "tag_name"}]}
            return _json(422, told) if self.kind == "github" else _json(409, {"message": "Release is has no Tag"})
        made = Stored(len(self.releases) + 1, value["tag_name"], value["body"], value["draft"], value["prerelease"])
        self.releases.append(made)
        return _json(201, self._drafted(made))

    def _on_release(self, asked: Asked, release: Stored, query: dict[str, str], *, is_upload: bool) -> Reply:
        if asked.method == "PATCH":
            value = json.loads(asked.body)
            release.draft, release.prerelease = value["draft"], value["prerelease"]
        elif is_upload:
            if query["name"] in release.files:
                return _json(422, {"message": "Validation Failed", "errors": [{"code": "already_exists"}]})
            release.files[query["name"]] = asked.body if self.kind == "github" else _attachment(asked)
            return _json(201, {"id": 1, "name": query["name"], "size": len(release.files[query["name"]])})
        return _json(200, self._drafted(release))

    def _remove(self, asset: int) -> Reply:
        for release in self.releases:
            for name in list(release.broken):
                if _number(name) == asset:
                    release.broken.discard(name)
                    del release.files[name]
                    return Reply(204)
        return _json(404, {"message": "Not Found"})

    def _drafted(self, release: Stored) -> dict[str, Any]:
        assets = [self._asset(release, name, data) for name, data in release.files.items()]
        page = f"{self.stub.url}/{REPOSITORY}/releases/tag/{release.tag}"
        told = {"id": release.id, "tag_name": release.tag, "body": release.body.replace("\n", "\r\n"), "html_url": page}
        told |= {"draft": release.draft, "prerelease": release.prerelease, "assets": assets}
        upload = f"{self.url}/repos/{REPOSITORY}/releases/{release.id}/assets{{?name,label}}"
        return told | ({"upload_url": upload} if self.kind == "github" else {})

    def _asset(self, release: Stored, name: str, data: bytes) -> dict[str, Any]:
        told: dict[str, Any] = {"id": _number(name), "name": name, "size": len(data), "browser_download_url": ""}
        if self.kind == "github":
            told |= {"state": "starter" if name in release.broken else "uploaded", "digest": _digest(data)}
        return told

    def _gitlab(self, asked: Asked, path: str, query: dict[str, str]) -> Reply:
        rest = path.removeprefix("/projects/team%2Fdemo")
        if rest == path:
            return _json(404, {"message": "404 Project Not Found"})
        if rest == "/packages":
            assert query["package_name"] == "demo"
            other = {"id": 8, "name": "demo-tools", "version": "1.1.0"}
            return _json(200, [other, *([{"id": 9, "name": "demo", "version": "1.1.0"}] if self.packages else [])])
        if rest == "/packages/9/package_files":
            listed = [
                {"id": at, "file_name": name, "size": len(data), "file_sha256": hashlib.sha256(data).hexdigest()}
                for at, (name, data) in enumerate(self.packages.items())
            ]
            return _json(200, listed)
        if file := re.fullmatch(r"/packages/generic/demo/1\.1\.0/([^/]+)", rest):
            self.packages[unquote(file[1])] = asked.body
            return _json(201, {"message": "201 Created"})
        return self._gitlab_release(asked, rest)

    def _gitlab_release(self, asked: Asked, rest: str) -> Reply:
        found = next((release for release in self.releases if rest.startswith(f"/releases/{release.tag}")), None)
        if rest == "/releases" and asked.method == "POST":
            value = json.loads(asked.body)
            if any(release.tag == value["tag_name"] for release in self.releases):
                return _json(409, {"message": "Release already exists"})
            names = [self._linked(link) for link in value["assets"]["links"]]
            made = Stored(
                1, value["tag_name"], value["description"], files={name: self.packages[name] for name in names}
            )
            self.releases.append(made)
            return _json(201, self._released(made))
        if found is None:
            return _json(404, {"message": "404 Not Found"})
        if rest.endswith("/assets/links"):
            name = self._linked(json.loads(asked.body))
            found.files[name] = self.packages[name]
            return _json(201, {"id": 1, "name": name})
        return _json(200, self._released(found))

    def _linked(self, link: dict[str, str]) -> str:
        assert link["url"] == f"{self.url}/projects/team%2Fdemo/packages/generic/demo/1.1.0/{link['name']}"
        return link["name"]

    def _released(self, release: Stored) -> dict[str, Any]:
        links = [{"id": at, "name": name} for at, name in enumerate(release.files)]
        return {
            "tag_name": release.tag, "description": release.body, "commit": {"id": COMMIT}, "assets": {"links": links},
            "_links": {"self": f"{self.stub.url}/{REPOSITORY}/-/releases/{release.tag}"},
        }  # fmt: skip


@contextmanager
def scripted_forge(kind: str) -> Iterator[ScriptedForge]:
    """Serve a forge of that kind until the end of the block."""
    forge = ScriptedForge(kind)
    with http_stub(forge.answer) as stub:
        forge.stub = stub
        yield forge


def _attachment(asked: Asked) -> bytes:
    """Return the file in a form, as Go's own parser would find it."""
    boundary = asked.headers["content-type"].partition("boundary=")[2].encode()
    first, part, last = asked.body.split(b"--" + boundary)
    assert (first, last) == (b"", b"--\r\n")
    head, _, data = part.partition(b"\r\n\r\n")
    assert b'name="attachment"' in head
    return data.removesuffix(b"\r\n")


def _number(name: str) -> int:
    return int(hashlib.sha256(name.encode()).hexdigest()[:8], 16)


def _digest(data: bytes) -> str:
    return "sha256:" + hashlib.sha256(data).hexdigest()


def _json(status: int, value: object) -> Reply:
    return Reply(status, json.dumps(value).encode(), {"Content-Type": "application/json"})
