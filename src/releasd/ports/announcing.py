"""Those who are told of a release or an alarm: webhooks, people, forges."""

from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from releasd.model import Evidence, News


class Notifier(Protocol):
    """Tells a webhook's receiver of a release or an alarm, at least once."""

    def announce(self, webhook: str, news: News, *, key: str) -> Evidence:
        """Tell the webhook and return what it answered; `key` lets the receiver drop a repetition."""
        ...


class Mailer(Protocol):
    """Tells people of a release or an alarm by e-mail, at least once."""

    def recipients(self, mail: str) -> tuple[str, ...]:
        """Return the addresses registered under `mail`. Raises `ConfigError` when there is none of that name."""
        ...

    def send(self, mail: str, recipient: str, news: News, *, key: str) -> Evidence:
        """Hand one recipient's message to the mail server; `key` makes its Message-ID, so that a repetition is seen."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class ForgeFile:
    """A file of a forge's release. `sha256` and `size` (bytes) are None where the forge does not tell."""

    name: str
    size: int | None = None
    sha256: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class WantedRelease:
    """The release that a forge is to show. `package` and `version` name where a forge keeps files by package."""

    tag: str
    commit: str
    title: str
    notes: str
    is_prerelease: bool
    package: str
    version: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ForgeRelease:
    """A release as the forge has it; a draft is not public. `commit` and `notes` are None where it does not tell."""

    id: str
    is_draft: bool
    files: tuple[ForgeFile, ...] = ()
    notes: str | None = None
    commit: str | None = None
    url: str = ""


class Forge(Protocol):
    """A place beside the repository that shows releases (Gitea-, GitLab-, GitHub-like), for one repository there.

    Every method raises `Denied`, `Conflict`, `Permanent` or `Transient` by cause. What timed out may have happened:
    the caller looks again.
    """

    name: str

    def find(self, wanted: WantedRelease) -> ForgeRelease | None:
        """Return the release of the tag, drafts included, or None."""
        ...

    def create(self, wanted: WantedRelease) -> ForgeRelease:
        """Make a draft that has no files yet."""
        ...

    def upload(self, wanted: WantedRelease, release: ForgeRelease, name: str, path: Path) -> None:
        """Add a file that the release lacks."""
        ...

    def publish(self, wanted: WantedRelease, release: ForgeRelease) -> None:
        """Turn a draft public, with the files that `release` lists."""
        ...
