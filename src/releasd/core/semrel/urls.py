"""From a repository's URL to the pages that notes link to, as release-notes-generator 14.1.1 makes them.

Source: its `index.js` and `lib/hosts-config.js`. Its URLs are literal: an ssh alias stays what it is, GitLab's `/-/` is
missing, Gitea has GitHub's words. `core/pages.py` has the right pages, for releasd's own notes.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from urllib.parse import quote

_SCP = re.compile(r"(?!.+://)(?:(?P<auth>.*)@)?(?P<host>.*?):(?P<path>.*)")
_GIT = re.compile(r"\.git\Z", re.IGNORECASE)
_URL = re.compile(
    r"(?P<scheme>[A-Za-z][A-Za-z0-9+.-]*):(?P<slashes>//)?(?P<rest>[^?#]*)",
)
_PATH = re.compile(r"/([^/]+)?/?([^\n\r\u2028\u2029]+)?")
_SPECIAL: Mapping[str, str] = {"http": "80", "https": "443", "ws": "80", "wss": "443", "ftp": "21", "file": ""}
_KEPT = "!$%&'()*+,-./:;=@[\\]^_|~"  # the URL standard's path percent-encode set lets these be
_CLOSING = ("close", "closes", "closed", "closing")
_FIXING = ("fix", "fixes", "fixed", "fixing")
_RESOLVING = ("resolve", "resolves", "resolved", "resolving")


@dataclass(frozen=True, slots=True, kw_only=True)
class Forge:
    """The words of a forge: in its pages' paths, before an issue's number, and those that close an issue."""

    issue: str = "issues"
    commit: str = "commit"
    reference_actions: Sequence[str] = (*_CLOSING, *_FIXING, *_RESOLVING)
    issue_prefixes: Sequence[str] = ("#", "gh-")


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where a repository is on the web. `host` has the scheme; owner and repository are None where there are none."""

    host: str
    owner: str | None
    repository: str | None
    forge: Forge


_FORGES: Mapping[str, Forge] = {
    "github.com": Forge(
        reference_actions=("close", "closes", "closed", "fix", "fixes", "fixed", "resolve", "resolves", "resolved")
    ),
    "bitbucket.org": Forge(issue="issue", commit="commits", issue_prefixes=("#",)),
    "gitlab.com": Forge(reference_actions=(*_CLOSING, *_FIXING), issue_prefixes=("#",)),
}


def place(repository_url: str) -> Place:
    """Return where a repository is, by its remote's URL. Never fails: what is no URL is on no host."""
    url = _GIT.sub("", repository_url)
    scp = _SCP.fullmatch(url)
    if scp:
        auth = f"{scp['auth']}@" if scp["auth"] else ""
        url = f"ssh://{auth}{scp['host']}/{scp['path']}"
    scheme, hostname, port, path = _parts(url)
    port = "" if "ssh" in scheme else port
    protocol = "http" if re.search("http[^s]", f"{scheme}:") else "https"
    found = _PATH.fullmatch(path)
    owner, repository = found.groups() if found else (None, None)
    return Place(
        host=f"{protocol}:{_authority(hostname, port)}",
        owner=owner,
        repository=repository,
        forge=_FORGES.get(hostname, Forge()),
    )


def _authority(hostname: str, port: str) -> str:
    if not hostname:
        return ""
    return f"//{hostname}:{port}" if port else f"//{hostname}"


def _parts(url: str) -> tuple[str, str, str, str]:
    """Return scheme, host, port and path as the URL standard reads them; all empty for what is no URL."""
    url = url.strip("".join(map(chr, range(33)))).translate({9: None, 10: None, 13: None})
    found = _URL.match(url)
    if not found:
        return "", "", "", ""
    scheme, rest = found["scheme"].lower(), found["rest"]
    special = scheme in _SPECIAL
    if special:
        rest = rest.replace("\\", "/")
    if not found["slashes"] and not special:
        return scheme, "", "", _encoded(rest)
    if special and scheme != "file":
        rest = rest.lstrip("/")
    authority, slash, path = rest.partition("/")
    host, port = _host_and_port(authority.rpartition("@")[2])
    if special:
        host = _domain(host)
    port = "" if port == _SPECIAL.get(scheme) else port
    return scheme, host, port, _encoded(_walked(slash + path, special=special))


def _host_and_port(text: str) -> tuple[str, str]:
    host, colon, port = text.rpartition(":")
    if not colon or not (port.isdecimal() or not port):
        return text, ""
    return host, str(int(port)) if port else ""


def _domain(host: str) -> str:
    """Return a host name as the web has it: in lower case, other letters than ASCII's in punycode."""
    if host.isascii():
        return host.lower()
    try:
        return host.encode("idna").decode("ascii").lower()
    except UnicodeError:
        return host.lower()


def _walked(path: str, *, special: bool) -> str:
    """Return the path without its `.` and `..`."""
    if not path:
        return "/" if special else ""
    steps: list[str] = []
    names = path[1:].split("/")
    for at, name in enumerate(names):
        plain = name.lower().replace("%2e", ".")
        last = at == len(names) - 1
        if plain == "..":
            del steps[-1:]
        elif plain != ".":
            steps.append(name)
        if plain in (".", "..") and last:
            steps.append("")
    return "/" + "/".join(steps)


def _encoded(path: str) -> str:
    return quote(path, safe=_KEPT)
