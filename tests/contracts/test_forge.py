"""One suite over every kind of forge: a release page is made, completed, never doubled, and never taken over."""

import json
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest

from releasd.adapters.artifacts import ArtifactFolder
from releasd.errors import Conflict, Denied, Permanent, ReleasdError, SecretError, Transient
from releasd.model import Evidence, StepName
from releasd.ports import Forge, ForgeRelease, WantedRelease
from releasd.steps import announce
from releasd.steps import forge as page
from support.fakeports import Scene, digest
from support.forges import COMMIT, KINDS, TOKEN, ScriptedForge, scripted_forge
from support.httpstub import Asked, Reply, Stub
from support.ports import own_port

WHEEL, SDIST, SUMS = "demo-1.1.0-py3-none-any.whl", "demo-1.1.0.tar.gz", "SHA256SUMS"
FILES = {WHEEL: b"wheel" * 1000, SDIST: b"sdist" * 2000, SUMS: b"sums"}
NOTES = "# 1.1.0 (2026-11-23)\n\n* more\n"
WANTED = WantedRelease(
    tag="v1.1.0", commit=COMMIT, title="demo 1.1.0", notes=NOTES.strip(), is_prerelease=False, package="demo",
    version="1.1.0",
)  # fmt: skip


class Died(BaseException):
    """Stands for SIGKILL."""


@dataclass
class Release:
    """A verified release of two files and an attachment, and the step that shows it."""

    folder: Path
    scene: Scene = field(default_factory=Scene)

    def __post_init__(self) -> None:
        self.scene.journal.evidences[StepName.VERSION] = {"commit": COMMIT}
        self.store = ArtifactFolder(self.folder / "artifacts")
        for name in (WHEEL, SDIST):
            made = self.scene.seal(name, FILES[name])
            (self.folder / name).write_bytes(FILES[name])
            self.store.adopt(self.folder / name, made.sha256)
        (self.folder / SUMS).write_bytes(FILES[SUMS])

    def show(self, forge: Forge) -> Evidence:
        ctx = replace(self.scene.context(), artifacts=self.store)
        return page.complete(ctx, forge, announce.announcement(ctx), [(SUMS, self.folder / SUMS)])


@pytest.fixture
def release(tmp_path: Path) -> Release:
    """Return a release to be shown."""
    return Release(tmp_path)


@pytest.fixture(params=KINDS)
def server(request: pytest.FixtureRequest) -> Iterator[ScriptedForge]:
    """Return an empty forge of each kind."""
    with scripted_forge(request.param) as forge:
        yield forge


def test_a_release_is_made_and_public_last(server: ScriptedForge, release: Release) -> None:
    """Every byte and the notes are there, and until all were, nobody could see a release that lacks some."""
    evidence = release.show(server.adapter())
    assert server.shown() == FILES
    assert server.releases[0].body == NOTES.strip()
    assert set(server.seen_public) == {0, len(FILES)}
    assert evidence["files"] == {name: digest(data) for name, data in FILES.items()}
    assert evidence["url"].startswith(server.stub.url)
    assert evidence["url"].endswith("v1.1.0")


def test_what_is_there_is_adopted(server: ScriptedForge, release: Release) -> None:
    """A second run changes nothing, any number of times."""
    release.show(server.adapter())
    before = server.changes()
    assert release.show(server.adapter()) == release.show(server.adapter())
    assert server.changes() == before


@pytest.mark.parametrize("draft", [True, False])
def test_half_done_is_completed(server: ScriptedForge, release: Release, draft: bool) -> None:  # noqa: FBT001
    """Whether a draft or public: what is lacking is added to the same release, and what is there is not sent again."""
    server.put(NOTES, {WHEEL: FILES[WHEEL]}, draft=draft)
    release.show(server.adapter())
    assert server.shown() == FILES
    assert len(server.releases) == 1
    assert not any(FILES[WHEEL] in asked.body for asked in server.stub.asked)


def test_a_file_of_another_size_is_a_conflict(server: ScriptedForge, release: Release) -> None:
    """Somebody attached something else under our file's name: a person is called, and nothing is touched."""
    server.put(NOTES, {WHEEL: b"other"}, draft=False)
    with pytest.raises(Conflict, match=rf"has {WHEEL} in its release for v1.1.0 with other bytes"):
        release.show(server.adapter())
    assert server.changes() == []
    assert server.shown() == {WHEEL: b"other"}


def test_a_file_with_another_digest_is_a_conflict(server: ScriptedForge, release: Release) -> None:
    """Where the forge tells digests, the same size does not deceive; where it tells none, the size is all there is."""
    server.put(NOTES, {WHEEL: b"WHEEL" * 1000}, draft=False)
    if server.kind in {"gitea", "forgejo"}:
        release.show(server.adapter())
        assert (server.shown() or {})[WHEEL] == b"WHEEL" * 1000
        return
    with pytest.raises(Conflict, match="with other bytes"):
        release.show(server.adapter())
    assert server.changes() == []


def test_other_notes_are_a_conflict(server: ScriptedForge, release: Release) -> None:
    """A release that somebody else wrote for our tag is not ours to change."""
    server.put("written by hand", {}, draft=False)
    with pytest.raises(Conflict, match="with other notes than ours"):
        release.show(server.adapter())
    assert server.changes() == []


def test_what_others_attached_stays(server: ScriptedForge, release: Release) -> None:
    """A file that is not ours is no business of ours."""
    server.put(NOTES, {"manual.pdf": b"pdf"}, draft=False)
    release.show(server.adapter())
    assert server.shown() == {**FILES, "manual.pdf": b"pdf"}


POINTS = ("announce.drafted", "announce.uploaded", "announce.published")


@pytest.mark.parametrize("point", POINTS)
def test_dying_in_between_leaves_one_release(server: ScriptedForge, release: Release, point: str) -> None:
    """After each effect the process dies; the next one completes the same release, and sends nothing twice."""

    def die(at: str) -> None:
        if at == point:
            raise Died

    release.scene.at_fault = die
    with pytest.raises(Died):
        release.show(server.adapter())
    release.scene.at_fault = lambda _: None
    release.show(server.adapter())
    assert server.shown() == FILES
    assert len(server.releases) == 1
    sent = [asked.body for asked in server.stub.asked if FILES[WHEEL] in asked.body]
    assert len(sent) == 1


def test_an_answer_that_never_came_is_looked_up(server: ScriptedForge, release: Release) -> None:
    """Each change happens, and a proxy says 504: the next attempt finds it done, and there is one of each."""
    failed: set[str] = set()

    def lose(asked: Asked) -> Reply | None:
        is_first = asked.method != "GET" and asked.path not in failed
        failed.add(asked.path)
        return Reply(504, b"gateway timeout") if is_first else None

    server.after = lose
    for _ in range(12):
        try:
            release.show(server.adapter())
        except Transient:
            continue
        break
    assert server.shown() == FILES
    assert len(server.releases) == 1
    assert sum(FILES[WHEEL] in asked.body for asked in server.stub.asked) == 1


ACTIONS: dict[str, Callable[[Forge, Path], object]] = {
    "find": lambda forge, _: forge.find(WANTED),
    "upload": lambda forge, path: forge.upload(WANTED, ForgeRelease(id="1", is_draft=True), path.name, path),
    "publish": lambda forge, _: forge.publish(WANTED, ForgeRelease(id="1", is_draft=True)),
}
Refusal = tuple[int, dict[str, str], str, type[ReleasdError]]
REFUSALS: list[Refusal] = [
    (401, {}, "bad credentials", Denied), (403, {}, "forbidden", Denied), (400, {}, "bad", Permanent),
    (409, {}, "exists", Transient), (422, {}, "tag_name is invalid", Permanent), (422, {}, "already_exists", Transient),
    (429, {"Retry-After": "30"}, "slow down", Transient), (500, {}, "", Transient), (502, {}, "", Transient),
    (503, {}, "", Transient), (302, {"Location": "/elsewhere"}, "", Permanent),
]  # fmt: skip


@pytest.mark.parametrize("refusal", REFUSALS)
@pytest.mark.parametrize("action", ACTIONS)
def test_refusals_are_told_by_cause(server: ScriptedForge, tmp_path: Path, action: str, refusal: Refusal) -> None:
    """What a person has to mend is told from what may pass; the forge's words are shown, never the token it echoes."""
    status, headers, words, error = refusal

    def refuse(asked: Asked) -> Reply:
        echoed = asked.headers.get("authorization", "") + asked.headers.get("private-token", "")
        return Reply(status, json.dumps({"message": words, "echo": echoed}).encode(), headers)

    (tmp_path / SDIST).write_bytes(b"x")
    server.before = refuse
    with pytest.raises(ReleasdError) as caught:
        ACTIONS[action](server.adapter(), tmp_path / SDIST)
    assert type(caught.value) is error
    assert f"forge main answered {status}" in caught.value.message
    assert words in caught.value.message
    assert TOKEN not in caught.value.message + caught.value.advice
    assert caught.value.advice
    if status == 429:
        assert isinstance(caught.value, Transient)
        assert caught.value.retry_after == 30.0
    assert not any("elsewhere" in asked.path for asked in server.stub.asked)


def test_another_repository_is_no_absent_release(server: ScriptedForge) -> None:
    """404 for everything is a wrong address, not a release to be made."""
    server.before = lambda _: Reply(404, b'{"message": "Not Found"}')
    with pytest.raises(Permanent, match="answered 404") as caught:
        server.adapter().find(WANTED)
    assert "url and repository in [forges.main]" in caught.value.advice


def test_a_forge_that_hangs_is_not_waited_for(server: ScriptedForge) -> None:
    """It is tried again later."""
    over = threading.Event()
    server.before = lambda _: (over.wait(60), None)[1]
    begun = time.monotonic()
    with pytest.raises(Transient, match="could not be reached"):
        server.adapter(timeout=0.3).find(WANTED)
    assert time.monotonic() - begun < 30
    over.set()


def test_a_forge_that_is_down(server: ScriptedForge) -> None:
    """Nobody listens: it is tried again later, and the address, which may hold a secret, is not shown."""
    server.stub = Stub(f"http://127.0.0.1:{own_port()}")
    with pytest.raises(Transient) as caught:
        server.adapter().find(WANTED)
    assert server.stub.url not in caught.value.message


def test_something_else_than_a_forge(server: ScriptedForge) -> None:
    """A web page instead of JSON: most likely the address lacks the API's part."""
    server.before = lambda _: Reply(200, b"<html>welcome</html>")
    with pytest.raises(Permanent, match="did not answer as a") as caught:
        server.adapter().find(WANTED)
    assert "the address is that of the API" in caught.value.advice


def test_a_wrong_token(server: ScriptedForge, release: Release) -> None:
    """The forge itself refuses it; the advice names the entry."""
    with pytest.raises(Denied) as caught:
        release.show(server.adapter(token="other-token-9876543210"))
    assert "[forges.main]" in caught.value.advice
    assert server.releases == []


@pytest.mark.parametrize("token", ["", "two words", "line\nend", "naïve"])
def test_a_malformed_token_is_not_sent(server: ScriptedForge, token: str) -> None:
    """Nothing is asked, and what it holds is not shown."""
    with pytest.raises(SecretError) as caught:
        server.adapter(token=token).find(WANTED)
    assert not token or token not in caught.value.message
    assert server.stub.asked == []
