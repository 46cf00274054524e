"""Uploads through `uv publish`, kept on a short leash.

uv sees exactly the files it is given, no configuration but ours, and the token in a way that nobody else can read
(uvtoken.py). Its exit status proves nothing (publishing-facts.md §2); the caller reads the index afterwards.
"""

import os
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from pathlib import Path

from packaging.utils import canonicalize_name

from releasd.adapters import http, uvtoken
from releasd.adapters.pipes import chunks, kill_group
from releasd.adapters.secrets.redact import redacted
from releasd.adapters.uvtrace import LEVEL, Trace
from releasd.core.publisherrors import ROTATE, classify
from releasd.core.uploadtoken import limits
from releasd.errors import Permanent, SecretDenied, SecretError, Transient
from releasd.ports import Secret, Sink

PUBLIC_PREFIX = "pypi-"
_PASSED_ON = (  # how this machine reaches the network; everything else is ours
    "SSL_CERT_FILE", "SSL_CERT_DIR", "UV_SYSTEM_CERTS", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY",
    "http_proxy", "https_proxy", "all_proxy", "no_proxy",
)  # fmt: skip
# uv goes on when whoever started it is killed. So a shell holds it on a leash: when our end of its standard input is
# gone it kills uv and removes the scratch folder ($HOME), and a daemon started again is the only one that uploads.
# It finds the token's socket as its standard error, and gives it to uv alone, as `uvtoken.TOKEN_FD`.
_LEASH = """
exec 3<&0 0</dev/null 4<&2 2>&1
"$@" 3<&- &
uv=$!
exec 4<&-
{ read -r _ <&3; kill -KILL "$uv"; cd / && rm -rf -- "$HOME"; } >/dev/null 2>&1 &
watch=$!
wait "$uv"
status=$?
kill -KILL "$watch"
exit "$status"
"""
_SIGNALLED = 128  # a shell's status for the death of a child by signal n is 128 + n
_KEPT = 64 * 1024  # bytes of output looked at for the cause


def check_token(token: Secret, *, public: bool) -> None:
    """Raise `SecretError`, without the value, unless the token could be one.

    `public` is the public index, whose tokens all begin with `pypi-`. A token with a log line in front of it is what
    the hand-run workflow once uploaded with (publishing-facts.md §0.10).
    """
    problem = _token_problem(token.reveal(), public=public)
    if problem:
        raise SecretError(
            f"the upload token {problem}", advice="Store the bare token, nothing around it, and run `releasd doctor`."
        )


def _token_problem(value: str, *, public: bool) -> str | None:
    if not value:
        return "is empty"
    if "\x1b" in value:
        return "contains terminal colour codes: the command that prints it prints a log line as well"
    if any(ch.isspace() for ch in value):
        return "contains white space: the command that prints it prints something else as well"
    if not (value.isascii() and value.isprintable()):
        return "contains characters that no token has"
    if public and not value.startswith(PUBLIC_PREFIX):
        return f"does not begin with {PUBLIC_PREFIX!r}, as every token of the public index does"
    return None


def check_limits(token: Secret, distribution: str | None, now: datetime | None) -> None:
    """Raise `SecretDenied` where the token itself says that it is not for this project, or has expired."""
    found = limits(token.reveal())
    projects = {canonicalize_name(name) for name in found.projects or ()}
    if distribution and found.projects is not None and canonicalize_name(distribution) not in projects:
        raise SecretDenied(
            f"the upload token is for {', '.join(sorted(projects)) or 'no project'}, not for {distribution}",
            advice=ROTATE,
        )
    if now and found.expires_at is not None and found.expires_at <= now.timestamp():
        raise SecretDenied("the upload token has expired", advice=ROTATE)


def publish(
    paths: Sequence[Path],
    *,
    publish_url: str | None,
    check_url: str | None,
    token: Secret,
    sink: Sink,
    timeout: float,
) -> None:
    """Upload exactly `paths`, skipping those that `check_url` already lists with the same bytes.

    `publish_url` None is uv's own default, the public index; `timeout` is in seconds for all files together.
    Raises `SecretError` for a token that cannot be one, else what `classify` makes of uv's words.
    """
    check_token(token, public=publish_url is None)
    with (
        tempfile.TemporaryDirectory(prefix="releasd-publish-") as scratch,
        uvtoken.handover(token, _uv(), Path(scratch)) as handed,
    ):
        names = _link(paths, Path(scratch))
        argv = _argv(handed.binary, names, publish_url=publish_url, check_url=check_url)
        env = _environment(scratch, handed, timeout=timeout)
        trace = Trace()
        code, output = _run(
            argv,
            env,
            handed,
            cwd=scratch,
            sink=sink,
            clean=lambda pieces: trace.words(redacted(pieces, [token])),
            timeout=timeout,
        )
    error = classify(code, output.decode("utf-8", "replace"), asked=http.retry_after(trace.headers))
    if error is not None:
        raise error


def _link(paths: Sequence[Path], scratch: Path) -> list[str]:
    """Link the files into the empty folder and return their names: uv takes globs, and no name of a file is one."""
    for path in paths:
        if not path.is_file():
            raise Permanent(f"{path.name} is gone from the artifact store", advice="Run `releasd doctor`.")
        (scratch / path.name).symlink_to(path.resolve())
    return [path.name for path in paths]


def _uv() -> str:
    import uv  # noqa: PLC0415 - only to find the binary

    try:
        return uv.find_uv_bin()
    except FileNotFoundError:
        raise Permanent("the uv that belongs to releasd is gone", advice="pip install --force-reinstall uv") from None


def _argv(binary: str, names: Sequence[str], *, publish_url: str | None, check_url: str | None) -> list[str]:
    # Trusted publishing costs 46 s where there is none, and the index refuses attestations from a token (facts §2).
    fixed = ("--trusted-publishing", "never", "--no-attestations", "--no-progress", *uvtoken.OPTIONS)
    urls = [
        *(("--publish-url", publish_url) if publish_url else ()),
        *(("--check-url", check_url) if check_url else ()),
    ]
    return [binary, "publish", *fixed, *urls, "--", *names]


def _environment(scratch: str, handed: uvtoken.Handover, *, timeout: float) -> dict[str, str]:
    passed = {name: os.environ[name] for name in _PASSED_ON if name in os.environ}
    return passed | {
        "PATH": os.pathsep.join((handed.path, os.environ.get("PATH", os.defpath))),
        "HOME": scratch,
        "TMPDIR": scratch,
        "NO_COLOR": "1",
        "RUST_LOG": LEVEL,
        "UV_NO_CONFIG": "1",  # neither a repository's nor a user's configuration may redirect an upload
        "UV_NO_CACHE": "1",
        "UV_HTTP_RETRIES": "1",  # of dropped connections, at once; longer patience is the engine's
        "UV_UPLOAD_HTTP_TIMEOUT": str(max(1, int(timeout))),
    }


def _run(
    argv: Sequence[str],
    env: Mapping[str, str],
    handed: uvtoken.Handover,
    *,
    cwd: str,
    sink: Sink,
    clean: Callable[[Iterable[bytes]], Iterable[bytes]],
    timeout: float,
) -> tuple[int, bytes]:
    """Run to the end and return the exit status (negative for a signal) and the end of the cleaned output.

    Raises `Transient` on time-out.
    """
    deadline = time.monotonic() + timeout
    process = subprocess.Popen(
        ("/bin/sh", "-c", _LEASH, "sh", *argv),
        env=env,
        cwd=cwd,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=handed.socket,  # see _LEASH
        pass_fds=handed.inherited,
        start_new_session=True,
    )
    with process:
        try:
            kept = b""
            for line in clean(chunks(process, deadline)):
                sink(line)
                kept = (kept + line)[-_KEPT:]
            code = process.wait(max(0.0, deadline - time.monotonic()))
            return (_SIGNALLED - code if code > _SIGNALLED else code), kept
        except (TimeoutError, subprocess.TimeoutExpired):
            raise Transient(
                f"uv publish did not end within {timeout:.3g} s", advice="Check the connection to the index."
            ) from None
        finally:
            if process.poll() is None:
                kill_group(process)
