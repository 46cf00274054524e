"""The real uv against an index with the public one's rules, and with everything going wrong that was measured there."""

import base64
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest

from releasd.adapters.index import HttpIndex
from releasd.adapters.uvpublish import publish
from releasd.errors import Conflict, Denied, Permanent, ReleasdError, SecretError, Transient
from releasd.ports import Secret
from support.httpstub import Asked, Reply, http_stub
from support.ports import own_port
from support.pypirules import PypiRules
from support.rulesindex import TOKEN, ignore, index, make_index, rules
from support.wheels import make_sdist, make_wheel, sha256

__all__ = ["index", "rules"]


@pytest.mark.parametrize(
    ("status", "error"),
    [
        *((status, Denied) for status in (401, 403)),
        *((status, Permanent) for status in (400, 413)),
        *((status, Transient) for status in (429, 500, 502, 503)),
    ],
)
def test_each_status_becomes_its_cause(
    rules: PypiRules, index: HttpIndex, tmp_path: Path, status: int, error: type[ReleasdError]
) -> None:
    """Uv ends with 2 for all of them; nothing was stored, and the index was asked to only once."""
    rules.fail_next(status)
    with pytest.raises(ReleasdError) as caught:
        index.upload([make_wheel(tmp_path, "demo", "1.0")], ignore)
    assert type(caught.value) is error
    assert caught.value.advice
    assert (rules.posts(), rules.files) == (1, {})


@pytest.mark.parametrize("kind", ["drop_before", "drop_mid", "drop_after"])
def test_lost_connection_leaves_one_copy(rules: PypiRules, index: HttpIndex, tmp_path: Path, kind: str) -> None:
    """Wherever the line breaks, even between storing and answering, the file ends up there once."""
    wheel = make_wheel(tmp_path, "demo", "1.0")
    rules.fault(kind)
    index.upload([wheel], ignore)
    assert {name: f.stored for name, f in rules.files.items()} == {wheel.name: 1}


def test_error_after_storing_is_seen_as_stored(rules: PypiRules, index: HttpIndex, tmp_path: Path) -> None:
    """A gateway's 502 may hide a success; the listing shows it."""
    wheel = make_wheel(tmp_path, "demo", "1.0")
    rules.fault("after", status=502)
    index.upload([wheel], ignore)
    assert [file.sha256 for file in index.files("demo", "1.0")] == [sha256(wheel)]


def test_repeat_while_the_listing_lags_is_accepted(rules: PypiRules, index: HttpIndex, tmp_path: Path) -> None:
    """While the index does not list yet what it stored, the same bytes are answered 200 and stored once."""
    wheel = make_wheel(tmp_path, "demo", "1.0")
    rules.lag = 3600
    index.upload([wheel], ignore)
    assert index.files("demo", "1.0") == ()
    index.upload([wheel], ignore)
    assert (rules.files[wheel.name].stored, rules.files[wheel.name].accepted) == (1, 2)


def test_other_bytes_while_the_listing_lags_are_a_conflict(rules: PypiRules, index: HttpIndex, tmp_path: Path) -> None:
    """The check finds nothing, the upload is refused: still a conflict, with the index's own words."""
    rules.lag = 3600
    index.upload([make_wheel(tmp_path, "demo", "1.0", body="theirs = 1\n")], ignore)
    with pytest.raises(Conflict, match="File already exists"):
        index.upload([make_wheel(tmp_path, "demo", "1.0")], ignore)


def test_plain_linux_wheel_and_second_sdist_are_permanent(rules: PypiRules, index: HttpIndex, tmp_path: Path) -> None:
    """Rules that only the server knows come back as what to change."""
    with pytest.raises(Permanent, match="unsupported platform tag"):
        index.upload([make_wheel(tmp_path, "demo", "1.0", tag="cp311-cp311-linux_x86_64")], ignore)
    index.upload([make_sdist(tmp_path, "demo-x", "1.0")], ignore)
    with pytest.raises(Conflict):
        index.upload([make_sdist(tmp_path, "demo-x", "1.0", body="changed\n")], ignore)


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04 truncated"])
def test_damaged_wheel_is_permanent_and_not_sent(
    rules: PypiRules, index: HttpIndex, tmp_path: Path, content: bytes
) -> None:
    """What is no archive never leaves the machine."""
    wheel = tmp_path / "demo-1.0-py3-none-any.whl"
    wheel.write_bytes(content)
    with pytest.raises(Permanent, match="Failed to"):
        index.upload([wheel], ignore)
    assert rules.posts() == 0


def test_hanging_server_is_left_in_time(rules: PypiRules, tmp_path: Path) -> None:
    """A server that says nothing costs the time limit, and no process stays."""
    rules.fault("hang", seconds=90)
    begun = time.monotonic()
    with pytest.raises(Transient, match="did not end within 2 s"):
        make_index(rules, upload_timeout=2).upload([make_wheel(tmp_path, "demo", "1.0")], ignore)
    assert time.monotonic() - begun < 60


def test_refused_connection_is_transient(tmp_path: Path) -> None:
    """An index that is down is tried again later; nothing of it is permanent."""
    gone = f"http://127.0.0.1:{own_port()}"
    with pytest.raises(Transient):
        publish(
            [make_wheel(tmp_path, "demo", "1.0")],
            publish_url=f"{gone}/legacy/",
            check_url=None,
            token=TOKEN,
            sink=ignore,
            timeout=30,
        )


def test_check_url_that_is_down_uploads_nothing(rules: PypiRules, tmp_path: Path) -> None:
    """Where the listing cannot be read nothing is sent: what is there is unknown."""
    gone = f"http://127.0.0.1:{own_port()}"
    with pytest.raises(Transient):
        publish(
            [make_wheel(tmp_path, "demo", "1.0")],
            publish_url=rules.publish_url,
            check_url=f"{gone}/simple/",
            token=TOKEN,
            sink=ignore,
            timeout=30,
        )
    assert rules.posts() == 0


def test_log_line_as_token_is_never_sent(rules: PypiRules, tmp_path: Path) -> None:
    """The hand-run workflow's bug: a log line in front of the token. Nothing is sent, nothing is shown."""
    token = Secret(f"\x1b[0;34m[INFO]\x1b[0m Fetching PyPI token from Doppler...\n{TOKEN.reveal()}")
    bad = make_index(rules, token=token)
    for use in (lambda: bad.upload([make_wheel(tmp_path, "demo", "1.0")], ignore), bad.check_secret):
        with pytest.raises(SecretError) as caught:
            use()
        assert TOKEN.reveal() not in caught.value.message
    assert rules.requests == []


def test_token_reaches_the_index_byte_for_byte(rules: PypiRules, index: HttpIndex, tmp_path: Path) -> None:
    """The login that the index sees is exactly the secret, under the name that stands for tokens."""
    index.upload([make_wheel(tmp_path, "demo", "1.0")], ignore)
    (header,) = [asked.headers["Authorization"] for asked in rules.requests if asked.method == "POST"]
    assert base64.b64decode(header.removeprefix("Basic ")) == b"__token__:" + TOKEN.reveal().encode()


def test_token_is_not_in_any_argument_list_or_output(rules: PypiRules, tmp_path: Path) -> None:
    """While uv runs, no process shows the token to `ps`; what uv prints, even quoting the server, does not either."""
    rules.fault("hang", seconds=3)
    rules.fail_next(400)
    rules.fail_next(400)
    output: list[bytes] = []
    errors: list[ReleasdError] = []

    def upload() -> None:
        try:
            make_index(rules, upload_timeout=30).upload([make_wheel(tmp_path, "demo", "1.0")], output.append)
        except ReleasdError as error:
            errors.append(error)

    thread = threading.Thread(target=upload)
    thread.start()
    seen = b""
    while thread.is_alive():
        seen += _command_lines()
        time.sleep(0.05)
    thread.join()
    assert b"publish" in seen
    assert TOKEN.reveal().encode() not in seen
    assert TOKEN.reveal() not in f"{b''.join(output)!r}{errors}"


def test_server_echoing_the_token_does_not_bring_it_into_the_log(tmp_path: Path) -> None:
    """What a server sends back is not trusted to be free of what it was sent."""
    output: list[bytes] = []
    with http_stub(lambda asked: Reply(400, b"you sent " + TOKEN.reveal().encode() + b" and " + _login(asked))) as stub:
        with pytest.raises(Permanent) as caught:
            publish(
                [make_wheel(tmp_path, "demo", "1.0")],
                publish_url=f"{stub.url}/legacy/",
                check_url=None,
                token=TOKEN,
                sink=output.append,
                timeout=30,
            )
        login = _login(stub.asked[0])
    shown = f"{caught.value.message} {b''.join(output).decode()}"
    assert "[redacted]" in shown
    assert TOKEN.reveal() not in shown
    assert login.split()[1].decode() not in shown


def _login(asked: Asked) -> bytes:
    return asked.headers["authorization"].encode()


def _command_lines() -> bytes:
    """Return what `ps` shows to every user of the machine."""
    return b"\n".join(" ".join(p.info["cmdline"] or ()).encode() for p in psutil.process_iter(["cmdline"]))


def test_no_configuration_redirects_the_upload(
    rules: PypiRules, index: HttpIndex, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Neither a uv.toml nearby, nor one of the user, nor variables of the daemon change where the files go."""
    with http_stub(lambda _: Reply(200, b"OK")) as thief:
        config = f'publish-url = "{thief.url}/"\n[[index]]\nurl = "{thief.url}/simple/"\ndefault = true\n'
        (tmp_path / "home/.config/uv").mkdir(parents=True)
        (tmp_path / "home/.config/uv/uv.toml").write_text(config)
        (tmp_path / "uv.toml").write_text(config)
        monkeypatch.chdir(tmp_path)
        monkeypatch.setenv("HOME", str(tmp_path / "home"))
        monkeypatch.delenv("XDG_CONFIG_HOME", raising=False)
        for name in ("UV_PUBLISH_URL", "UV_PUBLISH_CHECK_URL", "UV_INDEX_URL"):
            monkeypatch.setenv(name, f"{thief.url}/")
        monkeypatch.setenv("UV_PUBLISH_USERNAME", "somebody")
        index.upload([make_wheel(tmp_path, "demo", "1.0")], ignore)
        assert thief.asked == []
    assert list(rules.files) == ["demo-1.0-py3-none-any.whl"]


def test_only_the_files_named_are_uploaded(rules: PypiRules, index: HttpIndex, tmp_path: Path) -> None:
    """Neighbours in the folder stay there, and a folder's name is no glob."""
    folder = tmp_path / "job [1] *"
    folder.mkdir()
    wanted = make_wheel(folder, "demo", "1.0")
    make_wheel(folder, "demo", "0.9")
    (folder / f"{wanted.name}.publish.attestation").write_text("{}")
    index.upload([wanted], ignore)
    assert list(rules.files) == [wanted.name]


def test_file_that_is_gone_is_permanent(index: HttpIndex, tmp_path: Path) -> None:
    """A sealed file that is no longer there is never silently left out."""
    with pytest.raises(Permanent, match=r"gone-1\.0-py3-none-any\.whl is gone"):
        index.upload([tmp_path / "gone-1.0-py3-none-any.whl"], ignore)


def test_output_arrives_while_uv_runs(rules: PypiRules, tmp_path: Path) -> None:
    """The job's log shows the upload as it happens, line by line."""
    rules.fault("hang", seconds=60)
    lines: list[tuple[float, bytes]] = []
    with pytest.raises(Transient):
        make_index(rules, upload_timeout=8).upload(
            [make_wheel(tmp_path, "demo", "1.0")], lambda line: lines.append((time.monotonic(), line))
        )
    assert any(b"Uploading demo-1.0" in line and at < time.monotonic() - 1.0 for at, line in lines)
    assert all(line.endswith(b"\n") for _, line in lines)


def test_nothing_of_the_upload_stays_behind(index: HttpIndex, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No cache, no link, no folder with the daemon's name remains."""
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(scratch))
    monkeypatch.setenv("HOME", str(scratch))
    index.upload([make_wheel(tmp_path, "demo", "1.0")], ignore)
    assert os.listdir(scratch) == []  # noqa: PTH208 - names are what is compared


_UPLOADER = """
import sys
from pathlib import Path
from releasd.adapters.uvpublish import publish
from releasd.ports import Secret
paths = [Path(path) for path in sys.argv[3:]]
publish(paths, publish_url=sys.argv[1], check_url=None, token=Secret(sys.argv[2]), sink=lambda _: None, timeout=60)
"""


def test_killed_daemon_takes_its_upload_along(rules: PypiRules, tmp_path: Path) -> None:
    """After SIGKILL no uploader goes on behind the back of the daemon started next, and no folder stays."""
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    paths = [make_wheel(tmp_path, "demo", f"1.{minor}") for minor in range(3)]
    rules.fault("hang", seconds=60)
    argv = [sys.executable, "-c", _UPLOADER, rules.publish_url, "pypi-for-this-test", *map(str, paths)]
    with subprocess.Popen(argv, env={**os.environ, "TMPDIR": str(scratch)}) as daemon:
        _until(lambda: rules.posts() == 1)
        started = psutil.Process(daemon.pid).children(recursive=True)
        daemon.kill()
    assert len(started) >= 2
    _until(lambda: not any(process.is_running() for process in started))
    _until(lambda: not any(scratch.iterdir()))
    assert rules.posts() == 1


def test_uploader_ended_from_outside_is_transient(rules: PypiRules, tmp_path: Path) -> None:
    """The kernel's out-of-memory killer, say: the files are asked for and the rest is sent again."""
    rules.fault("hang", seconds=20)
    errors: list[ReleasdError] = []

    def upload() -> None:
        try:
            make_index(rules).upload([make_wheel(tmp_path, "demo", "1.0")], ignore)
        except ReleasdError as error:
            errors.append(error)

    thread = threading.Thread(target=upload)
    thread.start()
    _until(lambda: rules.posts() == 1)
    (uploader,) = [p for p in psutil.Process().children(recursive=True) if p.name() == "uv"]
    uploader.kill()
    thread.join(90)
    (error,) = errors
    assert isinstance(error, Transient)
    assert "signal 9" in error.message


def _until(holds: Callable[[], bool]) -> None:
    for _ in range(1800):
        if holds():
            return
        time.sleep(0.05)
    pytest.fail("it did not come true within 90 s")
