"""The public index's rules for an upload, and its words (publishing-facts.md §2, read there from its own source)."""

import hashlib
import re
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

_PLATFORM = re.compile(r"any|win32|win_amd64|win_arm64|(manylinux|musllinux)\w+|macosx_\d+_\d+_\w+")


@dataclass(kw_only=True)
class Stored:
    """A file that was accepted. `accepted` counts answers of 200, `stored` those that wrote it: never more than one."""

    filename: str
    project: str
    version: str
    sha256: str
    size: int
    filetype: str
    at: float
    accepted: int = 1
    stored: int = 1


@dataclass(kw_only=True)
class Limits:
    """What the index sets for a project: sizes in bytes; `deleted` are names that are taken for ever."""

    file_size: int = 100 << 20
    project_size: int = 10 << 30
    deleted: set[str] = field(default_factory=set)


OPEN_FOR = 14 * 86_400.0  # seconds in which a release takes files


class Refused(Exception):
    """An upload that breaks a rule."""

    def __init__(self, status: int, text: str) -> None:
        super().__init__(text)
        self.status = status
        self.text = text


def judge(
    fields: Mapping[str, str], filename: str, content: bytes, files: Mapping[str, Stored], limits: Limits
) -> Stored | None:
    """Return the new file, None for one that is there byte for byte; raise `Refused` with the public index's words."""
    digest = hashlib.sha256(content).hexdigest()
    project = re.sub(r"[-_.]+", "-", fields.get("name", "")).lower()
    if fields.get("sha256_digest") != digest:
        raise Refused(400, "The digest supplied does not match a digest calculated from the uploaded file.")
    if filename in files:
        if files[filename].sha256 == digest:
            return None
        blake = hashlib.blake2b(content, digest_size=32).hexdigest()
        reuse = "See /help/#file-name-reuse for more information."
        raise Refused(400, f"File already exists ('{filename}', with blake2_256 hash '{blake}'). {reuse}")
    _judge_kind(fields, filename, project, files)
    _judge_limits(filename, len(content), [f for f in files.values() if f.project == project], limits)
    _judge_age([f.at for f in files.values() if (f.project, f.version) == (project, fields.get("version"))])
    return Stored(
        filename=filename,
        project=project,
        version=fields.get("version", ""),
        sha256=digest,
        size=len(content),
        filetype=fields["filetype"],
        at=time.time(),
    )


def _judge_kind(fields: Mapping[str, str], filename: str, project: str, files: Mapping[str, Stored]) -> None:
    kind, version = fields.get("filetype"), fields.get("version")
    if kind == "bdist_wheel":
        for tag in filename.removesuffix(".whl").split("-")[-1].split("."):
            if not _PLATFORM.fullmatch(tag):
                raise Refused(400, f"Binary wheel '{filename}' has an unsupported platform tag '{tag}'.")
    elif kind == "sdist":
        taken = [f for f in files.values() if (f.project, f.version, f.filetype) == (project, version, "sdist")]
        if taken:
            raise Refused(400, "Only one sdist may be uploaded per release.")
    else:
        raise Refused(400, "Unknown type of file.")


def _judge_limits(filename: str, size: int, there: Sequence[Stored], limits: Limits) -> None:
    if filename in limits.deleted:
        raise Refused(
            400, "This filename was previously used by a file that has since been deleted. Use a different one."
        )
    if size > limits.file_size:
        raise Refused(400, f"File too large. Limit for project is {limits.file_size >> 20} MB.")
    if size + sum(file.size for file in there) > limits.project_size:
        raise Refused(400, f"Project size too large. Limit for project total size is {limits.project_size >> 30} GB.")


def _judge_age(times: Sequence[float]) -> None:
    if times and time.time() - min(times) > OPEN_FOR:
        raise Refused(400, "Uploading new files to releases older than 14 days is not allowed.")


def parse_multipart(kind: str, body: bytes) -> tuple[dict[str, str], str, bytes]:
    """Return an upload's fields, its filename and its content (RFC 7578, as much as uv and twine use)."""
    found = re.search(r'boundary="?([^";]+)"?', kind)
    if found is None:
        raise Refused(400, "No boundary.")
    fields: dict[str, str] = {}
    filename, content = "", b""
    for part in body.split(b"--" + found[1].encode())[1:-1]:
        head, _, value = part.removeprefix(b"\r\n").partition(b"\r\n\r\n")
        value = value.removesuffix(b"\r\n")
        names = dict(re.findall(r'(name|filename)="([^"]*)"', head.decode()))
        if "filename" in names:
            filename, content = names["filename"], value
        else:
            fields[names["name"]] = value.decode()
    return fields, filename, content
