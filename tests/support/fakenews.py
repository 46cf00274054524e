"""Those who are told of a release, made of answers, as support/fakeports.py has the other ports."""

from dataclasses import dataclass, field, replace
from pathlib import Path

from releasd.model import Evidence, News
from releasd.ports import ForgeFile, ForgeRelease, WantedRelease


@dataclass
class FakeNotifier:
    """Webhooks; `failures` says which of them fail, and how."""

    failures: dict[str, Exception] = field(default_factory=dict)
    told: list[tuple[str, News, str]] = field(default_factory=list)

    def announce(self, webhook: str, news: News, *, key: str) -> Evidence:
        if webhook in self.failures:
            raise self.failures[webhook]
        self.told.append((webhook, news, key))
        return {"status": 204}


@dataclass
class FakeMailer:
    """A mail server; `failures` says which addresses fail, and how."""

    lists: dict[str, tuple[str, ...]] = field(default_factory=dict)
    failures: dict[str, Exception] = field(default_factory=dict)
    sent: list[tuple[str, News, str]] = field(default_factory=list)

    def recipients(self, mail: str) -> tuple[str, ...]:
        return self.lists[mail]

    def send(self, mail: str, recipient: str, news: News, *, key: str) -> Evidence:
        if recipient in self.failures:
            raise self.failures[recipient]
        self.sent.append((recipient, news, key))
        return {"message_id": f"<{key}>"}


@dataclass
class FakeForge:
    """A forge with one repository.

    Attributes:
        release: what it has; files are digests by name.
        failures: raised by the method of that name.
    """

    name: str = "main"
    release: ForgeRelease | None = None
    failures: dict[str, Exception] = field(default_factory=dict)
    done: list[str] = field(default_factory=list)
    wanted: list[WantedRelease] = field(default_factory=list)

    def find(self, wanted: WantedRelease) -> ForgeRelease | None:
        self._do("find")
        return self.release

    def create(self, wanted: WantedRelease) -> ForgeRelease:
        self._do("create")
        self.wanted.append(wanted)
        self.release = ForgeRelease(id="7", is_draft=True, notes=wanted.notes, url="https://f/draft")
        return self.release

    def upload(self, wanted: WantedRelease, release: ForgeRelease, name: str, path: Path) -> None:
        self._do("upload")
        assert self.release is not None
        file = ForgeFile(name=name, sha256=path.parent.name if path.is_relative_to("/artifacts") else None)
        self.release = replace(self.release, files=(*self.release.files, file))

    def publish(self, wanted: WantedRelease, release: ForgeRelease) -> None:
        self._do("publish")
        assert self.release is not None
        self.release = replace(self.release, is_draft=False, url="https://f/releases/7")

    def _do(self, what: str) -> None:
        if what in self.failures:
            raise self.failures[what]
        if what != "find":
            self.done.append(what)
