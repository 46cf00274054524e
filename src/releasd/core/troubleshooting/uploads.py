"""What an uploader or an index says (publishing-facts.md §2; texts measured with uv 0.13.9).

The order is that of judgement: an index says "file already exists" under 400 and under 409.
"""

from releasd.core.troubleshooting.entry import Known
from releasd.errors import Conflict, Denied, Permanent, ReleasdError, Taken, Transient

ROTATE = (
    "Make a new token on the index, allowed to upload this project, and store it where the configuration's "
    "[secrets] entry points, for example `doppler secrets set PYPI_TOKEN`; then `releasd retry`."
)
AGAIN = "It is tried again by itself; the files that are already there are skipped."
_LOOK = "Compare the index's files with the job's (`releasd status JOB`); if they are not yours, release a new version."
STATUS = r"(?:status code|with status|status code:) "
_SAYS = "Server returned status code {}. Server says: {}"


def _code(words: str) -> str:
    """Return words as Markdown shows them literally, backticks among them too."""
    return f"`` {words} ``" if "`" in words else f"`{words}`"


def _known(name: str, error: type[ReleasdError], pattern: str, cause: str, fix: str, *examples: str) -> Known:
    return Known(
        name=name,
        scope="upload",
        shown=_code(examples[0]),
        pattern=pattern,
        cause=cause,
        fix=fix,
        examples=examples,
        error=error,
    )


UPLOADS = (  # a busy index first: the page of a gateway may say anything
    _known(
        "index-busy",
        Transient,
        r"(?:server returned|failed with|\() ?status code (?:408|425|429|5\d\d)",
        "the index is down, slow or limits us",
        AGAIN,
        _SAYS.format("502 Bad Gateway", "no"),
        _SAYS.format("429 Too Many Requests", "no"),
        _SAYS.format("503 Service Unavailable", "no"),
    ),
    _known(
        "other-bytes-on-index",
        Conflict,
        r"Local file and index file do not match",
        "the index has a file of that name with other bytes",
        _LOOK,
        "Local file and index file do not match for `demo-1.0.tar.gz`. Local: sha256=aa, Remote: sha256=bb",
    ),
    _known(
        "index-without-hashes",
        Permanent,
        r"Hash is missing in index",
        "the index lists no digests",
        "Use an index that lists sha256 digests; without them nothing is provable.",
        "Hash is missing in index for `demo-1.0.tar.gz`",
    ),
    _known(
        "token-refused",
        Denied,
        STATUS + r"(?:401|403)|permission denied \(status|missing credentials|no credentials|incorrect credentials",
        'the index refuses the token: expired, revoked, of another project ("PyPI 403 Forbidden")',
        ROTATE,
        _SAYS.format("403 Forbidden", "403 Invalid or non-existent authentication information"),
        _SAYS.format("401 Unauthorized", "no"),
        "Permission denied (status code 403 Forbidden): 403 no",
    ),
    _known(
        "deleted-name",
        Conflict,
        r"previously used by a file that has since been deleted",
        "an index never takes a file name again",
        "A deleted file's name stays taken: release a new version.",
        _SAYS.format("400 Bad Request", "400 This filename was previously used by a file that has since been deleted."),
    ),
    _known(
        "file-exists",
        Conflict,  # the public index's words, which takes the same bytes again without a word
        r"file already exists \(.{0,300}blake2",
        "the index has a file of that name with other bytes",
        _LOOK,
        _SAYS.format("400 Bad Request", "400 File already exists ('demo-1.0.tar.gz', with blake2_256 hash 'ab')."),
    ),
    _known(
        "conflict",
        Taken,
        STATUS + r"409|file already exists",
        "the index has a file of that name (devpi and pypiserver say it so); its listing decides whose",
        _LOOK,
        _SAYS.format("409 Conflict", "<html>the file is there</html>"),
    ),
    _known(
        "release-closed",
        Permanent,
        r"older than \d+ days|releases? (?:is|are) closed",
        "PyPI takes no more files 14 days after a release was created",
        "The index takes no more files for this version: release a new one.",
        _SAYS.format("400 Bad Request", "400 Uploading new files to releases older than 14 days is not allowed."),
    ),
    _known(
        "too-large",
        Permanent,
        r"file (?:is )?too large|project size too large|limit for this (?:file|project)|" + STATUS + r"413",
        "the file, or the whole project, is over the index's limit (PyPI: 100 MiB a file, 10 GiB a project)",
        "Ask the index for a larger limit or make the files smaller, then `releasd retry`.",
        _SAYS.format("400 Bad Request", "400 File too large. Limit for project 'demo' is 100 MB."),
        "400 Project size too large.",
        _SAYS.format("413 Payload Too Large", "no"),
    ),
    _known(
        "second-sdist",
        Permanent,
        r"only one sdist",
        "a version has one source distribution",
        "Another source distribution of this version is on the index: release a new version.",
        _SAYS.format("400 Bad Request", "400 Only one sdist may be uploaded per release."),
    ),
    _known(
        "plain-linux-wheel",
        Permanent,
        r"unsupported platform tag",
        "a wheel for plain linux runs nowhere for sure",
        "Build the wheel for manylinux, musllinux or macOS, not for plain linux, and release again.",
        _SAYS.format("400 Bad Request", "400 Binary wheel has an unsupported platform tag 'linux_x86_64'."),
    ),
    _known(
        "damaged-on-the-way",
        Permanent,
        r"digest supplied does not match",
        "the bytes that arrived are not those that were sent",
        "Look for a proxy between the daemon and the index; then `releasd retry`: the sealed bytes are sent again.",
        _SAYS.format(
            "400 Bad Request", "The digest supplied does not match a digest calculated from the uploaded file."
        ),
    ),
    _known(
        "wrong-address",
        Permanent,
        r"POST requests are not supported|redirects are not allowed|request was redirected|"
        + STATUS
        + r"(?:404|405|30\d)",
        "the address takes no uploads",
        "Set publish_url in [indexes] to the index's upload address, not its simple one.",
        "POST requests are not supported by the endpoint, are you using the simple index URL",
        _SAYS.format("404 Not Found", "no"),
    ),
    _known(
        "index-objects",
        Permanent,
        STATUS + r"4\d\d",
        "the index refuses the file for what is in it",
        "Change what the index objects to, then release again.",
        _SAYS.format("400 Bad Request", "400 Invalid value for classifiers."),
    ),
    _known(
        "certificate",
        Permanent,
        r"invalid peer certificate|certificate verify|UnknownIssuer",
        "the index's certificate is of an authority that is not known here",
        "Set SSL_CERT_FILE for the daemon to the index's CA.",
        "client error (Connect): invalid peer certificate: UnknownIssuer",
    ),
    _known(
        "index-unreachable",
        Transient,
        r"failed to query check url|failed to send post request|error sending request|timed out|connection|dns error|"
        r"transient request failure|client error \(|connect error|temporary failure",
        "the index was not reached, or was lost on the way",
        AGAIN,
        "Failed to query check URL",
        "tcp connect error: Connection refused (os error 111)",
        "operation timed out",
    ),
    _known(
        "damaged-file",
        Permanent,
        r"no \.?dist-info|trailing contents|failed to read metadata|no `?pkg-info|end of central directory",
        "what the build left is no whole file, as a failed build's 22-byte wheel",
        "The file is damaged: look at the build's log and release again.",
        "No .dist-info directory found",
        "ZIP file contains trailing contents after the end-of-central-directory record",
    ),
    _known(
        "nothing-to-upload",
        Permanent,
        r"no files found to publish|neither a wheel nor a source",
        "no file is there",
        "The build named no distribution: see its log.",
        "No files found to publish",
    ),
)
