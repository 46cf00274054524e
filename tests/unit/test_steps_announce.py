"""`announce`: everyone is told, and one deaf receiver does not keep the others from hearing."""

import json
from dataclasses import replace

import pytest

from releasd.errors import Fenced, Permanent, Transient
from releasd.steps import announce
from support.fakeports import Scene


@pytest.fixture
def scene() -> Scene:
    """Return a release of one file and three webhooks."""
    made = Scene(webhooks=("chat", "deploy", "mail"))
    made.release_commit()
    made.seal("demo-1.1.0.tar.gz", b"sdist", build="sdist", host="one")
    return made


def test_a_receiver_cannot_be_asked(scene: Scene) -> None:
    """There is nothing to observe: the key makes a repetition harmless."""
    assert announce.observe(scene.context()) is None


def test_everyone_is_told_once_with_a_key_of_their_own(scene: Scene) -> None:
    """Each webhook gets the same body, and a key that depends on release and receiver alone."""
    assert announce.apply(scene.context()) == {"told": ["chat", "deploy", "mail"]}
    assert [(name, key) for name, _, key in scene.notifier.told] == [
        (name, f"demo-1.1.0-{name}") for name in ("chat", "deploy", "mail")
    ]
    assert len({body for _, body, _ in scene.notifier.told}) == 1


def test_a_repetition_is_the_same_to_the_letter(scene: Scene) -> None:
    """A second attempt, later, sends the same bytes under the same keys."""
    announce.apply(scene.context())
    scene.clock.sleep(3600)
    announce.apply(scene.context())
    told = scene.notifier.told
    assert told[:3] == told[3:]


def test_the_body_says_what_was_released(scene: Scene) -> None:
    """The JSON of schema 1: what, where, which commit, which files with which digests."""
    body = json.loads(announce.release_json(scene.context()))
    (sealed,) = scene.journal.sealed
    assert body == {
        "schema": 1, "event": "release.published", "project": "demo", "distribution": "demo", "version": "1.1.0",
        "pep440": "1.1.0", "tag": "v1.1.0", "commit": scene.context().release_commit, "bump": "minor",
        "notes": scene.plan.notes, "indexes": ["pypi"],
        "files": [{"filename": "demo-1.1.0.tar.gz", "sha256": sealed.sha256, "size": 5}],
    }  # fmt: skip


@pytest.mark.parametrize("failure", [Transient("503"), Permanent("404")])
def test_one_failing_receiver_does_not_keep_the_others(scene: Scene, failure: Exception) -> None:
    """The rest is told, the failure is named, and the step is tried again."""
    scene.notifier.failures["chat"] = failure
    with pytest.raises(Transient, match=rf"not everyone was told: chat \({failure}\)"):
        announce.apply(scene.context())
    assert [name for name, _, _ in scene.notifier.told] == ["deploy", "mail"]
    assert f"chat: {failure}" in scene.output("announce")


def test_all_failures_are_named_together(scene: Scene) -> None:
    """Whoever reads the error sees everyone who did not hear."""
    scene.notifier.failures = {"chat": Transient("503"), "mail": Transient("down")}
    with pytest.raises(Transient, match=r"chat \(503\); mail \(down\)"):
        announce.apply(scene.context())


def test_a_lost_claim_tells_nobody(scene: Scene) -> None:
    """The fence stands before each delivery."""
    scene.journal.lost = True
    with pytest.raises(Fenced):
        announce.apply(scene.context())
    assert scene.notifier.told == []


def test_a_claim_lost_in_the_middle_ends_it_there(scene: Scene) -> None:
    """After the first delivery the claim is taken over: the others are the new owner's to tell."""
    scene.at_fault = lambda _: setattr(scene.journal, "lost", True)
    with pytest.raises(Fenced):
        announce.apply(scene.context())
    assert [name for name, _, _ in scene.notifier.told] == ["chat"]


def test_nobody_to_tell(scene: Scene) -> None:
    """Without webhooks the step succeeds."""
    scene.plan = replace(scene.plan, webhooks=())
    assert announce.apply(scene.context()) == {"told": []}
