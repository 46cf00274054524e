"""Every failure of `uv publish` that was measured (publishing-facts.md §2) gets its cause, and its fix."""

import pytest

from releasd.core.publisherrors import LIMITED_PAUSE, classify
from releasd.errors import Conflict, Denied, Permanent, ReleasdError, Taken, Transient

_FILE = "demo-1.0-py3-none-any.whl"
_SENT = f"Publishing 1 file to http://index/legacy/\nUploading {_FILE}\nerror: Failed to publish `{_FILE}` to `http://index/`\n"
_SAYS = _SENT + "  Caused by: Server returned status code {}. Server says: {}"


def _says(status: str, words: str = "no") -> str:
    return _SAYS.format(status, words)


CASES: list[tuple[str, str, type[ReleasdError], str]] = [
    ("bad-token", _says("403 Forbidden", "403 Invalid or non-existent authentication information"), Denied, "doppler"),
    ("not-logged-in", _says("401 Unauthorized"), Denied, "new token"),
    ("old-uv-wording", "error: Permission denied (status code 403 Forbidden): 403 no", Denied, "new token"),
    (
        "other-bytes",
        _says("400 Bad Request", f"400 File already exists ('{_FILE}', with blake2_256 hash 'ab')."),
        Conflict,
        "releasd status",
    ),
    ("exists-elsewhere", _says("400 Bad Request", "400 file already exists"), Taken, "releasd status"),
    ("conflict", _says("409 Conflict", "<html>the file is there</html>"), Taken, "releasd status"),
    (
        "check-url-mismatch",
        f"error: Local file and index file do not match for `{_FILE}`. Local: sha256=aa, Remote: sha256=bb",
        Conflict,
        "releasd status",
    ),
    (
        "deleted-name",
        _says("400 Bad Request", "400 This filename was previously used by a file that has since been deleted. "),
        Conflict,
        "new version",
    ),
    (
        "fourteen-days",
        _says("400 Bad Request", "400 Uploading new files to releases older than 14 days is not allowed."),
        Permanent,
        "new one",
    ),
    (
        "too-large",
        _says("400 Bad Request", "400 File too large. Limit for project 'demo' is 100 MB."),
        Permanent,
        "larger limit",
    ),
    ("project-too-large", _says("400 Bad Request", "400 Project size too large."), Permanent, "larger limit"),
    ("body-too-large", _says("413 Payload Too Large"), Permanent, "larger limit"),
    (
        "second-sdist",
        _says("400 Bad Request", "400 Only one sdist may be uploaded per release."),
        Permanent,
        "new version",
    ),
    (
        "linux-wheel",
        _says("400 Bad Request", "400 Binary wheel has an unsupported platform tag 'linux_x86_64'."),
        Permanent,
        "manylinux",
    ),
    ("other-400", _says("400 Bad Request", "400 Invalid value for classifiers."), Permanent, "objects to"),
    (
        "simple-url",
        "error: POST requests are not supported by the endpoint, are you using the simple index URL",
        Permanent,
        "publish_url",
    ),
    ("not-found", _says("404 Not Found"), Permanent, "publish_url"),
    ("too-many", _says("429 Too Many Requests"), Transient, "by itself"),
    ("server-error", _says("500 Internal Server Error"), Transient, "by itself"),
    ("bad-gateway", _says("502 Bad Gateway"), Transient, "by itself"),
    ("unavailable", _says("503 Service Unavailable", "file already being served"), Transient, "by itself"),
    (
        "refused",
        _SENT + "  Caused by: Failed to send POST request\n  Caused by: tcp connect error\n"
        "  Caused by: Connection refused (os error 111)",
        Transient,
        "by itself",
    ),
    ("timed-out", _SENT + "  Caused by: operation timed out", Transient, "by itself"),
    ("check-url-down", "error: Failed to query check URL\n  Caused by: Could not connect", Transient, "by itself"),
    ("no-hashes", f"error: Hash is missing in index for `{_FILE}`", Permanent, "sha256"),
    (
        "empty-wheel",
        "error: Failed to publish: x.whl\n  cause: Failed to read metadata\n  cause: No .dist-info directory found",
        Permanent,
        "damaged",
    ),
    (
        "trailing-bytes",
        "error: ZIP file contains trailing contents after the end-of-central-directory record",
        Permanent,
        "damaged",
    ),
    ("nothing", "error: No files found to publish", Permanent, "build"),
    (
        "certificate",
        _SENT + "  Caused by: client error (Connect)\n  Caused by: invalid peer certificate: UnknownIssuer",
        Permanent,
        "SSL_CERT_FILE",
    ),
    ("unheard-of", "error: the moon is in the wrong house", Permanent, "releasd log"),
]


@pytest.mark.parametrize(("text", "error", "advice"), [case[1:] for case in CASES], ids=[case[0] for case in CASES])
def test_failure_is_known_by_its_text(text: str, error: type[ReleasdError], advice: str) -> None:
    """The exit status is 2 for all of these: the class is exactly the cause's, the advice names the fix."""
    found = classify(2, text)
    assert type(found) is error
    assert found is not None
    assert advice in found.advice


@pytest.mark.parametrize(
    "words",
    [
        "upstream replied with status 403",
        "no credentials could be checked just now",
        "file already exists check failed",
        "413 file too large? limit for this file unknown",
        "releases older than 14 days are closed",
    ],
)
def test_a_gateways_words_do_not_end_a_release(words: str) -> None:
    """The status that the index answered comes before whatever its page says: 5xx may be tried again."""
    assert type(classify(2, _says("502 Bad Gateway", words))) is Transient


def test_success_is_no_error_whatever_was_printed() -> None:
    """Exit status 0 raises nothing; whether it is true, the index says."""
    assert classify(0, "warning: Transient request failure, retrying") is None


def test_death_by_signal_may_be_repeated() -> None:
    """A killed uploader left some files behind or none: the same call is safe."""
    found = classify(-9, "Uploading x")
    assert type(found) is Transient
    assert "signal 9" in found.message


def test_skipped_files_are_not_taken_for_the_failure() -> None:
    """Uv's progress line "File X already exists, skipping" is not the index's "File already exists"."""
    text = "File a.whl already exists, skipping\nFile already exists, skipping\n" + _says("503 Service Unavailable")
    assert type(classify(2, text)) is Transient


def test_message_holds_the_servers_words_and_stays_short() -> None:
    """The index's own words are what a person needs; a whole web page is not."""
    found = classify(2, _says("400 Bad Request", "400 Invalid classifier. " + "<p>x</p>" * 1000))
    assert found is not None
    assert "Invalid classifier" in found.message
    assert len(found.message) < 700


def test_silence_is_said() -> None:
    """A failure without a word is reported as such, never as an empty message."""
    found = classify(2, "")
    assert found is not None
    assert "no output" in found.message


@pytest.mark.parametrize(
    ("status", "asked", "wait"),
    [
        ("429 Too Many Requests", None, LIMITED_PAUSE),
        ("429 Too Many Requests", 7.0, 7.0),
        ("503 Service Unavailable", 7.0, 7.0),
        ("503 Service Unavailable", None, None),
    ],
)
def test_the_index_says_how_long_to_wait(status: str, asked: float | None, wait: float | None) -> None:
    """Its Retry-After counts; a 429 without one costs a minute."""
    error = classify(2, _says(status), asked=asked)
    assert isinstance(error, Transient)
    assert error.retry_after == wait


def test_a_refusal_is_not_put_off() -> None:
    """Where nothing may be repeated, a Retry-After changes nothing."""
    assert isinstance(classify(2, _says("403 Forbidden"), asked=7.0), Denied)
