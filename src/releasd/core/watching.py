"""Judges what an index serves against the ledger (the files that releasd sealed and released) and the last look.

It implements this set of rules:

* A file of the ledger has a digest of the ledger. Any other digest is an alarm.
* A file that is not in the ledger is an alarm, unless it was there at the first look and its version is none that
  releasd released: then it is remembered, with its digest, as having been there before.
* What is remembered keeps its digest; another one is an alarm.
* Yanking, its opposite and a removal are told, and are no alarm: the owner does them. A file counts as removed when it
  was missing `GONE` times in a row, for the nodes of a large index do not agree at every moment.
* One look names at most `MANY` files of a sort, and then says how many more there are.
"""

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime

from releasd.core import crates, simplepage
from releasd.model import IndexAlarm, ListedFile, Origin, Suspicion, WatchedFile

GONE = 2  # looks in a row
MANY = 20  # files that one look tells of by name: an index may list any number
_DIGEST = re.compile(r"[0-9a-f]{64}")
Ledger = Mapping[str, frozenset[str]]  # digests by file name: a version may have been built again before its tag


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """What a look makes of a listing: alarms, what is to be remembered anew, and names of files to tell of."""

    suspicions: tuple[Suspicion, ...] = ()
    changed: tuple[WatchedFile, ...] = ()
    yanked: tuple[str, ...] = ()
    unyanked: tuple[str, ...] = ()
    removed: tuple[str, ...] = ()
    restored: tuple[str, ...] = ()


def legible(listed: Iterable[ListedFile]) -> tuple[ListedFile, ...]:
    """Return what an index lists with names that can be stored and shown, and None for what is no digest.

    Whoever holds a token chooses the names: one with a line break in it must not keep the mail about it from going out.
    """
    return tuple(replace(file, filename=_visible(file.filename), sha256=_digest(file.sha256)) for file in listed)


def _visible(text: str) -> str:
    """Return the text in one line, with its control characters and lone surrogates as escapes."""
    return "".join(each if each.isprintable() else each.encode("unicode_escape").decode() for each in text)


def _digest(said: str | None) -> str | None:
    digest = (said or "").lower()
    return digest if _DIGEST.fullmatch(digest) else None


def name_and_version(filename: str) -> tuple[str, str] | None:
    """Return the distribution (normalised) or crate, and the version, that a file's name says; None for any other."""
    found = simplepage.split(filename)
    return (found[0], str(found[1])) if found else crates.split_filename(filename)


def distributions(filenames: Iterable[str]) -> set[str]:
    """Return the distributions and crates that files are of, by their names."""
    return {found[0] for name in filenames if (found := name_and_version(name))}


def version_of(filename: str) -> str:
    """Return the version that a file's name says, "" where it says none."""
    found = name_and_version(filename)
    return found[1] if found else ""


def judge(listed: Iterable[ListedFile], ledger: Ledger, known: Mapping[str, WatchedFile], *, first: bool) -> Seen:
    """Return what a look found.

    Args:
        listed: every file of one distribution that the index lists, made `legible`.
        ledger: of the listed files those that releasd released, read after the listing: what is published meanwhile
            was sealed before.
        known: what is remembered of this index and distribution, by file name.
        first: whether this is the first look.
    """
    served = {file.filename: file for file in listed}
    ours = {version_of(name) for name in ledger} - {""}
    now = {name: _now(file, ledger, known.get(name), first=first, ours=ours) for name, file in served.items()}
    missing = {name: replace(file, missed=file.missed + 1) for name, file in known.items() if name not in served}
    after = now | {name: file for name, file in missing.items() if file.missed <= GONE}
    old = {name: known[name] for name in now if name in known}
    return Seen(
        suspicions=_bounded(tuple(_suspicions(served, now, ledger, known))),
        changed=tuple(file for name, file in after.items() if known.get(name) != file),
        yanked=_names(name for name, file in now.items() if file.yanked and not _was_yanked(old, name, first=first)),
        unyanked=_names(name for name, file in now.items() if not file.yanked and name in old and old[name].yanked),
        removed=_names(name for name, file in missing.items() if file.missed == GONE),
        restored=_names(name for name, file in old.items() if file.missed >= GONE),
    )


def _names(names: Iterator[str]) -> tuple[str, ...]:
    found = sorted(names)
    more = (_more(len(found) - MANY),) if len(found) > MANY else ()
    return (*found[:MANY], *more)


def _bounded(found: tuple[Suspicion, ...]) -> tuple[Suspicion, ...]:
    """Return the first suspicions, then one for each kind of the others, which has their number for a name."""
    others = Counter(each.kind for each in found[MANY:])
    more = (
        Suspicion(kind=kind, filename=_more(count), version="", expected=None, found=None)
        for kind, count in others.items()
    )
    return (*found[:MANY], *more)


def _more(count: int) -> str:
    return f"{count} more file{'s' if count > 1 else ''}"


def _was_yanked(old: Mapping[str, WatchedFile], name: str, *, first: bool) -> bool:
    return old[name].yanked if name in old else first


def _now(file: ListedFile, ledger: Ledger, before: WatchedFile | None, *, first: bool, ours: set[str]) -> WatchedFile:
    if before is not None:
        origin: Origin = "ledger" if file.filename in ledger else before.origin
        return replace(before, sha256=file.sha256 or before.sha256, origin=origin, yanked=file.yanked, missed=0)
    if file.filename in ledger:
        origin = "ledger"
    else:
        origin = "before" if first and version_of(file.filename) not in ours else "foreign"
    return WatchedFile(filename=file.filename, sha256=file.sha256, origin=origin, yanked=file.yanked)


def _suspicions(
    served: Mapping[str, ListedFile], now: Mapping[str, WatchedFile], ledger: Ledger, known: Mapping[str, WatchedFile]
) -> Iterator[Suspicion]:
    for name, file in served.items():
        before = known.get(name)
        if before is None and now[name].origin == "foreign":
            yield Suspicion(kind="foreign", filename=name, version=version_of(name), expected=None, found=file.sha256)
            continue
        expected = ledger.get(name) or _digests(before)
        is_news = before is None or before.sha256 != file.sha256
        if file.sha256 and expected and file.sha256 not in expected and is_news:
            wanted = max(expected)
            yield Suspicion(kind="listed", filename=name, version=version_of(name), expected=wanted, found=file.sha256)


def _digests(before: WatchedFile | None) -> frozenset[str]:
    return frozenset({before.sha256} if before and before.sha256 else ())


def judge_bytes(
    file: WatchedFile, ledger: Ledger, digest: str, *, now: datetime
) -> tuple[WatchedFile, Suspicion | None]:
    """Return what is to be remembered of a file whose bytes have that digest, and what is newly wrong with them.

    Bytes that are as wrong as at the last reading are no news; once they were right, the same ones are.
    """
    expected = ledger.get(file.filename) or _digests(file)
    is_wrong = bool(expected) and digest not in expected
    after = replace(file, read_at=now, sha256=file.sha256 or digest, wrong=digest if is_wrong else None)
    if not is_wrong or digest == file.wrong:
        return after, None
    version = version_of(file.filename)
    found = Suspicion(kind="bytes", filename=file.filename, version=version, expected=max(expected), found=digest)
    return after, found


def next_to_read(files: Iterable[WatchedFile]) -> WatchedFile | None:
    """Return the served file whose bytes were not read for longest; one that was never read comes first."""
    there = [file for file in files if not file.missed]
    return min(there, key=_last_read, default=None)


def _last_read(file: WatchedFile) -> tuple[float, str]:
    return file.read_at.timestamp() if file.read_at else 0.0, file.filename


def sentence(alarm: IndexAlarm) -> str:
    """Return an alarm in one sentence, and in one line."""
    name = _visible(alarm.filename)
    if alarm.kind == "foreign":
        return f"{alarm.index} serves {name}, which releasd did not publish"
    if alarm.kind == "listed":
        return f"{alarm.index} lists {name} with another sha256 than before"
    if alarm.closes_at is not None:
        until = "" if alarm.at >= alarm.closes_at else f" after {alarm.closes_at:%Y-%m-%d %H:%M} UTC"
        return f"{alarm.index} lacks {name} and takes no more files of that release{until}"
    return f"{alarm.index} serves other bytes of {name} than it should"


def advice(alarm: IndexAlarm) -> str:
    """Return what to do about an alarm."""
    if alarm.closes_at is not None:
        is_over = alarm.at >= alarm.closes_at
        return "Release a new version." if is_over else f"`releasd status {alarm.project}` says what it waits for."
    if alarm.kind == "foreign":
        first = "Unless you uploaded it: revoke the index's tokens now, then take the file off the index"
    else:
        first = "Yank the version on the index, and find out how its bytes changed"
    look = f"`releasd yank {alarm.project} {alarm.version}`" if alarm.version else "the index's page of the project"
    return f"{first} ({look}). Once settled: `releasd audit acknowledge {alarm.id} --note WHY`."
