"""What a release, or an alarm, looks like to those who are told of it: as JSON, in a chat, by e-mail, to a script.

Every form depends on the announcement alone, so a repetition is the same to the letter.
"""

import re
from collections.abc import Mapping

import msgspec
from packaging.version import Version

from releasd.core import alarming
from releasd.model import Announcement, IndexAlarm, News

LONGEST_CHAT = 3500  # characters of notes in a chat message: longer ones are folded away or refused
_BOLD = re.compile(r"\*\*(.+?)\*\*")
_HEADING = re.compile(r"^#+ +(.+?) *$", re.MULTILINE)
_ITEM = re.compile(r"^(\s*)[*-] ", re.MULTILINE)
_LINK = re.compile(r"\[([^\]\n]+)\]\((\S+?)\)")


def is_prerelease(pep440: str) -> bool:
    """Return whether a version is one that installers pass over unless asked for it."""
    return Version(pep440).is_prerelease


def subject(news: News) -> str:
    """Return what an e-mail is about."""
    return alarming.title(news) if isinstance(news, IndexAlarm) else f"{title(news)} is released"


def title(news: Announcement) -> str:
    """Return one line that says it all."""
    return f"{news.distribution} {news.version}"


def as_json(news: News) -> bytes:
    """Return the release as JSON, schema 1 (docs/announce.md)."""
    if isinstance(news, IndexAlarm):
        return alarming.as_json(news)
    return msgspec.json.encode(
        {
            "schema": 1,
            "event": "release.published",
            "project": news.project,
            "distribution": news.distribution,
            "version": news.version,
            "pep440": news.pep440,
            "tag": news.tag,
            "commit": news.commit,
            "bump": news.bump,
            "notes": news.notes,
            "indexes": news.indexes,
            "files": [{"filename": file.filename, "sha256": file.sha256, "size": file.size} for file in news.files],
        }
    )


def slack(news: News) -> bytes:
    """Return the release as a Slack incoming webhook takes it, the notes in Slack's own markup."""
    if isinstance(news, IndexAlarm):
        return msgspec.json.encode({"text": _escaped(f"{alarming.title(news)}\n{alarming.text(news)}")})
    return msgspec.json.encode({"text": f"*{_escaped(title(news))}* is released\n{_mrkdwn(_cut(news.notes))}"})


def matrix(news: News) -> bytes:
    """Return the release as the content of a Matrix `m.room.message`; a notice, to which no robot answers."""
    if isinstance(news, IndexAlarm):
        return msgspec.json.encode({"msgtype": "m.text", "body": f"{alarming.title(news)}\n{alarming.text(news)}"})
    return msgspec.json.encode({"msgtype": "m.notice", "body": f"{title(news)} is released\n{_cut(news.notes)}"})


def text(news: News) -> str:
    """Return the release as the text of an e-mail."""
    if isinstance(news, IndexAlarm):
        return alarming.text(news)
    where = f"Published to: {', '.join(news.indexes)}\n" if news.indexes else ""
    files = "".join(f"{file.sha256}  {file.filename}\n" for file in news.files)
    head = f"{title(news)} is released.\n\nTag: {news.tag}\nCommit: {news.commit}\n{where}"
    return "\n".join(part for part in (head, news.notes.strip() + "\n", files) if part.strip())


def variables(news: Announcement) -> Mapping[str, str]:
    """Return what a deploy script finds in its environment; never a secret."""
    return {
        "RELEASD_PROJECT": news.project,
        "RELEASD_DISTRIBUTION": news.distribution,
        "RELEASD_VERSION": news.version,
        "RELEASD_PEP440": news.pep440,
        "RELEASD_TAG": news.tag,
        "RELEASD_COMMIT": news.commit,
    }


def _cut(notes: str) -> str:
    stripped = notes.strip()
    return stripped if len(stripped) <= LONGEST_CHAT else stripped[:LONGEST_CHAT].rstrip() + " …"


def _escaped(words: str) -> str:
    """Escape the three characters that Slack takes for its own: so nobody is called by a commit's `<!channel>`."""
    return words.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def _mrkdwn(markdown: str) -> str:
    shown = _ITEM.sub(r"\1• ", _escaped(markdown))
    shown = _LINK.sub(lambda link: f"<{link[2]}|{link[1]}>" if link[2].startswith("http") else link[1], shown)
    return _HEADING.sub(r"*\1*", _BOLD.sub(r"*\1*", shown))
