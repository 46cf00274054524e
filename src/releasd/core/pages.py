"""The pages of a forge that notes link to: a comparison, a commit, an issue, a user.

Each forge has paths of its own, which npm's generator does not know (versioning-facts.md §2.5): GitLab's stand under
`/-/`, Bitbucket compares at `/branches/compare/NEW%0DOLD`, cgit takes queries, neither cgit nor sourcehut has issues
at an address that follows from the repository's. What has no page has no link.

A host in a remote can be an alias from someone's ssh configuration. The caller asks `ssh -G ALIAS`, which alone
knows all of ssh's rules, and `resolved` writes what it found into the remote.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import quote, urlsplit

from releasd.core.notes import web_url_of

_SSH = re.compile(r"(?:ssh|git\+ssh|ssh\+git)://(?:[^@/]*@)?(?P<host>\[[^\]/]+\]|[^:/@\s]+)(?=[:/]|$)")
_SCP = re.compile(r"(?!.*://)(?:[^@/\s]+@)?(?P<host>[\w.-]+):(?P<path>[^\s].*)")
_SOURCEHUT = re.compile(r"(?:\w[\w+.-]*://)?(?:[^@/\s]+@)?(?P<host>git\.[\w.-]*sr\.ht)(?::\d+)?[:/]/*(?P<path>~[^\s]+)")
_HOSTNAME = re.compile(r"^hostname[ \t]+(?P<host>\S+)[ \t]*$", re.MULTILINE | re.IGNORECASE)
_IN_PATH = "/~-._@+!$&',;=:"  # what a tag may hold and a link need not hide; a bracket would end the link
# Hosts that serve ssh on port 443 for those behind a firewall.
_FRONT: Mapping[str, str] = {
    "ssh.github.com": "github.com",
    "altssh.gitlab.com": "gitlab.com",
    "altssh.bitbucket.org": "bitbucket.org",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Forge:
    """Where a forge's pages are. Places: `base` and `host` (addresses), `old` and `new` (tags), `id` or `name`."""

    compare: str = "{base}/compare/{old}...{new}"
    commit: str = "{base}/commit/{id}"
    issue: str | None = "{base}/issues/{id}"
    user: str | None = "{host}/{name}"


FORGES: Mapping[str, Forge] = {
    "github": Forge(),
    "gitea": Forge(),  # and Forgejo
    "gitlab": Forge(
        compare="{base}/-/compare/{old}...{new}", commit="{base}/-/commit/{id}", issue="{base}/-/issues/{id}"
    ),
    "bitbucket": Forge(
        compare="{base}/branches/compare/{new}%0D{old}", commit="{base}/commits/{id}", issue="{base}/issues/{id}"
    ),
    "sourcehut": Forge(compare="{base}/refs/{new}", issue=None, user="https://sr.ht/~{name}"),
    "cgit": Forge(
        compare="{base}/log/?qt=range&q={old}..{new}", commit="{base}/commit/?id={id}", issue=None, user=None
    ),
}
_SIGNS: tuple[tuple[str, str], ...] = (
    ("gitlab", "gitlab"),
    ("bitbucket.org", "bitbucket"),
    ("sr.ht", "sourcehut"),
    ("gitea", "gitea"),
    ("forgejo", "gitea"),
    ("codeberg.org", "gitea"),
    ("cgit", "cgit"),
    ("git.kernel.org", "cgit"),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Pages:
    """The pages of one repository; `base` is its own address."""

    base: str
    forge: Forge

    def compare(self, old: str, new: str) -> str:
        """Return the page with what came between two tags."""
        return self.forge.compare.format(base=self.base, old=self._tag(old), new=self._tag(new))

    def commit(self, name: str) -> str:
        """Return a commit's page."""
        return self.forge.commit.format(base=self.base, id=name)

    def issue(self, number: str) -> str | None:
        """Return an issue's page; `number` is digits, or `owner/repository#` and digits."""
        repository, _, digits = number.rpartition("#")
        parts = urlsplit(self.base)
        base = f"{parts.scheme}://{parts.netloc}/{repository}" if repository else self.base
        return self.forge.issue.format(base=base, id=digits) if self.forge.issue else None

    def user(self, name: str) -> str | None:
        """Return a user's page."""
        parts = urlsplit(self.base)
        host = f"{parts.scheme}://{parts.netloc}"
        return self.forge.user.format(host=host, name=name) if self.forge.user else None

    def _tag(self, tag: str) -> str:
        return quote(tag, safe="" if "?" in self.forge.compare else _IN_PATH)


def pages(remote: str, *, forge: str | None = None) -> Pages | None:
    """Return the pages behind a remote, None for a local path and for a host that is an unresolved alias.

    `forge` is a key of `FORGES`, for a host whose name does not tell; else one without a known name has GitHub's pages,
    which are Gitea's too.
    """
    base = _sourcehut(remote) or web_url_of(remote)
    if base is None:
        return None
    host = urlsplit(base).hostname or ""
    kind = forge or next((name for sign, name in _SIGNS if sign in host), "github")
    if kind == "cgit" and remote.rstrip("/").endswith(".git"):
        base += ".git"  # cgit serves a repository under the name of its folder
    return Pages(base=base, forge=FORGES[kind])


def ssh_host(remote: str) -> str | None:
    """Return the host that a remote reaches by ssh, as it is written there: what to ask `ssh -G` about."""
    found = _SSH.match(remote) or _SCP.fullmatch(remote)
    host = found["host"].strip("[]") if found else None
    return host if host and not host.startswith("-") else None  # ssh would take it for an option


def hostname_of(answer: str) -> str | None:
    """Return the host name in what `ssh -G` answered."""
    found = _HOSTNAME.search(answer)
    return found["host"] if found else None


def resolved(remote: str, hostname: str | None) -> str:
    """Return the remote with `hostname`, which `ssh -G` gave, for its host; as it is for other remotes."""
    found = _SSH.match(remote) or _SCP.fullmatch(remote)
    if found is None or not hostname:
        return remote
    name = _FRONT.get(hostname.lower(), hostname)
    return f"{remote[: found.start('host')]}{name}{remote[found.end('host') :]}"


def _sourcehut(remote: str) -> str | None:
    found = _SOURCEHUT.fullmatch(remote)
    return f"https://{found['host']}/{found['path'].strip('/').removesuffix('.git')}" if found else None
