"""A bucket of an S3-like store: the one user of botocore, which signs requests and reads answers.

What botocore would send goes through adapters/http instead (its `before-send` event is made for that): whole deadlines,
and errors by cause, are the same as everywhere. Nothing is taken from the user's own AWS files and variables, which
could send a release elsewhere. botocore is imported at the first use, and comes with `pip install 'releasd[s3]'`.
"""

import functools
import io
import os
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from releasd.adapters import http
from releasd.adapters.secrets.redact import redactor
from releasd.errors import Denied, Permanent, ReleasdError, SecretMalformed, Transient
from releasd.ports import Secret

if TYPE_CHECKING:
    from botocore.awsrequest import AWSPreparedRequest, AWSResponse

FORM = "ACCESS_KEY_ID:SECRET_ACCESS_KEY"
DIGEST = "sha256"  # the object's metadata of that name
_KEY = re.compile(r"([!-9;-~]{3,128}):([!-~]{8,512})")
_MISSING = 404
_TAKEN = frozenset({409, 412})
_PASSING = frozenset({"RequestTimeout", "SlowDown", "XAmzContentSHA256Mismatch", "BadDigest", "OperationAborted"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """A bucket and how it is spoken to. `what` names it in errors; times are seconds, for each whole exchange."""

    what: str
    url: str
    bucket: str
    region: str
    timeout: float = 30.0
    transfer_timeout: float = 1800.0


def key_pair(secret: Secret) -> tuple[str, str]:
    """Return access key id and secret access key. Raises `SecretMalformed`, without the value."""
    match = _KEY.fullmatch(secret.reveal())
    if match is None:
        raise SecretMalformed(
            f"the key for the S3 store is not of the form {FORM}",
            advice=f"Store both on one line, with a colon between them and nothing around: {FORM}",
        )
    return match[1], match[2]


def require_library() -> None:
    """Raise `Permanent` with the command to run where botocore is not installed."""
    try:
        import botocore.session  # noqa: F401, PLC0415 - half a second that only a release needs
    except ImportError:
        raise Permanent("the library botocore is not installed", advice="pip install 'releasd[s3]'") from None


class Bucket:
    """The objects of one bucket, for as long as one look or upload takes: it holds the key."""

    def __init__(self, place: Place, secret: Secret) -> None:
        self._place = place
        self._clean = redactor([secret, *map(Secret, key_pair(secret))])
        self._client = _client(place, secret, self._send)
        self._fetching = ""  # of which file the digest alone is wanted

    def names(self, prefix: str) -> Iterator[str]:
        """Yield the names right under `prefix`, which ends with a slash or is empty, without it."""
        more, seen = dict[str, str](), set[str]()
        while True:
            page = self._call("list_objects_v2", {"Prefix": prefix, "Delimiter": "/", **more})
            if "IsTruncated" not in page:  # botocore reads any XML, and of a login page no object
                raise Transient(f"{self._place.what} answered with something that is no listing", advice="Check url.")
            yield from (each["Key"].removeprefix(prefix) for each in page.get("Contents", ()))
            if not page["IsTruncated"]:
                return
            token = page.get("NextContinuationToken", "")
            if not token or token in seen:
                raise Transient(f"{self._place.what} does not say how its listing goes on", advice="Check url.")
            seen.add(token)
            more = {"ContinuationToken": token}

    def digest(self, key: str) -> str | None:
        """Return the digest that an object of ours carries, "" for another's object, None where there is none."""
        found = self._call("head_object", {"Key": key}, but={_MISSING})
        return None if found is None else found["Metadata"].get(DIGEST, "")

    def read(self, key: str) -> bytes:
        """Return a small object's bytes; none where there is no such object."""
        found = self._call("get_object", {"Key": key}, but={_MISSING})
        return b"" if found is None else found["Body"].read()

    def create(self, key: str, path: Path, sha256: str) -> bool:
        """Store the file under a name that nothing has; return False where something has it by now.

        The store compares the bytes that arrive with their signed digest. One that does not know the precondition is
        asked without it: the caller looked just before.
        """
        with path.open("rb") as file:
            made = {"Key": key, "Body": file, "Metadata": {DIGEST: sha256}, "ContentType": "application/octet-stream"}
            try:
                return self._call("put_object", {**made, "IfNoneMatch": "*"}, but=_TAKEN) is not None
            except _Unsupported:
                file.seek(0)
                self._call("put_object", made)
                return True

    def write(self, key: str, data: bytes) -> None:
        """Store a page under this name, over what is there."""
        page = {"Key": key, "Body": data, "ContentType": "text/html; charset=utf-8", "CacheControl": "no-cache"}
        self._call("put_object", page)

    def sha256_of(self, key: str, what: str) -> str:
        """Fetch an object's bytes and return their digest. Raises as `http.sha256_of` does."""
        self._fetching = what
        try:
            return str(self._call("get_object", {"Key": key})["Body"].read(), "ascii")
        finally:
            self._fetching = ""

    def _call(self, operation: str, parameters: dict[str, Any], *, but: set[int] | frozenset[int] = frozenset()) -> Any:
        """Return the answer, None for a status of `but`. Raises by cause."""
        from botocore.exceptions import BotoCoreError, ClientError  # noqa: PLC0415 - see the module

        try:
            return getattr(self._client, operation)(Bucket=self._place.bucket, **parameters)
        except ClientError as error:
            if error.response["ResponseMetadata"]["HTTPStatusCode"] in but:
                return None
            raise self._cause(error.response) from None
        except BotoCoreError as error:  # it could not read the answer, or not ask at all
            raise Transient(
                f"{self._place.what}: {self._words(str(error))}", advice="Check url, bucket and region."
            ) from None

    def _cause(self, response: dict[str, Any]) -> ReleasdError:
        code, words = response["Error"].get("Code", ""), response["Error"].get("Message", "")
        meta = response["ResponseMetadata"]
        status: int = meta["HTTPStatusCode"]
        message = self._words(f"{self._place.what} answered {status}: {code} {words}")
        if code == "NotImplemented" or status == 501:  # noqa: PLR2004 - RFC 9110 section 15.6.2
            return _Unsupported(message, advice="Is this store able to keep objects by PUT?")
        if code == "RequestTimeTooSkewed":
            return Permanent(message, advice="Set this machine's clock: timedatectl")
        if status in {401, 403}:
            return Denied(message, advice=f"Check the key ({FORM}), and that it may list, read and write the bucket.")
        if http.is_passing(status) or code in _PASSING:
            wish = http.retry_after({name.lower(): value for name, value in meta["HTTPHeaders"].items()})
            return Transient(message, advice="It is tried again by itself.", retry_after=wish)
        return Permanent(message, advice="Check url, bucket and region.")

    def _words(self, text: str) -> str:
        return self._clean(" ".join(text.split())[:400].encode()).decode("utf-8", "replace")

    def _send(self, request: "AWSPreparedRequest", **_: object) -> "AWSResponse":
        """Send what botocore made and signed, and hand the answer back to it."""
        from botocore.awsrequest import AWSResponse  # noqa: PLC0415 - see the module

        # `Expect` asks for an interim answer that httpx does not wait for; the signature leaves it out.
        headers = {name: _text(value) for name, value in request.headers.items() if name.lower() != "expect"}
        if self._fetching:  # bytes that need not be in memory
            limit = self._place.transfer_timeout
            digest = http.sha256_of(request.url, what=self._fetching, timeout=limit, headers=headers)
            return AWSResponse(request.url, 200, {}, _Raw(digest.encode()))
        body, limit = self._body(request.body)
        what = self._place.what
        answer = http.request(request.method, request.url, what=what, headers=headers, body=body, timeout=limit)
        return AWSResponse(answer.url, answer.status, dict(answer.headers), _Raw(answer.body))

    def _body(self, body: Any) -> tuple[http.Body, float]:
        """Return what to send, and how long the exchange may take in seconds."""
        if isinstance(body, io.BytesIO):
            return body.getvalue(), self._place.timeout
        if not hasattr(body, "read"):
            return body, self._place.timeout
        limit = self._place.transfer_timeout
        return http.read_file(Path(body.name), what=self._place.what, timeout=limit), limit


class _Unsupported(Permanent):
    """The store does not know what it was asked for."""


class _Raw(io.BytesIO):
    """A body as botocore reads it from the library that it would have asked."""

    def stream(self, **_: object) -> Iterator[bytes]:
        yield self.read()


def _text(value: str | bytes) -> str:
    return value.decode("latin-1") if isinstance(value, bytes) else value


@functools.cache
def _descriptions() -> Any:
    """Return botocore's reader of the protocol's description, which takes 0.2 s that each look would pay."""
    from botocore.loaders import create_loader  # noqa: PLC0415 - see the module

    return create_loader()


def _client(place: Place, secret: Secret, send: Callable[..., Any]) -> Any:
    require_library()
    from botocore.config import Config  # noqa: PLC0415 - see the module
    from botocore.session import Session  # noqa: PLC0415

    key, hidden = key_pair(secret)
    nothing = dict.fromkeys(("profile", "ca_bundle"), (None, None, None, None))
    nowhere = dict.fromkeys(("config_file", "credentials_file"), (None, None, os.devnull, None))
    session = Session(session_vars={**nothing, **nowhere})
    session.register_component("data_loader", _descriptions())
    client = session.create_client(
        "s3",
        endpoint_url=place.url,
        region_name=place.region,
        aws_access_key_id=key,
        aws_secret_access_key=hidden,
        config=Config(
            signature_version="s3v4",
            s3={"addressing_style": "path", "payload_signing_enabled": True},
            retries={"total_max_attempts": 1},  # patience is the engine's
            request_checksum_calculation="when_required",  # the signature covers the bytes, and every store knows it
            response_checksum_validation="when_required",
        ),
    )
    client.meta.events.register("before-send.s3", send)
    return client
