"""What is an alarm about an index, and what is none."""

from dataclasses import replace
from datetime import timedelta

from releasd.adapters.mail import compose
from releasd.core import announcing
from releasd.core.watching import (
    GONE,
    MANY,
    advice,
    judge,
    judge_bytes,
    legible,
    name_and_version,
    next_to_read,
    sentence,
)
from releasd.model import IndexAlarm, ListedFile, WatchedFile
from support.fakeports import NOW

WHEEL, OLD, STRANGE = "demo-1.1.0-py3-none-any.whl", "demo-0.9-py3-none-any.whl", "demo-1.1.0-py2-none-any.whl"
OURS, OTHER = "a" * 64, "b" * 64
LEDGER = {WHEEL: frozenset({OURS})}


def listed(name: str = WHEEL, sha256: str | None = OURS, *, yanked: bool = False) -> ListedFile:
    return ListedFile(filename=name, sha256=sha256, url="https://i/", yanked=yanked)


def known(*files: WatchedFile) -> dict[str, WatchedFile]:
    return {file.filename: file for file in files}


def watched(name: str = WHEEL, **changes: object) -> WatchedFile:
    fields = {"sha256": OURS, "origin": "ledger"} | changes
    return WatchedFile(filename=name, **fields)  # type: ignore[arg-type]  # what a test says of it


def test_a_released_file_is_no_alarm() -> None:
    """What the ledger has, with its digest, is remembered as ours."""
    seen = judge([listed()], LEDGER, {}, first=False)
    assert seen.suspicions == ()
    assert [file.origin for file in seen.changed] == ["ledger"]


def test_what_was_there_before_the_first_look_is_remembered() -> None:
    """Versions from before releasd are the baseline, not an alarm; the same file later is one."""
    first = judge([listed(OLD, OTHER)], LEDGER, {}, first=True)
    assert (first.suspicions, first.changed[0].origin) == ((), "before")
    later = judge([listed(OLD, OTHER)], LEDGER, {}, first=False)
    assert [(each.kind, each.filename, each.version) for each in later.suspicions] == [("foreign", OLD, "0.9")]


def test_a_strange_file_in_a_released_version_is_an_alarm_at_the_first_look_too() -> None:
    """A version that releasd released has the files that it built; nothing was there before."""
    seen = judge([listed(), listed(STRANGE, OTHER)], LEDGER, {}, first=True)
    assert [(each.kind, each.filename) for each in seen.suspicions] == [("foreign", STRANGE)]


def test_another_digest_than_the_ledgers_is_an_alarm_once() -> None:
    """A changed listing is told when it changes, not at every look after."""
    seen = judge([listed(sha256=OTHER)], LEDGER, known(watched()), first=False)
    assert [(each.kind, each.expected, each.found) for each in seen.suspicions] == [("listed", OURS, OTHER)]
    again = judge([listed(sha256=OTHER)], LEDGER, known(*seen.changed), first=False)
    assert (again.suspicions, again.changed) == ((), ())


def test_another_digest_than_remembered_is_an_alarm() -> None:
    """A file from before releasd keeps the digest that it had."""
    seen = judge([listed(OLD, OTHER)], {}, known(watched(OLD, origin="before")), first=False)
    assert [(each.kind, each.expected) for each in seen.suspicions] == [("listed", OURS)]


def test_a_version_built_twice_before_its_tag_has_two_digests() -> None:
    """An earlier job may have built the same version: either digest is ours."""
    both = {WHEEL: frozenset({OURS, OTHER})}
    assert judge([listed(sha256=OTHER)], both, {}, first=False).suspicions == ()


def test_yanked_and_removed_files_are_told_and_are_no_alarm() -> None:
    """The owner yanks and removes; a file that one look missed is not gone yet."""
    yanked = judge([listed(yanked=True)], LEDGER, known(watched()), first=False)
    assert (yanked.yanked, yanked.suspicions) == ((WHEEL,), ())
    back = judge([listed()], LEDGER, known(watched(yanked=True)), first=False)
    assert back.unyanked == (WHEEL,)
    state = known(watched())
    removed = []
    for _ in range(GONE + 2):
        seen = judge([], LEDGER, state, first=False)
        removed.append(seen.removed)
        state |= known(*seen.changed)
    assert removed == [(), (WHEEL,), (), ()]
    assert judge([listed()], LEDGER, state, first=False).restored == (WHEEL,)


def test_what_was_yanked_before_the_first_look_is_no_news() -> None:
    """The baseline tells of nothing that happened before it."""
    assert judge([listed(OLD, yanked=True)], {}, {}, first=True).yanked == ()


def test_other_bytes_are_an_alarm() -> None:
    """The bytes are compared with the ledger, else with what is remembered; with neither there is nothing to say."""
    read, wrong = judge_bytes(watched(), LEDGER, OTHER, now=NOW)
    assert wrong is not None
    assert (wrong.kind, wrong.expected, wrong.found) == ("bytes", OURS, OTHER)
    assert (read.wrong, read.read_at) == (OTHER, NOW)
    assert judge_bytes(watched(), LEDGER, OURS, now=NOW)[1] is None
    assert judge_bytes(watched(OLD), {}, OTHER, now=NOW)[1] is not None
    first, nothing = judge_bytes(watched(OLD, sha256=None), {}, OTHER, now=NOW)
    assert (first.sha256, nothing) == (OTHER, None)


def test_wrong_bytes_are_news_when_they_become_wrong() -> None:
    """As wrong as at the last reading is no news; the same wrong bytes are once they were right, and so are others."""
    read, _ = judge_bytes(watched(), LEDGER, OTHER, now=NOW)
    assert judge_bytes(read, LEDGER, OTHER, now=NOW) == (read, None)
    assert judge_bytes(read, LEDGER, "c" * 64, now=NOW)[1] is not None
    right, _ = judge_bytes(read, LEDGER, OURS, now=NOW)
    assert judge_bytes(right, LEDGER, OTHER, now=NOW)[1] is not None


def test_every_file_has_its_turn_to_be_read() -> None:
    """The one that was not read for longest comes first, a new one before all; what is not served is left out."""
    older, newer = watched("a", read_at=NOW), watched("b", read_at=NOW + timedelta(hours=1))
    assert next_to_read([newer, older]) == older
    assert next_to_read([newer, older, watched("c")]) == watched("c")
    assert next_to_read([watched("c", missed=1)]) is None


def test_files_say_their_names_and_versions() -> None:
    """Names are normalised; a file of another kind says nothing, and is watched all the same."""
    assert name_and_version("De_mo-1.0.tar.gz") == ("de-mo", "1.0")
    assert name_and_version("demo-1.0.win32.exe") is None
    assert judge([listed("demo-1.0.win32.exe")], {}, {}, first=False).suspicions[0].version == ""


def alarm(kind: str = "foreign", **changes: object) -> IndexAlarm:
    fields: dict[str, object] = {
        "id": 3, "project": "demo", "index": "pypi", "distribution": "demo", "kind": kind, "filename": STRANGE,
        "version": "1.1.0", "expected": None, "found": OTHER, "at": NOW,
    }  # fmt: skip
    return IndexAlarm(**(fields | changes))  # type: ignore[arg-type]  # what a test says of it


def test_an_alarm_says_what_happened_and_what_to_do() -> None:
    """People and programs get the same sentence, the digests, and the next command."""
    assert announcing.subject(alarm()) == f"ALARM: pypi serves {STRANGE}, which releasd did not publish"
    for tell in (announcing.text, announcing.slack, announcing.matrix, announcing.as_json):
        told = tell(alarm())
        words = told if isinstance(told, str) else told.decode()
        assert OTHER in words
        assert "releasd yank demo 1.1.0" in words
        assert "releasd audit acknowledge 3" in words


def test_a_strangers_file_name_keeps_no_message_from_going_out() -> None:
    """A line break would end a mail's subject, and other signs a line of `status`: they are shown as escapes."""
    name = "demo-9\nBcc: x\r\x1b[2J\0\u2028\ud800.whl"
    raised = alarm(filename=name)
    message = compose("a@example.org", "b@example.org", raised, "key")
    assert "\\nBcc: x\\r\\x1b[2J\\x00" in str(message["Subject"])
    for tell in (announcing.subject, announcing.text, announcing.slack, announcing.matrix):
        told = tell(raised)
        assert "\x1b" not in (told if isinstance(told, str) else told.decode())


def test_what_an_index_says_is_taken_only_when_it_can_be_stored_and_shown() -> None:
    """Names get escapes for what is no sign, and a digest that is none counts as not given."""
    digests = ("A" * 64, "a" * 63, "z" * 64, "", None, f"{OURS}\n")
    found = legible(listed(f"demo-{number}\0.zip", each) for number, each in enumerate(digests))
    assert [file.filename for file in found] == [f"demo-{number}\\x00.zip" for number in range(6)]
    assert [file.sha256 for file in found] == ["a" * 64, None, None, None, None, None]
    assert legible(found) == found
    assert judge(legible([listed(sha256="odd")]), LEDGER, known(watched()), first=False).suspicions == ()


def test_any_number_of_files_is_a_bounded_number_of_alarms_and_events() -> None:
    """A thief who lists a hundred thousand names sends nobody as many mails; how many there are is told."""
    names = [f"demo-1.0.{number}.tar.gz" for number in range(1000)]
    seen = judge([listed(name, yanked=True) for name in names], {}, {}, first=False)
    assert [each.filename for each in seen.suspicions[:MANY]] == names[:MANY]
    (rest,) = seen.suspicions[MANY:]
    assert (rest.kind, rest.filename, rest.version, rest.found) == ("foreign", "980 more files", "", None)
    assert sentence(alarm(filename=rest.filename)) == "pypi serves 980 more files, which releasd did not publish"
    assert len(seen.changed) == len(names), "none of them is news at the next look"
    before = known(*(watched(name) for name in names))
    removed = judge([], {}, {name: replace(file, missed=GONE - 1) for name, file in before.items()}, first=False)
    assert len(removed.removed) == MANY + 1
    assert removed.removed[-1] == "980 more files"
    one = judge([listed(name) for name in names[: MANY + 1]], {}, {}, first=False).suspicions[-1]
    assert one.filename == "1 more file"


def test_an_alarm_of_each_kind_has_its_own_sentence_and_advice() -> None:
    """A strange file asks for the tokens to be revoked, changed bytes for a yank; no version, no command for one."""
    said = [sentence(alarm(kind, expected=OURS)) for kind in ("foreign", "listed", "bytes")]
    assert len(set(said)) == 3
    assert "revoke" in advice(alarm())
    assert "Yank the version" in advice(alarm("bytes"))
    assert "releasd yank" not in advice(alarm(version=""))


def test_a_chat_is_not_steered_by_a_strangers_file_name() -> None:
    """Slack's own signs are escaped, and JSON is told of an alarm, never of a release."""
    assert "<!channel>" not in announcing.slack(alarm(filename="demo-<!channel>.zip")).decode()
    assert b'"event":"index.alarmed"' in announcing.as_json(alarm())
    assert b'"event":"release.published"' not in announcing.as_json(alarm())
