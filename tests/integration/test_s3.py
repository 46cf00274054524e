"""An S3 bucket as a destination: a real server for what is, and scripted answers for what goes wrong."""

import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from releasd.adapters.s3 import S3Index
from releasd.adapters.s3bucket import Place, key_pair
from releasd.errors import Conflict, Denied, Permanent, ReleasdError, SecretMalformed, Transient
from releasd.ports import Secret
from support.httpstub import Asked, Reply, Stub, http_stub
from support.ports import own_port
from support.s3server import S3Server, s3_server
from support.wheels import make_wheel, sha256

__all__ = ["s3_server"]

KEY = Secret("AKIDEXAMPLE:c4nary/secret+key=")
LISTING = b"<ListBucketResult><IsTruncated>false</IsTruncated>%s</ListBucketResult>"


def quiet(_: bytes) -> None:
    """Take an upload's output."""


def refusal(code: str, message: str = "no") -> bytes:
    return f"<Error><Code>{code}</Code><Message>{message}</Message></Error>".encode()


def scripted(url: str, **limits: float) -> S3Index:
    place = Place(what="the S3 store x", url=url, bucket="packages", region="eu-1", **limits)
    return S3Index(name="x", place=place, prefix="", secret=lambda: KEY)


@pytest.fixture
def answering() -> Iterator[Callable[[Callable[[Asked], Reply]], tuple[S3Index, Stub]]]:
    """Return a maker of a destination whose store answers as a test says."""
    replies: list[Callable[[Asked], Reply]] = []
    with http_stub(lambda asked: replies[-1](asked)) as stub:  # noqa: PLW0108 - the last one at that time

        def answer(reply: Callable[[Asked], Reply]) -> tuple[S3Index, Stub]:
            replies.append(reply)
            return scripted(stub.url, timeout=60, transfer_timeout=60), stub

        yield answer


Answering = Callable[[Callable[[Asked], Reply]], tuple[S3Index, Stub]]


def test_object_without_its_page_counts_as_lacking_and_is_completed(s3_server: S3Server, tmp_path: Path) -> None:
    """An upload that was killed before the page is repeated; file and page are there then, once."""
    index, wheel = s3_server.index("half"), make_wheel(tmp_path, "demo", "1.0.0")
    index.upload([wheel], quiet)
    page = {"Bucket": "half", "Key": "simple/demo/index.html"}
    s3_server.client().delete_object(**page)
    assert index.files("demo", "1.0.0") == ()
    index.upload([wheel], quiet)
    assert [file.sha256 for file in index.files("demo", "1.0.0")] == [sha256(wheel)]
    shown = s3_server.client().get_object(**page)
    assert f"{wheel.name}#sha256={sha256(wheel)}".encode() in shown["Body"].read()
    assert shown["ContentType"] == "text/html; charset=utf-8"


def test_object_of_another_program_is_listed_and_never_replaced(s3_server: S3Server, tmp_path: Path) -> None:
    """What carries no digest of ours is judged by its bytes: other ones are a Conflict, the same are done."""
    index, wheel = s3_server.index("theirs"), make_wheel(tmp_path, "demo", "1.0.0")
    put = {"Bucket": "theirs", "Key": f"simple/demo/{wheel.name}"}
    s3_server.client().put_object(**put, Body=b"theirs")
    assert [file.sha256 for file in index.files("demo", "1.0.0")] == [None]
    with pytest.raises(Conflict, match=wheel.name):
        index.upload([wheel], quiet)
    assert s3_server.client().get_object(**put)["Body"].read() == b"theirs"
    s3_server.client().put_object(**put, Body=wheel.read_bytes())
    index.upload([wheel], quiet)
    (file,) = index.files("demo", "1.0.0")
    assert index.download_sha256(file) == sha256(wheel)


def test_bytes_are_proven_by_download_and_not_by_what_the_object_says(s3_server: S3Server, tmp_path: Path) -> None:
    """The digest that an object carries can lie about its bytes; the download tells."""
    index, wheel = s3_server.index("lies"), make_wheel(tmp_path, "demo", "1.0.0")
    index.upload([wheel], quiet)
    key = f"simple/demo/{wheel.name}"
    s3_server.client().put_object(Bucket="lies", Key=key, Body=b"rotten", Metadata={"sha256": sha256(wheel)})
    (file,) = index.files("demo", "1.0.0")
    assert file.sha256 == sha256(wheel) != index.download_sha256(file)


def test_wrong_key_is_denied_and_shown_nowhere(s3_server: S3Server) -> None:
    """The server checks signatures; the refusal names the form of the key and none of its parts."""
    name = s3_server.key.reveal().split(":")[0]
    for wrong in (f"{name}:c4nary-wrong-wrong-wrong", "c4naryUNKNOWN:c4nary-wrong-wrong"):
        with pytest.raises(Denied) as caught:
            s3_server.index("denied", key=Secret(wrong)).files("demo", "1.0.0")
        assert "ACCESS_KEY_ID:SECRET_ACCESS_KEY" in caught.value.advice
        assert "c4nary" not in f"{caught.value}{caught.value.advice}{caught.value.__cause__}"


def test_bucket_that_is_not_there_is_permanent(s3_server: S3Server) -> None:
    """A mistyped bucket is found at preflight, by its own name for it."""
    index = S3Index(name="x", place=s3_server.place("no-such-one"), prefix="", secret=lambda: s3_server.key)
    with pytest.raises(Permanent, match="NoSuchBucket"):
        index.files("demo", "1.0.0")


def test_more_objects_than_a_page_of_the_listing_has_are_all_seen(s3_server: S3Server) -> None:
    """Of a project with many files (here a page has five) the newest is not lost behind the first page."""
    index, other = s3_server.index("many"), s3_server.client()
    for number in range(12):
        other.put_object(Bucket="many", Key=f"simple/demo/demo-1.0.{number}.tar.gz", Body=b"")
    other.put_object(Bucket="many", Key="simple/demo/demo-9.tar.gz", Body=b"")
    assert other.list_objects_v2(Bucket="many")["IsTruncated"]
    assert [file.filename for file in index.files("demo", "9")] == ["demo-9.tar.gz"]


@pytest.mark.parametrize(
    ("reply", "error"),
    [
        (Reply(503, refusal("SlowDown"), {"Retry-After": "7"}), Transient),
        (Reply(500, b"<html>a proxy's page</html>"), Transient),
        (Reply(400, refusal("RequestTimeout")), Transient),
        (Reply(429), Transient),
        (Reply(403, refusal("AccessDenied")), Denied),
        (Reply(401), Denied),
        (Reply(403, refusal("RequestTimeTooSkewed")), Permanent),
        (Reply(404, refusal("NoSuchBucket")), Permanent),
        (Reply(400, refusal("AuthorizationHeaderMalformed")), Permanent),
        (Reply(200, b"this is no listing"), Transient),
        (Reply(200, b"<html><body>please log in<br/></body></html>"), Transient),
        (Reply(200, b"<ListBucketResult><IsTruncated>true</IsTruncated></ListBucketResult>"), Transient),
    ],
)
def test_listing_that_cannot_be_had_is_an_error_and_never_empty(
    answering: Answering, reply: Reply, error: type[ReleasdError]
) -> None:
    """That nothing is there decides what is uploaded: it is believed only from a real listing. One request, no more."""
    index, stub = answering(lambda _: reply)
    with pytest.raises(ReleasdError) as caught:
        index.files("demo", "1.0.0")
    assert type(caught.value) is error
    assert getattr(caught.value, "retry_after", None) == (7.0 if "Retry-After" in reply.headers else None)
    assert len(stub.asked) == 1, "patience is the engine's"


def test_listing_that_goes_in_a_circle_is_left(answering: Answering) -> None:
    """A store that names the same next page again would be asked for ever."""
    listing = b"<ListBucketResult><IsTruncated>true</IsTruncated><NextContinuationToken>%d</NextContinuationToken>%s"
    pages = iter(range(100))
    end = b"</ListBucketResult>"
    index, stub = answering(lambda _: Reply(200, listing % (next(pages) % 2, end)))
    with pytest.raises(Transient, match="how its listing goes on"):
        index.files("demo", "1.0.0")
    assert len(stub.asked) == 3


def test_store_that_repeats_the_key_brings_it_into_no_message(answering: Answering) -> None:
    """Some stores quote what they were sent: neither part of the key is in the error."""
    words = f"bad key {KEY.reveal()}, {key_pair(KEY)[1]} of {key_pair(KEY)[0]}"
    index, _ = answering(lambda _: Reply(403, refusal("AccessDenied", words)))
    with pytest.raises(Denied, match=r"bad key .redacted.") as caught:
        index.files("demo", "1.0.0")
    assert "c4nary" not in str(caught.value)
    assert "AKIDEXAMPLE" not in str(caught.value)


def store(asked: Asked, objects: dict[str, Asked]) -> Reply:
    """Answer as a store does, keeping what is put in `objects`."""
    path = asked.path.partition("?")[0]
    if asked.method == "PUT":
        objects[path] = asked
        return Reply()
    if path == "/packages":
        keys = "".join(f"<Contents><Key>{key.removeprefix('/packages/')}</Key></Contents>" for key in objects)
        return Reply(200, LISTING % keys.encode())
    if path not in objects:
        return Reply(404)
    digest = objects[path].headers.get("x-amz-meta-sha256", "")
    return Reply(200, b"" if asked.method == "HEAD" else objects[path].body, {"x-amz-meta-sha256": digest})


def test_store_that_knows_no_precondition_is_asked_without_it(answering: Answering, tmp_path: Path) -> None:
    """Old stores answer 501 to If-None-Match; it was looked just before, so the file is put without."""
    objects: dict[str, Asked] = {}

    def reply(asked: Asked) -> Reply:
        if "if-none-match" in asked.headers:
            return Reply(501, refusal("NotImplemented"))
        return store(asked, objects)

    index, stub = answering(reply)
    wheel = make_wheel(tmp_path, "demo", "1.0.0")
    index.upload([wheel], quiet)
    assert objects[f"/packages/demo/{wheel.name}"].body == wheel.read_bytes()
    puts = [asked.headers for asked in stub.asked if asked.method == "PUT"]
    assert [headers.get("if-none-match") for headers in puts] == ["*", None, None]
    assert puts[1]["x-amz-content-sha256"] == puts[1]["x-amz-meta-sha256"] == sha256(wheel), "the bytes are signed"


def test_somebody_quicker_is_found_by_the_precondition(answering: Answering, tmp_path: Path) -> None:
    """Another daemon stores the file between look and upload: with our bytes it is done, with others a Conflict."""
    wheel = make_wheel(tmp_path, "demo", "1.0.0")
    for digest, fails in ((sha256(wheel), False), ("0" * 64, True)):
        objects: dict[str, Asked] = {}

        def reply(asked: Asked, objects: dict[str, Asked] = objects, digest: str = digest) -> Reply:
            if asked.method == "PUT" and "if-none-match" in asked.headers:
                theirs = {**asked.headers, "x-amz-meta-sha256": digest}
                store(Asked(method="PUT", path=asked.path, headers=theirs, body=b"theirs"), objects)
                return Reply(412, refusal("PreconditionFailed"))
            return store(asked, objects)

        index, _ = answering(reply)
        if fails:
            with pytest.raises(Conflict, match=wheel.name):
                index.upload([wheel], quiet)
        else:
            index.upload([wheel], quiet)
        assert objects[f"/packages/demo/{wheel.name}"].body == b"theirs"


@pytest.mark.parametrize("stored", [True, False])
def test_lost_answer_is_looked_up(answering: Answering, tmp_path: Path, stored: bool) -> None:  # noqa: FBT001
    """A 500 says nothing: where the object is there, the upload goes on; where it is not, it is tried again."""
    objects: dict[str, Asked] = {}

    def reply(asked: Asked) -> Reply:
        if "if-none-match" not in asked.headers:
            return store(asked, objects)
        if stored:
            store(asked, objects)
        return Reply(500)

    index, _ = answering(reply)
    wheel = make_wheel(tmp_path, "demo", "1.0.0")
    if not stored:
        with pytest.raises(Transient):
            index.upload([wheel], quiet)
        assert objects == {}
        return
    index.upload([wheel], quiet)
    assert [file.sha256 for file in index.files("demo", "1.0.0")] == [sha256(wheel)]


def test_store_that_hangs_is_left_in_time() -> None:
    """A store that takes the connection and says nothing costs its time-out, not the daemon."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        begun = time.monotonic()
        with pytest.raises(Transient, match="the S3 store x could not be reached"):
            scripted(f"http://127.0.0.1:{listener.getsockname()[1]}", timeout=0.5).files("demo", "1.0.0")
        assert time.monotonic() - begun < 30


def test_store_that_is_down_is_transient() -> None:
    """Nobody listening is a reason to come back later."""
    gone = f"http://127.0.0.1:{own_port()}"
    with pytest.raises(Transient, match="the S3 store x could not be reached"):
        scripted(gone).files("demo", "1.0.0")


@pytest.mark.parametrize("value", ["", "AKID", "c4nary c4nary:c4nary", "AKID:c4nary key", "AKID:short", ":c4nary1234"])
def test_key_of_another_form_is_refused_without_being_shown(value: str) -> None:
    """Only ACCESS_KEY_ID:SECRET_ACCESS_KEY will do, and that is told before anything is asked of the store."""
    place = Place(what="x", url="http://127.0.0.1:9", bucket="packages", region="r")
    index = S3Index(name="x", place=place, prefix="", secret=lambda: Secret(value))
    for act in (index.check_secret, lambda: index.files("demo", "1.0.0")):
        with pytest.raises(SecretMalformed, match="ACCESS_KEY_ID:SECRET_ACCESS_KEY") as caught:
            act()
        assert "c4nary" not in f"{caught.value}{caught.value.advice}"


def test_users_own_settings_send_nothing_elsewhere(answering: Answering, monkeypatch: pytest.MonkeyPatch) -> None:
    """Variables and files of the AWS tools, which the daemon's user may have, change neither address nor key."""
    for name, value in {
        "AWS_PROFILE": "nobody", "AWS_ENDPOINT_URL": "http://127.0.0.1:9", "AWS_ENDPOINT_URL_S3": "http://127.0.0.1:9",
        "AWS_ACCESS_KEY_ID": "another", "AWS_SECRET_ACCESS_KEY": "another", "AWS_SESSION_TOKEN": "another",
        "AWS_DEFAULT_REGION": "another", "AWS_CONFIG_FILE": "/nonexistent", "AWS_CA_BUNDLE": "/nonexistent",
    }.items():  # fmt: skip
        monkeypatch.setenv(name, value)
    index, stub = answering(lambda asked: store(asked, {}))
    assert index.files("demo", "1.0.0") == ()
    (asked,) = stub.asked
    assert "Credential=AKIDEXAMPLE/" in asked.headers["authorization"]
    assert "/eu-1/s3/" in asked.headers["authorization"]
    assert "x-amz-security-token" not in asked.headers


def test_missing_library_names_the_command_that_brings_it() -> None:
    """Without the extra everything else works, and a bucket says what to install; an import alone loads nothing."""
    script = (
        "import sys; from releasd.adapters.s3 import S3Index; from releasd.adapters.s3bucket import Place\n"
        "from releasd.errors import Permanent; from releasd.ports import Secret\n"
        "print('botocore' in sys.modules); sys.modules['botocore'] = None\n"
        "place = Place(what='x', url='http://h', bucket='b', region='r')\n"
        "index = S3Index(name='x', place=place, prefix='', secret=lambda: Secret('AKID:secret-key'))\n"
        "for act in (index.check_secret, lambda: index.files('a', '1')):\n"
        "    try: act()\n"
        "    except Permanent as error: print(error.advice)\n"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True, timeout=30)
    assert done.stdout.splitlines() == ["False", *["pip install 'releasd[s3]'"] * 2]


def test_bucket_is_not_installed_from(s3_server: S3Server) -> None:
    """No request of uv is signed, so a bucket says that it is none to install from, instead of a failing way."""
    index = s3_server.index("private")
    assert index.install_options() is None
    assert index.takes("demo-1.0.0.tar.gz")
    assert not index.takes("demo.crate")
