"""The forge's contract against a real Gitea, where one was built: what the scripted one answers, it really answers."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from contracts.test_forge import FILES, NOTES, POINTS, WANTED, WHEEL, Died, Release
from releasd.adapters.index import HttpIndex
from releasd.errors import Conflict, Denied, Permanent, ReleasdError
from releasd.model import Evidence, StepName
from releasd.ports import Secret
from support.gitea import USER, Gitea, gitea_server
from support.gitrepo import make_remote, make_work
from support.wheels import make_wheel, sha256


@pytest.fixture(scope="module")
def gitea(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gitea]:
    with gitea_server(tmp_path_factory.mktemp("gitea")) as server:
        yield server


class Shown:
    """A release whose tag is on the forge, in a repository of its own, and the adapter for it."""

    def __init__(self, gitea: Gitea, folder: Path) -> None:
        self.gitea = gitea
        self.name = f"demo-{abs(hash(folder))}"
        remote = make_remote(folder / "remote.git")
        work = make_work(folder / "work", remote)
        self.commit = work.commit("feat: more", {"more.txt": "more"})
        work.tag("v1.1.0", message="v1.1.0")
        work.push()
        gitea.repository(remote, self.name)
        self.release = Release(folder)
        self.release.scene.journal.evidences[StepName.VERSION] = {"commit": self.commit}
        self.adapter = gitea.adapter(repository=f"{USER}/{self.name}")

    def put(self, notes: str, *, draft: bool) -> None:
        """Have a release with these notes already."""
        wanted = replace(WANTED, notes=notes, commit=self.commit)
        made = self.adapter.create(wanted)
        if not draft:
            self.adapter.publish(wanted, made)

    def show(self) -> Evidence:
        """Bring the release page about."""
        return self.release.show(self.adapter)

    def one(self) -> dict[str, Any]:
        (found,) = self.gitea.releases(self.name)
        return found

    def assert_whole(self) -> None:
        found = self.one()
        assert (found["draft"], found["tag_name"]) == (False, "v1.1.0")
        assert str(found["body"]).replace("\r\n", "\n").strip() == NOTES.strip()
        assert self.gitea.files(found) == FILES


@pytest.fixture
def shown(gitea: Gitea, tmp_path: Path) -> Shown:
    return Shown(gitea, tmp_path)


def test_a_release_is_made_with_its_bytes_and_notes(shown: Shown) -> None:
    """It is public, its files download with our bytes, its tag is where it was, and a second run changes nothing."""
    evidence = shown.show()
    shown.assert_whole()
    assert evidence["url"] == shown.one()["html_url"]
    assert shown.show() == evidence
    shown.assert_whole()
    (tag,) = shown.gitea.ask("GET", f"/repos/{USER}/{shown.name}/tags")
    assert tag["commit"]["sha"] == shown.commit


@pytest.mark.parametrize("point", POINTS)
def test_dying_in_between_leaves_one_release(shown: Shown, point: str) -> None:
    """After each effect the process dies; until all is there nobody sees it, and the next completes the same one."""

    def die(at: str) -> None:
        if at == point:
            raise Died

    shown.release.scene.at_fault = die
    with pytest.raises(Died):
        shown.show()
    assert shown.one()["draft"] == (point != "announce.published")
    shown.release.scene.at_fault = lambda _: None
    shown.show()
    shown.assert_whole()


@pytest.mark.parametrize("draft", [True, False])
def test_what_is_there_without_files_is_completed(shown: Shown, *, draft: bool) -> None:
    """A release with our notes that somebody began, draft or public, is completed and not doubled."""
    shown.put(NOTES, draft=draft)
    shown.show()
    shown.assert_whole()


def test_what_is_not_ours_is_left_alone(shown: Shown) -> None:
    """Other notes are a conflict, and nothing is changed."""
    shown.put("written by hand", draft=False)
    with pytest.raises(Conflict, match="with other notes than ours"):
        shown.show()
    assert shown.one()["assets"] == []


def test_a_file_of_another_size_is_a_conflict(shown: Shown) -> None:
    """Somebody attached something else under our file's name."""
    shown.put(NOTES, draft=False)
    other = shown.release.folder / "other"
    other.write_bytes(b"other")
    found = shown.adapter.find(WANTED)
    assert found is not None
    shown.adapter.upload(WANTED, found, WHEEL, other)
    with pytest.raises(Conflict, match=rf"has {WHEEL} in its release for v1.1.0 with other bytes"):
        shown.show()
    assert shown.gitea.files(shown.one()) == {WHEEL: b"other"}


def test_names_with_signs_survive(shown: Shown) -> None:
    """A local version's plus, and what a form could take for its end."""
    odd = 'demo-1.1.0+cuda "x"%.whl'
    shown.put(NOTES, draft=False)
    found = shown.adapter.find(WANTED)
    assert found is not None
    (shown.release.folder / "odd").write_bytes(b"odd")
    shown.adapter.upload(WANTED, found, odd, shown.release.folder / "odd")
    assert shown.gitea.files(shown.one()) == {odd: b"odd"}


def test_a_wrong_token_and_a_wrong_repository_are_told(shown: Shown) -> None:
    """Both end with the entry to mend, and nothing is made."""
    with pytest.raises(Denied) as denied:
        shown.release.show(shown.gitea.adapter(token="0" * 40, repository=f"{USER}/{shown.name}"))
    assert "[forges.main]" in denied.value.advice
    with pytest.raises(Permanent) as absent:
        shown.release.show(shown.gitea.adapter(repository=f"{USER}/nothing"))
    assert "url and repository in [forges.main]" in absent.value.advice
    assert shown.gitea.releases(shown.name) == []


def test_its_registry_of_packages_is_an_index(gitea: Gitea, tmp_path: Path) -> None:
    """It has no page of its own, so the first release is told of that; what is uploaded is listed, and sent once."""
    urls = {"publish_url": f"{gitea.url}/api/packages/{USER}/pypi"}
    urls["simple_url"] = f"{urls['publish_url']}/simple/"
    index = HttpIndex(name="own", **urls, token=lambda: Secret(gitea.token))
    assert "check it under [indexes.own]" in index.doubt("demo")
    wheel = make_wheel(tmp_path, "demo", "1.0")
    for _ in range(2):
        index.upload([wheel], lambda _: None)
    (file,) = index.files("demo", "1.0")
    assert file.sha256 == index.download_sha256(file) == sha256(wheel)
    assert index.doubt("demo") == ""
    (tmp_path / "other").mkdir()
    other = make_wheel(tmp_path / "other", "demo", "1.0", body="OTHER = 1\n")
    with pytest.raises(ReleasdError):
        index.upload([other], lambda _: None)
    assert index.files("demo", "1.0") == (file,)
