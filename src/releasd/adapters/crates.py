"""A registry of crates: read through its sparse index, written through its web API with exactly the sealed bytes.

Not through `cargo publish`, which packages anew, from sources and configuration of the repository, where the token is
(ARCHITECTURE.md says more). Formats: the Cargo book, "Index Format" and "Registry Web API".
"""

import hashlib
import importlib.metadata
import json
import re
import struct
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from releasd.adapters import http, uvpublish
from releasd.adapters.secrets.redact import redactor
from releasd.core import cratefile, crates
from releasd.core.delivering import combined, ends_all
from releasd.errors import Conflict, Denied, Permanent, ReleasdError, Transient
from releasd.model import IndexRules, ListedFile
from releasd.ports import Secret, ServedFile, Sink

_ABSENT = frozenset({404, 410, 451})  # each means that there is no such crate (the Cargo book, "Index Format")
_OK = 200
_IS_THERE = re.compile(r"already (?:uploaded|exists|published)", re.IGNORECASE)  # registries' words for a version
_SCHEME = re.compile(r"\A(?:bearer|basic|token) (?=\S)", re.IGNORECASE)
_LENGTH = struct.Struct("<I")
_PLACES = ("{crate}", "{version}", "{prefix}", "{lowerprefix}", "{sha256-checksum}")


@dataclass(frozen=True, slots=True)
class _Upload:
    """One crate on its way: what its file says, and the file's bytes."""

    crate: cratefile.CrateFile
    data: bytes

    @property
    def filename(self) -> str:
        return _filename(self.crate.name, self.crate.version)

    @property
    def sha256(self) -> str:
        return hashlib.sha256(self.data).hexdigest()


def without_scheme(token: Secret) -> Secret:
    """Return a token without the word before it that some registries want to be sent, as in `Bearer TOKEN`.

    Cargo sends what it is given as the whole header (the Cargo book, "Registry Authentication"), so people store both.
    """
    return Secret(_SCHEME.sub("", token.reveal()))


class _Lags(Transient):
    """The registry took a crate and does not list it yet."""


class CratesIndex:
    """One registry: `url` is its sparse index. `token` is called at the moment of use and its value not kept.

    Times are seconds: `read_timeout` for a page, `upload_timeout` for one crate, `listing_timeout` until the index
    lists a crate that it took; the next one may need it. `sleep` and `clock` are the waiting's.
    """

    def __init__(
        self,
        *,
        name: str,
        url: str,
        token: Callable[[], Secret],
        rules: IndexRules,
        read_timeout: float = 30.0,
        download_timeout: float = 600.0,
        upload_timeout: float = 600.0,
        listing_timeout: float = 120.0,
        sleep: Callable[[float], None] = time.sleep,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.name = name
        self.rules = rules
        self._url = url.removeprefix("sparse+").rstrip("/") + "/"
        self._token = token
        self._read_timeout = read_timeout
        self._download_timeout = download_timeout
        self._upload_timeout = upload_timeout
        self._listing_timeout = listing_timeout
        self._sleep = sleep
        self._clock = clock

    def takes(self, filename: str) -> bool:
        """Return whether a file is a crate's."""
        return filename.endswith(crates.ENDING)

    def files(self, distribution: str, version: str) -> tuple[ServedFile, ...]:
        """Return the one file of a crate's version as listed now, yanked or not; empty when there is none.

        Raises `Transient` while the index cannot be read, `Denied` when it wants a credential for reading.
        """
        return tuple(
            ServedFile(filename=listed.filename, sha256=listed.sha256, url=listed.url)
            for listed, found in self._versions(distribution)
            if listed.sha256 and _is_same(found, version)
        )

    def all_files(self, distribution: str) -> tuple[ListedFile, ...]:
        """Return the files of all of a crate's versions as listed now (`ports.Listing`). Raises as `files` does."""
        return tuple(listed for listed, _ in self._versions(distribution))

    def _versions(self, distribution: str) -> Iterator[tuple[ListedFile, str]]:
        """Yield each version's file, and the version, from the crate's page of the index."""
        template = str(self._settings().get("dl", ""))  # first: at a wrong address everything is "not found"
        answer = self._get(crates.index_path(distribution))
        for line in () if answer.status in _ABSENT else self._lines(answer):
            version = str(line["vers"])
            yield (
                ListedFile(
                    filename=_filename(str(line["name"]), version),
                    sha256=str(line["cksum"]).lower(),
                    url=_download(template, line),
                    yanked=bool(line.get("yanked")),
                ),
                version,
            )

    def download_sha256(self, file: ServedFile) -> str:
        """Fetch the bytes and return their digest. A listed file that is not there yet is `Transient`."""
        what = f"{file.filename} on registry {self.name}"
        return http.sha256_of(file.url, what=what, timeout=self._download_timeout)

    def upload(self, paths: Sequence[Path], sink: Sink) -> None:
        """Upload what the registry lacks, each crate once those that it needs are listed.

        The order is read from the files, for it is these that the registry judges; so a repetition goes on where the
        last attempt ended. A crate that fails keeps only those back that need it; a refused token, and a registry that
        asks for a pause, all that are left. Raises `Conflict` for one that is there with other bytes, else by cause,
        one error for all.
        """
        uploads = {each.crate.name: each for each in map(_read, paths)}
        needs = {name: set(crates.published_needs(each.crate.manifest)) for name, each in uploads.items()}
        failures: dict[str, ReleasdError] = {}
        order = crates.in_order(needs)
        for at, name in enumerate(order):
            upload = uploads[name]
            try:
                self._ready(upload, {uploads[each].filename for each in needs[name] & uploads.keys()} & failures.keys())
                self._send(upload, sink)
            except ReleasdError as error:
                failures[upload.filename] = error
                if ends_all(error):
                    failures |= {uploads[each].filename: error for each in order[at:]}
                    break
        if failures:
            raise _joined(failures)

    def _ready(self, upload: _Upload, missing: set[str]) -> None:
        """Raise `Transient` while the registry lacks what a crate needs of it: it would refuse the crate."""
        if not missing:
            told = cratefile.description(upload.crate, index=self._url, is_public=_is_public(self._api()))
            own = sorted({each["name"] for each in told["deps"] if each.get("registry") is None})
            missing = {name for name in own if self._get(crates.index_path(name)).status in _ABSENT}
        if missing:
            raise Transient(
                f"{upload.filename} waits for {', '.join(sorted(missing))}, which {self.name} does not list",
                advice="publish that first where it is not of this release; releasd looks again by itself",
            )

    def _send(self, upload: _Upload, sink: Sink) -> None:
        """Upload one crate unless it is there, and wait until it is listed."""
        if self._has(upload):
            sink(f"{upload.filename} is there already\n".encode())
            return
        sink(f"uploading {upload.filename}\n".encode())
        try:
            self._put(upload, sink)
        except Denied:
            raise
        except Permanent as error:
            # An upload whose answer was lost is refused when it is repeated before the index lists it.
            if not _IS_THERE.search(error.message):
                if not self._is_listed_within(upload, self._listing_timeout / 4):
                    raise
                return
        if not self._is_listed_within(upload, self._listing_timeout):
            raise _Lags(
                f"{self.name} took {upload.filename} but does not list it yet",
                advice="what needs it waits for that; releasd looks again by itself",
            )

    def install_options(self) -> None:
        """Return None: it has nothing that `uv pip` could install."""

    def check_secret(self, distribution: str | None = None, now: datetime | None = None) -> None:  # noqa: ARG002
        """Prove that the token can be had, is shaped right and is of use; it does not say what it is for."""
        self._api()
        uvpublish.check_token(without_scheme(self._token()), public=False)

    def _has(self, upload: _Upload) -> bool:
        """Return whether the registry lists the file with our bytes. Raises `Conflict` for others."""
        listed = self.files(upload.crate.name, upload.crate.version)
        if any(file.sha256 != upload.sha256 for file in listed):
            raise Conflict(
                f"{self.name} has {upload.filename} with other bytes than those built here",
                advice="somebody else published this version: find out who; a registry never takes a version again, "
                "so the way on is a new version",
            )
        return bool(listed)

    def _put(self, upload: _Upload, sink: Sink) -> None:
        api, token = self._api(), self._token()
        bare = without_scheme(token)
        uvpublish.check_token(bare, public=False)
        scheme = token.reveal().removesuffix(bare.reveal())
        about = cratefile.description(upload.crate, index=self._url, is_public=_is_public(api))
        told = json.dumps(about).encode()
        what = f"registry {self.name}"
        answer = http.request(
            "PUT",
            f"{api}/api/v1/crates/new",
            what=what,
            headers={**_headers(), "authorization": scheme + http.header_value(bare, "the upload token")},
            body=b"".join((_LENGTH.pack(len(told)), told, _LENGTH.pack(len(upload.data)), upload.data)),
            timeout=self._upload_timeout,
        )
        answer = _spoken(replace(answer, body=redactor([token, bare])(answer.body)))
        http.raise_for_status(answer, what=what, denied=f"Give {self.name} a token that may publish these crates.")
        if answer.words:
            sink(f"{answer.words}\n".encode())

    def _is_listed_within(self, upload: _Upload, patience: float) -> bool:
        deadline = self._clock() + patience
        while not self._has(upload):
            if self._clock() >= deadline:
                return False
            self._sleep(1.0)
        return True

    def _api(self) -> str:
        """Return where the web API is, as the index says. It gets the token, so it is no less safe than the index."""
        api = str(self._settings().get("api") or "").rstrip("/")
        if not api:
            raise Permanent(f"registry {self.name} takes no uploads: its config.json names no api")
        if urlsplit(self._url).scheme == "https" and urlsplit(api).scheme != "https":
            raise Permanent(f"registry {self.name} wants its token over a plain connection", advice="Check its url.")
        return api

    def _settings(self) -> Mapping[str, Any]:
        answer = self._get("config.json")
        http.raise_for_status(answer, what=f"registry {self.name}")
        settings = _json(answer.body)
        if not isinstance(settings, dict):
            raise Transient(f"registry {self.name} sent a config.json that cannot be read", advice="Check its url.")
        return settings

    def _lines(self, answer: http.Answer) -> list[dict[str, Any]]:
        lines = [_json(line) for line in answer.body.splitlines() if line.strip()]
        if not all(isinstance(line, dict) and {"name", "vers", "cksum"} <= line.keys() for line in lines):
            raise Transient(f"registry {self.name} sent a page that cannot be read", advice="Check its url.")
        return lines

    def _get(self, path: str) -> http.Answer:
        """Return one page of the index, or that there is none."""
        what = f"registry {self.name}"
        headers = {**_headers(), "cache-control": "no-cache"}
        answer = http.request(
            "GET", self._url + path, what=what, headers=headers, timeout=self._read_timeout, follow=True
        )
        if answer.status not in _ABSENT:
            denied = f"Reading {self.name} must need no credential."
            http.raise_for_status(
                replace(answer, body=b"") if answer.status != _OK else answer, what=what, denied=denied
            )
        return answer


def _joined(failures: Mapping[str, ReleasdError]) -> ReleasdError:
    """Return one error for all; what was taken and only lags is no failure of its file, and not sent again soon."""
    joined = combined(failures)
    joined.by_file = {name: error.message for name, error in failures.items() if not isinstance(error, _Lags)}
    return joined


def _headers() -> dict[str, str]:
    """Return what every request says; the public registry answers none that does not say who asks."""
    return {"user-agent": f"releasd/{importlib.metadata.version('releasd')}", "accept": "application/json"}


def _read(path: Path) -> _Upload:
    if not path.is_file():
        raise Permanent(f"{path.name} is gone from the artifact store", advice="Run `releasd doctor`.")
    with path.open("rb") as file:
        crate = cratefile.read(path.name, file)
    return _Upload(crate, path.read_bytes())


def _spoken(answer: http.Answer) -> http.Answer:
    """Return an answer whose body is the registry's own words alone; some refuse with status 200 and `errors`."""
    said = _json(answer.body)
    if not isinstance(said, dict):
        return answer if answer.status != _OK else replace(answer, body=b"")
    errors = [str(each.get("detail")) for each in said.get("errors") or () if isinstance(each, dict)]
    if errors:
        return replace(answer, status=400 if answer.status == _OK else answer.status, body="; ".join(errors).encode())
    warnings = said.get("warnings")
    told = [str(each) for kind in warnings.values() for each in kind or ()] if isinstance(warnings, dict) else []
    return replace(answer, body="; ".join(told).encode())


def _json(data: bytes) -> Any:
    """Return the value, None for what is no JSON."""
    try:
        return json.loads(data)
    except (ValueError, RecursionError):
        return None


def _is_public(api: str) -> bool:
    """Return whether this is Cargo's default registry, whose host is known to those who name packages for it."""
    from packageurl.contrib.purl2url import get_repo_url  # noqa: PLC0415 - only a release needs it

    page = get_repo_url("pkg:cargo/any@1")  # type: ignore[no-untyped-call] # it has no types
    return urlsplit(api).netloc == urlsplit(str(page)).netloc


def _is_same(one: str, other: str) -> bool:
    """Return whether two versions are one to a registry, which does not look at build metadata."""
    return one.partition("+")[0] == other.partition("+")[0]


def _filename(name: str, version: str) -> str:
    return f"{name}-{version}{crates.ENDING}"


def _download(template: str, line: Mapping[str, Any]) -> str:
    """Return where the bytes are, by the index's template."""
    name, version = str(line["name"]), str(line["vers"])
    if not any(place in template for place in _PLACES):
        return f"{template}/{name}/{version}/download"
    values = (name, version, crates.prefix(name), crates.prefix(name.lower()), str(line["cksum"]))
    for place, value in zip(_PLACES, values, strict=True):
        template = template.replace(place, value)
    return template
