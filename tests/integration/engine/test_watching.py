"""The watcher on a real store and a real history: what a stolen token does is seen, what releasd does is no alarm."""

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

import pytest
from sqlalchemy import Engine, event

from releasd import store
from releasd.engine import view
from releasd.engine.operator import Operator
from releasd.engine.watching import SOONER, Watcher
from releasd.errors import Denied, Transient, UsageError
from releasd.model import IndexAlarm, ListedFile, StepName
from support.fakeindex import FakeIndex
from support.lab import Killed, Lab

EVERY = timedelta(hours=1)
STRANGE, OTHER = "demo-9.9.9-py3-none-any.whl", "0" * 64
WHEEL = "demo-1.1.0-py3-none-any.whl"


class Watch:
    """A watcher of the lab's project, and what it complained of."""

    def __init__(self, lab: Lab) -> None:
        self.lab = lab
        self.complaints: list[str] = []
        self.woken = 0
        self.restart()

    def restart(self) -> None:
        """Begin anew, as a daemon does that is started again or reads its configuration again."""
        self.watcher = Watcher(world=self.lab.world, every=EVERY, complain=self._complain, wake=self._wake)

    def _complain(self, _: str, why: object) -> None:
        self.complaints.append(str(why))

    def _wake(self) -> None:
        self.woken += 1

    def look(self) -> tuple[IndexAlarm, ...]:
        """Let an hour pass and the clock tick; return the alarms."""
        self.lab.clock.at += EVERY
        self.watcher.tick()
        return self.lab.store.alarms()


@pytest.fixture
def watch(lab: Lab) -> Watch:
    return Watch(lab)


def test_what_was_there_before_registration_is_no_alarm(lab: Lab, watch: Watch) -> None:
    """The first look remembers what is there, and says so."""
    lab.index.stored["demo-0.9.tar.gz"] = OTHER
    assert watch.look() == ()
    assert watch.look() == ()
    (told,) = lab.events("index.watched")
    assert told == {"index": "pypi", "distribution": "demo", "files": 1}


def test_a_look_at_many_files_keeps_the_store_for_few_statements(lab: Lab, watch: Watch) -> None:
    """All of the daemon's writes wait meanwhile, and no longer than five seconds: an index may list any number."""
    lab.index.stored = {f"demo-{number}.tar.gz": OTHER for number in range(400)}
    said: list[str] = []

    def listen(*args: object) -> None:
        said.append(str(args[2]))

    event.listen(Engine, "before_cursor_execute", listen)
    try:
        watch.look()
    finally:
        event.remove(Engine, "before_cursor_execute", listen)
    assert lab.events("index.watched")[0]["files"] == 400
    assert len([each for each in said if each.startswith(("INSERT", "UPDATE", "DELETE"))]) < 40


def test_releases_are_no_alarm(lab: Lab, watch: Watch) -> None:
    """What releasd publishes between looks is in the ledger, whether or not there was a look before."""
    watch.look()
    lab.assert_released(lab.release(), "1.1.0")
    assert watch.look() == ()
    lab.assert_released(lab.release("fix: again"), "1.1.1")
    watch.restart()
    assert watch.look() == ()


def test_a_release_that_is_being_published_is_no_alarm(lab: Lab, watch: Watch) -> None:
    """Between the upload and its place in the journal the file is in the ledger already."""
    watch.look()
    seen: list[tuple[IndexAlarm, ...]] = []
    lab.at_fault = lambda point: seen.append(watch.look()) if point == "publish.uploaded" else None
    lab.release()
    assert seen == [()]
    assert WHEEL in lab.store.watched_files(store.Watch(project="demo", index="pypi", distribution="demo"))


def test_a_file_of_a_stolen_token_is_an_alarm_until_it_is_acknowledged(lab: Lab, watch: Watch) -> None:
    """It is raised once, shown by `status` with what to do, and gone when a person says what came of it."""
    lab.release()
    watch.look()
    lab.index.stored[STRANGE] = OTHER
    (alarm,) = watch.look()
    assert watch.look() == (alarm,)
    (shown,) = view.status(lab.store, lab.clock.now())["alarms"]
    assert (shown["filename"], shown["version"], shown["kind"]) == (STRANGE, "9.9.9", "foreign")
    assert len(lab.events("index.alarmed")) == 1
    assert watch.woken == 3, "what is new in the store waits for the audit file"
    operator = Operator(lab.world, lambda: None)
    assert operator.acknowledge(alarm.id, "mine")["note"] == "mine"
    operator.acknowledge(alarm.id, "twice")
    assert watch.look() == ()
    assert [event["note"] for event in lab.events("index.acknowledged")] == ["mine"]


def test_a_file_with_an_odd_name_is_an_alarm_like_any_other(lab: Lab, watch: Watch) -> None:
    """Line breaks, NUL and half characters, which no database takes, are escapes; the bytes are read all the same."""
    watch.look()
    lab.index.stored["demo-9\n\0\ud800.whl"] = OTHER
    lab.index.listing["demo-9\n\0\ud800.whl"] = "no digest"
    (alarm,) = watch.look()
    assert (alarm.filename, alarm.found) == (r"demo-9\n\x00\ud800.whl", None)
    assert watch.complaints == []


def test_an_unknown_alarm_cannot_be_acknowledged(lab: Lab) -> None:
    """The number was mistyped: the asker is told where the alarms are."""
    with pytest.raises(UsageError, match="no alarm 7"):
        Operator(lab.world, lambda: None).acknowledge(7, "x")


def test_a_file_sealed_but_never_released_is_an_alarm_on_the_index(lab: Lab, watch: Watch) -> None:
    """Only what a release began to publish is in the ledger: who else uploads a built file is no release."""
    lab.at_fault = lambda point: (_ for _ in ()).throw(Denied("no")) if point == "check.started" else None
    job = lab.release()
    assert StepName.TAG not in lab.steps(job)
    watch.look()
    for artifact in lab.store.artifacts(job.id):
        lab.index.stored[artifact.filename] = artifact.sha256
    assert {alarm.kind for alarm in watch.look()} == {"foreign"}


@pytest.mark.parametrize("kind", ["listed", "bytes"])
def test_a_changed_file_is_an_alarm(lab: Lab, watch: Watch, kind: str) -> None:
    """Another digest in the listing is seen at once, other bytes behind the same listing when the file is read."""
    lab.release()
    watch.look()
    right = dict(lab.index.stored)
    lab.index.listing[WHEEL] = OTHER if kind == "listed" else right[WHEEL]
    if kind == "bytes":
        lab.index.stored[WHEEL] = OTHER
    found: tuple[IndexAlarm, ...] = ()
    for _ in right:  # each look reads one file
        found = watch.look()
    assert [(alarm.kind, alarm.expected, alarm.found) for alarm in found] == [(kind, right[WHEEL], OTHER)]


def test_a_settled_alarm_comes_again_when_the_listing_was_right_meanwhile(lab: Lab, watch: Watch) -> None:
    """Whoever swaps the same digest in once more is seen once more; what just stays as it was is not."""
    lab.index.stored[WHEEL] = OTHER
    watch.look()
    settle = Operator(lab.world, lambda: None).acknowledge
    for listing, alarms in (("1" * 64, 1), (OTHER, 1), ("1" * 64, 1), ("1" * 64, 0)):
        lab.index.listing[WHEEL] = listing
        found = watch.look()
        listed = [alarm for alarm in found if alarm.kind == "listed"]
        assert len(listed) == alarms, listing
        for alarm in found:
            settle(alarm.id, "settled")


def test_settled_bytes_that_stay_are_no_alarm(lab: Lab, watch: Watch) -> None:
    """They are read again and again, and are the same."""
    lab.index.stored[WHEEL] = OTHER
    watch.look()
    lab.index.listing[WHEEL], lab.index.stored[WHEEL] = OTHER, "1" * 64
    (alarm,) = watch.look()
    assert alarm.kind == "bytes"
    Operator(lab.world, lambda: None).acknowledge(alarm.id, "settled")
    assert watch.look() == ()


def test_settled_bytes_that_were_right_meanwhile_are_an_alarm_again(lab: Lab, watch: Watch) -> None:
    """Whoever swaps the same bytes in once more, behind the same listing, is seen once more."""
    lab.index.stored[WHEEL] = lab.index.listing[WHEEL] = OTHER
    watch.look()
    settle = Operator(lab.world, lambda: None).acknowledge
    for stored, alarms in (("1" * 64, 1), (OTHER, 0), ("1" * 64, 1), ("1" * 64, 0)):
        lab.index.stored[WHEEL] = stored
        found = watch.look()
        assert [alarm.kind for alarm in found] == ["bytes"] * alarms, stored
        for alarm in found:
            settle(alarm.id, "settled")


def test_yanked_and_removed_files_are_events(lab: Lab, watch: Watch) -> None:
    """The owner does both: the audit log tells of it, and no alarm is raised."""
    lab.release()
    watch.look()
    lab.index.yanked.add(WHEEL)
    del lab.index.stored["demo-1.1.0.tar.gz"]
    assert watch.look() + watch.look() == ()
    assert [event["filename"] for event in lab.events("index.yanked")] == [WHEEL]
    assert [event["filename"] for event in lab.events("index.removed")] == ["demo-1.1.0.tar.gz"]


def test_an_index_that_is_down_is_shown_and_looked_at_sooner(lab: Lab, watch: Watch) -> None:
    """Being blind is no alarm and is not hidden; the next look is in minutes."""
    lab.index.files_error = Transient("503")
    assert watch.look() == ()
    assert [each["why"] for each in view.status(lab.store, lab.clock.now())["watched"]] == ["503"]
    assert watch.complaints == ["503"]
    lab.index.files_error, looks = None, lab.index.looks
    lab.clock.at += SOONER
    watch.watcher.tick()
    assert lab.index.looks == looks + 1
    assert [each["why"] for each in view.status(lab.store, lab.clock.now())["watched"]] == [""]


def test_restarts_neither_hurry_nor_delay_a_look(lab: Lab, watch: Watch) -> None:
    """The store says when the last look was."""
    watch.look()
    looks = lab.index.looks
    watch.restart()
    watch.watcher.tick()
    assert lab.index.looks == looks
    watch.look()
    assert lab.index.looks == looks + 1


def test_everyone_named_is_told_of_an_alarm_at_least_once(lab: Lab, watch: Watch) -> None:
    """Who was told is not told again; a target that fails is tried again, even one that has to be mended first."""
    lab.configure(webhooks=("chat", "broken"), mail=("team",))
    watch.restart()
    watch.look()
    lab.index.stored[STRANGE] = OTHER
    lab.notifier.failures["broken"] = Denied("wrong secret")
    watch.look()
    watch.look()
    assert [hook for hook, _, _ in lab.notifier.told] == ["chat"]
    assert [to for to, _, _ in lab.mailer.sent] == ["a@example.org"]
    assert [event["target"] for event in lab.events("announce.failed")] == ["webhook:broken"]
    lab.notifier.failures.clear()
    watch.look()
    assert [(hook, key) for hook, _, key in lab.notifier.told[1:]] == [("broken", "demo-alarm-1-broken")]


def test_a_file_that_cannot_be_downloaded_does_not_keep_the_others_from_being_read(
    lab: Lab, watch: Watch, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It has its next turn after all others."""
    lab.release()
    read: list[str] = []

    def refuses(file: object) -> str:
        read.append(str(getattr(file, "filename", "")))
        raise Transient("404")

    broken: Callable[[object], str] = refuses
    monkeypatch.setattr(lab.index, "download_sha256", broken)
    watch.look()
    watch.look()
    assert len(set(read)) == 2


def test_a_repository_elsewhere_is_known_by_the_daemons_own_clone(lab: Lab, watch: Watch) -> None:
    """The name of what is watched is read at the head that was looked at last; the network is left to the poll."""
    lab.world = replace(lab.world, peek=lambda _: None)
    lab.clone.fetch("main")
    lab.store.set_head("demo", "main", lab.main(), lab.clock.now())
    watch.restart()
    watch.look()
    assert [each.distribution for each in lab.store.watches()] == ["demo"]


def test_what_the_configuration_no_longer_names_is_not_shown(lab: Lab, watch: Watch) -> None:
    """An index that a project left is remembered, for it may come back, and is no longer in `status`."""
    watch.look()
    assert len(Operator(lab.world, lambda: None).status()["watched"]) == 1
    lab.configure(indexes=())
    assert Operator(lab.world, lambda: None).status()["watched"] == []
    assert len(lab.store.watches()) == 1


def test_a_kill_between_telling_and_noting_it_tells_again_under_the_same_key(
    lab: Lab, watch: Watch, monkeypatch: pytest.MonkeyPatch
) -> None:
    """At least once: the receiver drops the repetition by its key, and the alarm itself is raised once."""
    lab.configure(webhooks=("chat",))
    watch.restart()
    watch.look()
    lab.index.stored[STRANGE] = OTHER

    def killed(*_: object, **__: object) -> None:
        raise Killed

    with monkeypatch.context() as patch:
        patch.setattr(type(lab.store), "alarm_told", killed)
        with pytest.raises(Killed):
            watch.look()
    watch.restart()
    watch.look()
    watch.look()
    assert [key for _, _, key in lab.notifier.told] == ["demo-alarm-1-chat"] * 2
    assert len(lab.events("index.alarmed")) == 1


def test_an_index_that_breaks_the_watcher_hides_no_other_and_no_alarm(
    lab: Lab, watch: Watch, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What a hostile index makes go wrong in releasd is shown as its own; the others are looked at and told of."""
    other = FakeIndex(name="second")
    lab.world = replace(lab.world, indexes={**lab.world.indexes, "second": other})
    lab.configure(indexes=("pypi", "second"), webhooks=("chat",))
    watch.restart()
    watch.look()
    other.stored[STRANGE] = OTHER

    def breaks(_: str) -> tuple[ListedFile, ...]:
        raise ValueError("an odd page")

    monkeypatch.setattr(lab.index, "all_files", breaks)
    assert [(alarm.index, alarm.filename) for alarm in watch.look()] == [("second", STRANGE)]
    assert [hook for hook, _, _ in lab.notifier.told] == ["chat"]
    assert {each.index: each.why for each in lab.store.watches()} == {
        "pypi": "a defect in releasd: ValueError: an odd page",
        "second": "",
    }


def test_a_look_that_ends_badly_keeps_nobody_from_being_told(
    lab: Lab, watch: Watch, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Even what is no matter of one index leaves the alarms that are open to be told."""
    told: list[bool] = []
    with monkeypatch.context() as patch:
        patch.setattr(type(lab.store), "index_unseen", _broken)
        patch.setattr(lab.index, "all_files", _broken)
        patch.setattr(Watcher, "tell_due", lambda _: told.append(True))
        with pytest.raises(RuntimeError):
            watch.look()
    assert told == [True]


def _broken(*_: object, **__: object) -> None:
    raise RuntimeError("no")
