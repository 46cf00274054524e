"""`publish`: what an index lists is the truth, whatever the uploader says."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from releasd.errors import Cancelled, CheckFailed, Conflict, Denied, Fenced, Permanent, ReleasdError, Transient
from releasd.ports import Sink
from releasd.steps import publish
from support.dist import wheel
from support.fakehost import FakeHost, Scripted
from support.fakeports import TOOLS, FakeIndex, Scene, host_spec

WHEEL, SDIST = "demo-1.1.0-py3-none-any.whl", "demo-1.1.0.tar.gz"


@pytest.fixture
def scene() -> Scene:
    """Return a release of two sealed files and an empty index."""
    made = Scene()
    made.seal(WHEEL, wheel().getvalue())
    made.seal(SDIST, b"sdist")
    return made


def test_an_empty_index_has_nothing_to_adopt(scene: Scene) -> None:
    """Before the upload nothing is there."""
    assert publish.observe(scene.context()) is None
    assert scene.index.asked == [("demo", "1.1.0")]


def test_everything_is_uploaded_at_once(scene: Scene) -> None:
    """Both files go up in one call, and the evidence names them with their digests."""
    evidence = publish.apply(scene.context())
    assert scene.index.uploads == [(WHEEL, SDIST)]
    assert evidence["uploaded"] == {"pypi": [WHEEL, SDIST]}
    assert evidence["files"] == {a.filename: a.sha256 for a in scene.journal.sealed}
    assert evidence["indexes"] == ["pypi"]


def test_what_an_earlier_attempt_uploaded_is_adopted(scene: Scene) -> None:
    """After a crash right behind the upload nothing is sent again."""
    publish.apply(scene.context())
    seen = publish.observe(scene.context())
    assert seen is not None
    assert seen["uploaded"] == {}
    assert len(scene.index.uploads) == 1


def test_only_what_is_lacking_is_sent(scene: Scene) -> None:
    """An upload that was cut off is completed, not repeated."""
    scene.index.put(scene.journal.sealed[0])
    assert publish.observe(scene.context()) is None
    assert publish.apply(scene.context())["uploaded"] == {"pypi": [SDIST]}
    assert scene.index.uploads == [(SDIST,)]


def test_the_same_name_with_other_bytes_is_a_conflict(scene: Scene) -> None:
    """Nothing is sent to an index that has another file of our name: a person is called."""
    scene.index.stored[WHEEL] = "0" * 64
    for look in (publish.observe, publish.apply):
        with pytest.raises(Conflict, match=f"pypi has {WHEEL} with other bytes") as caught:
            look(scene.context())
        assert "new version" in caught.value.advice
    assert scene.index.uploads == []


def test_an_index_without_digests_is_asked_for_the_bytes(scene: Scene) -> None:
    """Where the listing gives no digest, the bytes are downloaded and judged."""
    for artifact in scene.journal.sealed:
        scene.index.put(artifact)
        scene.index.listing[artifact.filename] = None
    assert publish.observe(scene.context()) is not None
    assert sorted(scene.index.downloads) == [WHEEL, SDIST]
    scene.index.stored[SDIST] = "0" * 64
    with pytest.raises(Conflict):
        publish.observe(scene.context())


@pytest.mark.parametrize("error", [Transient("timed out"), Permanent("400"), Denied("403"), Conflict("exists")])
def test_a_failed_upload_that_arrived_is_a_success(scene: Scene, error: ReleasdError) -> None:
    """The uploader's verdict counts for nothing when the index has every file with our bytes."""
    scene.index.upload_error = error
    assert publish.apply(scene.context())["uploaded"] == {"pypi": [WHEEL, SDIST]}
    assert f"the upload ended with: {error.message}; asking the index what it has" in scene.output("pypi")


@pytest.mark.parametrize("error", [Transient("timed out"), Denied("wrong token")])
def test_a_failed_upload_that_did_not_arrive_fails_by_its_cause(scene: Scene, error: ReleasdError) -> None:
    """With a file lacking, the uploader's error is passed on as it is: its class decides on repetition."""
    scene.index.upload_error, scene.index.stores = error, 1
    with pytest.raises(type(error), match=error.message):
        publish.apply(scene.context())


def test_an_upload_that_says_well_and_stored_nothing_is_not_believed(scene: Scene) -> None:
    """A good exit code without files on the index is put off, and says what is missing."""
    scene.index.stores = 0
    with pytest.raises(Transient, match=f"does not list {WHEEL}, {SDIST} yet"):
        publish.apply(scene.context())
    assert len(scene.clock.slept) == publish.LISTING_PATIENCE


def test_an_index_that_lags_is_waited_for(scene: Scene) -> None:
    """Files that appear some seconds after the upload are seen, without another upload."""
    scene.index.lag = 5
    publish.apply(scene.context())
    assert scene.clock.slept == [1.0] * 5
    assert len(scene.index.uploads) == 1


def test_a_failed_upload_with_a_lagging_index_is_put_off(scene: Scene) -> None:
    """Unknown is unknown: the error is passed on, and the next attempt looks before it sends."""
    scene.index.upload_error, scene.index.lag = Transient("timed out"), 2
    with pytest.raises(Transient, match="timed out"):
        publish.apply(scene.context())
    scene.index.upload_error = None
    scene.index.files("demo", "1.1.0")
    assert publish.observe(scene.context()) is not None


def test_a_file_that_was_taken_and_is_not_listed_yet_is_not_sent_again(scene: Scene) -> None:
    """A registry that lags: the uploader judged every file and refused none, so the next attempt waits for it."""
    scene.index.upload_error, scene.index.lag = Transient("does not list it yet"), 200
    scene.index.upload_error.by_file = {}
    with pytest.raises(Transient):
        publish.apply(scene.context())
    assert states(scene) == {WHEEL: "uploaded", SDIST: "uploaded"}
    with pytest.raises(Transient, match="does not list"):
        publish.apply(scene.context())
    assert len(scene.index.uploads) == 1


def test_a_wait_for_the_listing_can_be_cancelled(scene: Scene) -> None:
    """Nobody is held for as long as an index lags."""
    scene.index.lag, scene.stop = 200, lambda: bool(scene.index.uploads)
    with pytest.raises(Cancelled):
        publish.apply(scene.context())
    assert scene.clock.slept == []


def test_what_was_there_at_the_first_look_is_on_record_too(scene: Scene) -> None:
    """`status` shows the destination of a release that needed no upload."""
    for artifact in scene.journal.sealed:
        scene.index.put(artifact)
    assert publish.observe(scene.context()) is not None
    assert states(scene) == {WHEEL: "served", SDIST: "served"}


def test_an_upload_that_met_other_bytes_is_a_conflict(scene: Scene) -> None:
    """When somebody else's file came in between, the conflict is named, not the uploader's error."""
    scene.index.upload_error, scene.index.stores = Permanent("400 file exists"), 0
    real, index = scene.index.upload, scene.index

    def upload(paths: object, sink: object) -> None:
        index.stored[WHEEL] = "0" * 64
        real(paths, sink)

    index.upload = upload
    with pytest.raises(Conflict, match="other bytes"):
        publish.apply(scene.context())


def test_a_lost_claim_uploads_nothing(scene: Scene) -> None:
    """The fence stands right before the upload."""
    scene.journal.lost = True
    with pytest.raises(Fenced):
        publish.apply(scene.context())
    assert scene.index.uploads == []


def test_the_fault_point_lies_behind_the_upload(scene: Scene) -> None:
    """The moment when the index knows and the journal does not is where the fault tier kills."""
    scene.at_fault = lambda _: scene.said["seen"].append(str(len(scene.index.stored)).encode())
    publish.apply(scene.context())
    assert scene.journal.calls == ["fence", "publish.uploaded"]
    assert scene.output("seen") == "2"


def test_indexes_are_served_one_after_the_other(scene: Scene) -> None:
    """A failure on the first index keeps the second untouched."""
    scene.indexes["mirror"] = FakeIndex("mirror")
    scene.plan = replace(scene.plan, indexes=("pypi", "mirror"))
    scene.index.upload_error, scene.index.stores = Denied("wrong token"), 0
    with pytest.raises(Denied):
        publish.apply(scene.context())
    assert scene.indexes["mirror"].uploads == []
    scene.index.upload_error, scene.index.stores = None, None
    assert publish.apply(scene.context())["uploaded"] == {"pypi": [WHEEL, SDIST], "mirror": [WHEEL, SDIST]}


def test_every_index_has_to_have_every_file(scene: Scene) -> None:
    """What is on one index is not adopted while the other lacks it; then only the other is served."""
    scene.indexes["mirror"] = FakeIndex("mirror")
    scene.plan = replace(scene.plan, indexes=("pypi", "mirror"))
    for artifact in scene.journal.sealed:
        scene.index.put(artifact)
    assert publish.observe(scene.context()) is None
    assert publish.apply(scene.context())["uploaded"] == {"pypi": [], "mirror": [WHEEL, SDIST]}
    assert scene.index.uploads == []


def test_a_release_for_no_index_is_there_already(scene: Scene) -> None:
    """A project that publishes nowhere is tagged only: there is nothing to do."""
    scene.plan = replace(scene.plan, indexes=())
    assert publish.observe(scene.context()) is not None


def test_an_index_that_is_down_is_put_off(scene: Scene) -> None:
    """An index that cannot be asked is not sent anything."""
    scene.index.files_error = Transient("503", retry_after=60)
    with pytest.raises(Transient) as caught:
        publish.observe(scene.context())
    assert caught.value.retry_after == 60
    assert scene.index.uploads == []


def two(scene: Scene, **mirror: object) -> None:
    """Have a second destination."""
    scene.indexes["mirror"] = FakeIndex("mirror", **mirror)
    scene.plan = replace(scene.plan, indexes=("pypi", "mirror"))


def states(scene: Scene, index: str = "pypi") -> dict[str, str]:
    """Return how far each file is by the record."""
    return {name: str(each.state) for name, each in scene.journal.way[index].items()}


def test_each_file_has_its_state(scene: Scene) -> None:
    """What is listed is served; what was refused is planned still, with the reason."""
    scene.index.upload_error, scene.index.stores = Permanent("400 too large"), 1
    with pytest.raises(Permanent):
        publish.apply(scene.context())
    assert states(scene) == {WHEEL: "served", SDIST: "planned"}
    assert scene.journal.way["pypi"][SDIST].error == "400 too large"


def test_a_file_that_is_stored_and_not_yet_served_is_not_sent_again(scene: Scene) -> None:
    """The next attempt waits for the listing; only after the half hour that indexes may need it is sent again."""
    scene.index.lag = 1000
    for _ in range(2):
        with pytest.raises(Transient, match="does not list"):
            publish.apply(scene.context())
    assert len(scene.index.uploads) == 1
    assert set(states(scene).values()) == {"uploaded"}


def test_the_next_destination_waits_for_proof(scene: Scene) -> None:
    """It gets files only once the one before serves everything, downloaded and installed."""
    two(scene)
    seen: list[bool] = []
    mirror = scene.indexes["mirror"]
    real = mirror.upload

    def upload(paths: Sequence[Path], sink: Sink) -> None:
        seen.append("pypi" in scene.journal.proofs)
        real(paths, sink)

    mirror.upload = upload
    publish.apply(scene.context())
    assert seen == [True]
    assert set(states(scene).values()) == {"verified"}
    assert set(states(scene, "mirror").values()) == {"served"}


def test_a_gate_that_fails_keeps_the_next_destination_untouched(scene: Scene) -> None:
    """Nothing goes on without a person, and a retry uploads nothing again."""
    two(scene)
    scene.index.rules = replace(scene.index.rules, gate="false")
    host = FakeHost(host_spec(), lambda task: Scripted(exit_status=71 if "GATE" in task.env else 0), tools=TOOLS)
    scene.hosts.registered = [host]
    with pytest.raises(CheckFailed, match="the gate of pypi failed"):
        publish.apply(scene.context())
    assert scene.indexes["mirror"].uploads == []
    scene.index.rules = replace(scene.index.rules, gate=None)
    assert publish.apply(scene.context())["uploaded"] == {"pypi": [], "mirror": [WHEEL, SDIST]}


def test_a_destination_gets_only_the_files_of_its_kind(scene: Scene) -> None:
    """A file that does not belong there is neither sent nor missed."""
    scene.index.kinds = (".whl",)
    publish.apply(scene.context())
    assert scene.index.uploads == [(WHEEL,)]
    assert publish.observe(scene.context()) is not None
