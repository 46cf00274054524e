"""The value types of the operator's configuration that TOML does not have: durations, file modes, folders, names."""

import re
from pathlib import Path
from typing import Annotated, Any

from pydantic import AfterValidator, BeforeValidator, Field, StringConstraints

_UNITS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}
_BYTES = {"kB": 10**3, "MB": 10**6, "GB": 10**9, "TB": 10**12}
_SIZE = re.compile(r"(\d+(?:\.\d+)?) ?(kB|MB|GB|TB)")
_PART = re.compile(r"(\d+(?:\.\d+)?)(ms|s|m|h|d)")
_USER = r"[^\s@:/-][^\s@:/]*"
_MACHINE = r"[^\s@:/-][^\s@:/]*|[0-9A-Fa-f:.]*:[0-9A-Fa-f:.]*:[0-9A-Fa-f:.]*"  # a name, IPv4, IPv6
_ADDRESS = re.compile(rf"(?:{_USER}@)?(?:{_MACHINE})")
_SCP_LIKE = re.compile(r"[^/:\s]+:\S+")


def parse_duration(value: Any) -> float:
    """Return `value` in seconds: "30s", "1h30m", "90d", or a number of seconds. Raises ValueError, also for zero."""
    seconds = _seconds(value)
    if not 0 < seconds < float("inf"):
        raise ValueError("a duration has to be longer than zero; write 30s, 5m, 2h, 90d or a number of seconds")
    return seconds


def _seconds(value: Any) -> float:
    if isinstance(value, int | float) and not isinstance(value, bool):
        return float(value)
    text = str(value).replace(" ", "")
    if re.fullmatch(r"\d+(\.\d+)?", text):
        return float(text)
    if isinstance(value, str) and re.fullmatch(f"(?:{_PART.pattern})+", text):
        return sum(float(number) * _UNITS[unit] for number, unit in _PART.findall(text))
    raise ValueError("not a duration; write 30s, 5m, 2h, 90d or a number of seconds")


def parse_size(value: Any) -> int:
    """Return `value` in bytes: "500MB", "10GB", or a number of bytes. Raises ValueError for anything else."""
    if isinstance(value, int) and not isinstance(value, bool) and value >= 0:
        return value
    match = _SIZE.fullmatch(value) if isinstance(value, str) else None
    if match is None:
        raise ValueError("not a size; write 500MB, 10GB or a number of bytes")
    return int(float(match[1]) * _BYTES[match[2]])


def parse_mode(value: Any) -> int:
    """Return the file mode written as an octal string. A bare number is refused: TOML would read it as decimal."""
    if isinstance(value, str) and re.fullmatch(r"(0o|0)?[0-7]{3}", value):
        return int(value.removeprefix("0o"), 8)
    raise ValueError('not a file mode; write it in quotes and in octal, as "0600"')


def parse_folder(value: Path) -> Path:
    """Return the path with `~` expanded. A relative one is refused: a daemon's current folder is nobody's."""
    expanded = value.expanduser()
    if not expanded.is_absolute():
        raise ValueError("not an absolute path; begin it with / or ~")
    return expanded


def parse_host_folder(value: str) -> str:
    """Return a folder on a host as written; `~/` is the home of the user there. A relative one is refused."""
    if not value.startswith(("/", "~/")):
        raise ValueError("not an absolute path; begin it with / or ~/, which is the home of the host's user")
    return value


def parse_repository(value: str) -> str:
    """Return a repository's address as git takes it: a URL, `host:path`, or an absolute path with `~` expanded."""
    if "://" in value or _SCP_LIKE.fullmatch(value):
        return value
    return str(parse_folder(Path(value)))


def parse_web_url(value: str) -> str:
    """Return an http or https address as written."""
    if not re.fullmatch(r"https?://[^\s/]+(/\S*)?", value):
        raise ValueError("not a web address; begin it with https:// or http://")
    return value


def parse_index_url(value: str) -> str:
    """Return an http or https address without a credential: programs that are given it show it to everybody here."""
    if re.match(r"https?://[^/]*@", value):
        raise ValueError("has a user or a password in it; write it without, and name the secret under secret")
    return parse_web_url(value)


def parse_address(value: str) -> str:
    """Return where SSH goes, as written. Nothing that begins with a dash: some program might take it for an option."""
    if not _ADDRESS.fullmatch(value):
        raise ValueError("not an address; write machine, user@machine or an SSH alias, and the port under port")
    return value


def parse_email(value: str) -> str:
    """Return an address that git takes for a committer."""
    if not re.fullmatch(r"[^\s<>@]+@[^\s<>@]+", value):
        raise ValueError("not an e-mail address; write name@domain")
    return value


def parse_bucket(value: str) -> str:
    """Return a bucket's name: what S3 allows in one."""
    if not re.fullmatch(r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]", value):
        raise ValueError("not a bucket's name; it has 3 to 63 small letters, digits, dots and dashes")
    return value


Duration = Annotated[float, BeforeValidator(parse_duration)]
Size = Annotated[int, BeforeValidator(parse_size)]
Mode = Annotated[int, BeforeValidator(parse_mode)]
Folder = Annotated[Path, AfterValidator(parse_folder)]
HostFolder = Annotated[str, StringConstraints(strip_whitespace=True), AfterValidator(parse_host_folder)]
Repository = Annotated[str, Field(min_length=1), AfterValidator(parse_repository)]
WebUrl = Annotated[str, AfterValidator(parse_web_url)]
IndexUrl = Annotated[str, AfterValidator(parse_index_url)]
Bucket = Annotated[str, AfterValidator(parse_bucket)]
Address = Annotated[str, AfterValidator(parse_address)]
Email = Annotated[str, AfterValidator(parse_email)]
# A name becomes part of a path and of a variable: nothing that needs quoting in either.
Name = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$")]
Names = tuple[Name, ...]
Text = Annotated[str, StringConstraints(min_length=1, strip_whitespace=True)]
