"""What only one kind of forge does."""

import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from releasd.adapters.forges import forge_of
from releasd.errors import ConfigError, Permanent, Transient
from releasd.ports import ForgeRelease, Secret, WantedRelease
from support.forges import COMMIT, ScriptedForge, Stored, scripted_forge
from support.httpstub import Asked, Reply, http_stub

WANTED = WantedRelease(
    tag="v1.1.0", commit=COMMIT, title="demo 1.1.0", notes="more", is_prerelease=False, package="demo", version="1.1.0"
)


@pytest.fixture
def github() -> Iterator[ScriptedForge]:
    """Return a GitHub."""
    with scripted_forge("github") as forge:
        yield forge


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """Return a file to upload."""
    path = tmp_path / "demo-1.1.0.tar.gz"
    path.write_bytes(b"sdist")
    return path


@pytest.mark.parametrize("kind", ["gitea", "github"])
@pytest.mark.parametrize("pre", [True, False])
def test_a_pre_release_is_marked(kind: str, pre: bool) -> None:  # noqa: FBT001
    """As a draft already, and still when it is public."""
    with scripted_forge(kind) as forge:
        wanted = replace(WANTED, is_prerelease=pre)
        made = forge.adapter().create(wanted)
        assert (forge.releases[0].prerelease, made.is_draft) == (pre, True)
        forge.adapter().publish(wanted, made)
        assert (forge.releases[0].prerelease, forge.releases[0].draft) == (pre, False)


@pytest.mark.parametrize("kind", ["gitea", "github"])
def test_a_draft_behind_many_is_found(kind: str) -> None:
    """By tag a draft is not shown, so the pages are looked through."""
    with scripted_forge(kind) as forge:
        forge.put("more", {}, draft=True)
        forge.releases += [Stored(number, f"v0.{number}.0", "old") for number in range(2, 90)]
        found = forge.adapter().find(WANTED)
        assert found is not None
        assert (found.id, found.is_draft) == ("1", True)


def test_what_broke_off_is_removed_first(github: ScriptedForge, file: Path) -> None:
    """GitHub keeps the name of an upload that broke off; it counts as absent, and gives way to the whole file."""
    made = github.put("more", {file.name: b"sd"}, draft=True)
    assert made is not None
    made.broken.add(file.name)
    found = github.adapter().find(WANTED)
    assert found is not None
    assert found.files == ()
    github.adapter().upload(WANTED, found, file.name, file)
    assert made.files == {file.name: b"sdist"}


def test_the_token_goes_to_no_other_place(github: ScriptedForge, file: Path) -> None:
    """An answer that names another host for uploads gets nothing from us."""
    stolen: list[Asked] = []

    def steal(asked: Asked) -> Reply:
        stolen.append(asked)
        return Reply(201, b"{}")

    with http_stub(steal) as thief:
        body = f'{{"id": 1, "tag_name": "v1.1.0", "upload_url": "{thief.url}/assets{{?name}}"}}'.encode()
        github.before = lambda _: Reply(200, body)
        with pytest.raises(Permanent, match="wants files to be sent to another place"):
            github.adapter().upload(WANTED, ForgeRelease(id="1", is_draft=True), file.name, file)
    assert stolen == []


def test_a_used_up_rate_limit_passes(github: ScriptedForge) -> None:
    """GitHub refuses with 403 then, and says when it is full again."""
    headers = {"X-RateLimit-Remaining": "0", "X-RateLimit-Reset": str(int(time.time()) + 90)}
    github.before = lambda _: Reply(403, b'{"message": "API rate limit exceeded"}', headers)
    with pytest.raises(Transient) as caught:
        github.adapter().find(WANTED)
    assert caught.value.retry_after is not None
    assert 60 < caught.value.retry_after <= 91


def test_gitlab_tells_of_another_commit() -> None:
    """GitLab alone says which commit a release is at."""
    with scripted_forge("gitlab") as forge:
        forge.put("more", {}, draft=False)
        found = forge.adapter().find(WANTED)
        assert found is not None
        assert found.commit == COMMIT


def test_an_unknown_kind() -> None:
    """A kind that nobody knows is a mistake in the configuration."""
    with pytest.raises(ConfigError, match="no forge is of the kind sourcehut"):
        forge_of(name="x", kind="sourcehut", url="http://127.0.0.1", repository="a/b", token=lambda: Secret("x"))
