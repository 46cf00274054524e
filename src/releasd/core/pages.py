"""The pages of a forge that notes link to: a comparison, a commit, an issue, a user.

Each forge has paths of its own, which npm's generator does not know (versioning-facts.md §2.5): GitLab's stand under
`/-/`, Bitbucket compares at `/branches/compare/NEW%0DOLD`, cgit takes queries, neither cgit nor sourcehut has issues
at an address that follows from the repository's. What has no page has no link.

A host in a remote can be an alias from someone's ssh configuration. The caller asks `ssh -G ALIAS`, which alone
knows all of ssh's rules, and `resolved` writes what it found into the remote.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from urllib.parse import quote, urlsplit

_SSH = re.compile(r"(?:ssh|git\+ssh|ssh\+git)://(?:[^@/]*@)?(?P<host>\[[^\]/]+\]|[^:/@\s]+)(?=[:/]|$)")
_SCP = re.compile(r"(?!.*://)(?:[^@/\s]+@)?(?P<host>[\w.-]+):(?P<path>[^\s].*)")
_SOURCEHUT = re.compile(r"(?:\w[\w+.-]*://)?(?:[^@/\s]+@)?(?P<host>git\.[\w.-]*sr\.ht)(?::\d+)?[:/]/*(?P<path>~[^\s]+)")
_SCP_PAGE = re.compile(r"(?:[^@/\s]+@)?(?P<host>[\w.-]+):(?P<path>[^/~\s][^\s]*)")
_ADDRESS = re.compile(r"[\d.]+|(?:[\w-]+\.)+(?:[A-Za-z]{2,63}|xn--[\w-]+)")  # `github.com-work` is an alias
_ASKABLE = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]{0,252}")
_PLACE = re.compile(r"\{(\w+)\}")
_HOSTNAME = re.compile(r"^hostname[ \t]+(?P<host>\S+)[ \t]*$", re.MULTILINE | re.IGNORECASE)
_IN_PATH = "/~-._@+!$&',;=:"  # what a tag may hold and a link need not hide; a bracket would end the link
# Hosts that serve ssh on port 443 for those behind a firewall.
_FRONT: Mapping[str, str] = {
    "ssh.github.com": "github.com",
    "altssh.gitlab.com": "gitlab.com",
    "altssh.bitbucket.org": "bitbucket.org",
}


PLACES: Mapping[str, frozenset[str]] = {
    "compare": frozenset({"base", "host", "old", "new"}),
    "commit": frozenset({"base", "host", "id"}),
    "issue": frozenset({"base", "host", "id"}),
    "user": frozenset({"base", "host", "name"}),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Forge:
    """Where a forge's pages are, with `PLACES`: `base` and `host` (addresses), `old` and `new` (tags), `id`, `name`."""

    compare: str = "{base}/compare/{old}...{new}"
    commit: str = "{base}/commit/{id}"
    issue: str | None = "{base}/issues/{id}"
    user: str | None = "{host}/{name}"


FORGES: Mapping[str, Forge] = {
    "github": Forge(),
    "gitea": Forge(),
    "forgejo": Forge(),
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
    ("forgejo", "forgejo"),
    ("codeberg.org", "forgejo"),
    ("cgit", "cgit"),
    ("git.kernel.org", "cgit"),
)
_KNOWN = frozenset({"github.com", "gitlab.com", "bitbucket.org", "codeberg.org", "git.sr.ht"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Pages:
    """The pages of one repository; `base` is its own address."""

    base: str
    forge: Forge

    def compare(self, old: str, new: str) -> str:
        """Return the page with what came between two tags."""
        return self._filled(self.forge.compare, old=self._tag(old), new=self._tag(new))

    def commit(self, name: str) -> str:
        """Return a commit's page."""
        return self._filled(self.forge.commit, id=name)

    def issue(self, number: str) -> str | None:
        """Return an issue's page; `number` is digits, or `owner/repository#` and digits."""
        repository, _, digits = number.rpartition("#")
        base = f"{self._host()}/{repository}" if repository else self.base
        return self._filled(self.forge.issue, base=base, id=digits) if self.forge.issue else None

    def user(self, name: str) -> str | None:
        """Return a user's page."""
        return self._filled(self.forge.user, name=name) if self.forge.user else None

    def _tag(self, tag: str) -> str:
        return quote(tag, safe="" if "?" in self.forge.compare else _IN_PATH)

    def _host(self) -> str:
        parts = urlsplit(self.base)
        return f"{parts.scheme}://{parts.netloc}"

    def _filled(self, form: str, **values: str) -> str:
        """Return an address; a project may give its form, so that nothing but these values can be named in it."""
        known = {"base": self.base, "host": self._host(), **values}
        return _PLACE.sub(lambda place: known.get(place[1], place[0]), form)


def pages(remote: str, *, forge: str | None = None, urls: Mapping[str, str] | None = None) -> Pages | None:
    """Return the pages behind a remote, None for a local path and for a host that is an unresolved alias.

    `forge` is a key of `FORGES`, for a host whose name does not tell; else one without a known name has GitHub's pages,
    which are Gitea's too. `urls` are forms of addresses that the project has of its own, by the names in `PLACES`.
    """
    base = _sourcehut(remote) or web_url_of(remote)
    if base is None:
        return None
    host = urlsplit(base).hostname or ""
    kind = forge or next((name for sign, name in _SIGNS if sign in host), "github")
    if kind == "cgit" and remote.rstrip("/").endswith(".git"):
        base += ".git"  # cgit serves a repository under the name of its folder
    return Pages(base=base, forge=replace(FORGES[kind], **(urls or {})))


def form_problem(kind: str, form: str) -> str | None:
    """Return what is wrong with a project's own form of an address, None where it can be used."""
    named = set(_PLACE.findall(form))
    places = PLACES[kind]
    if not form.startswith(("https://", "http://", "{base}", "{host}")) or not named <= places:
        return f"an address like {{base}}/…; it may name {', '.join(f'{{{name}}}' for name in sorted(places))}"
    plain = _PLACE.sub("", form)
    return None if plain.isprintable() and not set(plain) & set(' ()<>[]{}"\\`') else "an address without spaces and ()"


def web_url_of(remote: str) -> str | None:
    """Return the https address of the page behind a forge's remote, without credentials; None for local paths.

    For ssh remotes the port is dropped, and a host without a dot, or whose last part is no top-level domain, is an
    alias of someone's ssh configuration, which leads nowhere: None. An scp-like path that starts at `/` or `~` is a
    folder on a server, not a forge: None.
    """
    if "://" not in remote:
        match = _SCP_PAGE.fullmatch(remote)
        return _page("https", match["host"], match["path"]) if match and _ADDRESS.fullmatch(match["host"]) else None
    try:
        parts = urlsplit(remote)
        host, port = parts.hostname or "", parts.port
    except ValueError:  # a port that is no number, a broken IPv6 address
        return None
    if parts.scheme in ("http", "https"):
        literal = f"[{host}]" if ":" in host else host
        return _page(parts.scheme, f"{literal}:{port}" if port else literal, parts.path)
    is_ssh = parts.scheme in ("ssh", "git", "git+ssh", "ssh+git")
    known = is_ssh and _ADDRESS.fullmatch(host) and not parts.path.startswith("/~")
    return _page("https", host, parts.path) if known else None


def _page(scheme: str, host: str, path: str) -> str | None:
    path = path.strip("/").removesuffix(".git").rstrip("/")
    usable = path and host and not set(path) & set("()<>[] \t\r\n")  # it would end the link
    return f"{scheme}://{host}/{path}" if usable else None


def ssh_host(remote: str) -> str | None:
    """Return the host that a remote reaches by ssh, where it may be an alias: what to ask `ssh -G` about.

    None for hosts that everyone knows, and for what no host is called: ssh would take `-x` for an option, and hands the
    name to the commands of `Match exec`.
    """
    found = _SSH.match(remote) or _SCP.fullmatch(remote)
    host = found["host"] if found else ""
    return host if _ASKABLE.fullmatch(host) and host.lower() not in _KNOWN else None


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
