"""The index adapter before servers that are down, strange, or lie."""

import base64
import hashlib
import json
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from pypi_simple import ProjectPage

from releasd.adapters.index import HttpIndex
from releasd.errors import ConfigError, Denied, Permanent, ReleasdError, SecretError, Transient
from releasd.ports import Secret, ServedFile
from support.httpstub import Asked, Reply, http_stub
from support.ports import own_port
from support.pypirules import PypiRules
from support.wheels import make_wheel, sha256

JSON = "application/vnd.pypi.simple.v1+json"


def _index(url: str, **options: float) -> HttpIndex:
    return HttpIndex(
        name="x", publish_url=f"{url}/legacy/", simple_url=f"{url}/simple", token=lambda: Secret("pypi-t"), **options
    )


@pytest.fixture
def served() -> Iterator[Callable[[Reply], HttpIndex]]:
    """Return a maker of an index that gives one answer to everything."""
    answers = [Reply()]
    with http_stub(lambda _: answers[0]) as stub:

        def serve(reply: Reply) -> HttpIndex:
            answers[0] = reply
            return _index(stub.url, read_timeout=60, download_timeout=60)

        yield serve


@pytest.mark.parametrize(
    ("reply", "error"),
    [
        (Reply(500), Transient),
        (Reply(503, b"", {"Retry-After": "5"}), Transient),
        (Reply(429), Transient),
        (Reply(401), Denied),
        (Reply(403), Denied),
        (Reply(410), Permanent),
        (Reply(200, b"{", {"Content-Type": JSON}), Transient),
        (Reply(200, b'{"hello": 1}', {"Content-Type": JSON}), Transient),
        (Reply(200, b'{"meta":{"api-version":"2.0"},"name":"demo","files":[]}', {"Content-Type": JSON}), Transient),
        (Reply(200, b'{"meta":{"api-version":"x"},"name":"demo","files":[]}', {"Content-Type": JSON}), Transient),
        (Reply(200, b'{"meta":{"api-version":"1.0"},"files":[{"url":"u"}]}', {"Content-Type": JSON}), Transient),
        (Reply(302, b"", {"Location": "/again"}), Permanent),
        (Reply(200, b"<html><title>Sign in</title><form></form></html>", {"Content-Type": "text/html"}), Transient),
        (Reply(200, b"[" * 100_000, {"Content-Type": JSON}), Transient),
    ],
)
def test_page_that_cannot_be_had_is_an_error_and_never_an_empty_listing(
    served: Callable[[Reply], HttpIndex], reply: Reply, error: type[ReleasdError]
) -> None:
    """That nothing is there decides what is uploaded: it is believed only from a real page or a 404."""
    with pytest.raises(ReleasdError) as caught:
        served(reply).files("demo", "1.0")
    assert type(caught.value) is error


@pytest.mark.parametrize(
    "page",
    [
        b"<html><title>Links for demo</title><h1>Links for demo</h1></html>",
        b'<html><meta name="pypi:repository-version" content="1.0"></html>',
        b"<html><title>Index of /simple/demo/</title></html>",
    ],
)
def test_a_page_of_a_project_without_files_is_an_empty_listing(
    served: Callable[[Reply], HttpIndex], page: bytes
) -> None:
    """Every index says somewhere that this is its page of a project; then no link means no file."""
    assert served(Reply(200, page, {"Content-Type": "text/html"})).files("demo", "1.0") == ()


@pytest.mark.parametrize(
    ("project", "root", "is_doubtful"), [(404, 404, True), (404, 200, False), (404, 401, False), (200, 404, False)]
)
def test_an_address_that_answers_404_to_everything_is_doubtful(project: int, root: int, *, is_doubtful: bool) -> None:
    """A mistyped address looks like an index without this project, but for the index's own page, read by its head."""
    pages = {"GET /simple/demo/": project, "HEAD /simple/": root}
    page = b"<html><title>Links for demo</title></html>"

    def answer(asked: Asked) -> Reply:
        return Reply(pages[f"{asked.method} {asked.path}"], page, {"Content-Type": "text/html"})

    with http_stub(answer) as stub:
        doubt = _index(stub.url).doubt("Demo")
    assert ("check it under [indexes.x]" in doubt) == is_doubtful
    assert bool(doubt) == is_doubtful


def test_the_public_index_is_in_no_doubt() -> None:
    """Its address is not the operator's, and its own page is not asked for."""
    assert HttpIndex(name="pypi", publish_url=None, simple_url=None, token=lambda: Secret("t")).doubt("demo") == ""


def test_what_is_no_digest_is_none(served: Callable[[Reply], HttpIndex]) -> None:
    """An index that lists nonsense for a digest has listed none: the bytes are read instead."""
    page = b'<a href="/p/demo-1.0.tar.gz#sha256=' + b"zz" * 5000 + b'">demo-1.0.tar.gz</a>'
    (file,) = served(Reply(200, page, {"Content-Type": "text/html"})).files("demo", "1.0")
    assert file.sha256 is None


def test_index_that_repeats_the_token_on_its_pages_brings_it_into_no_message() -> None:
    """It was sent the token before, and a page that refuses may quote it, as a login header too; the rest stays."""
    token = "pypi-AgEI-a-token-0123456789"
    login = base64.b64encode(f"__token__:{token}".encode()).decode()
    with http_stub(lambda _: Reply(503, f"busy; you were {token}, {login}".encode())) as stub:
        urls = {"publish_url": f"{stub.url}/legacy/", "simple_url": f"{stub.url}/simple"}
        with pytest.raises(Transient, match=r"busy; you were .redacted.") as caught:
            HttpIndex(name="x", **urls, token=lambda: Secret(token)).files("demo", "1.0")
        assert token not in caught.value.message
        assert login not in caught.value.message
        with pytest.raises(Transient) as unclean:
            HttpIndex(name="x", **urls, token=_no_token).files("demo", "1.0")
        assert token not in unclean.value.message


def _no_token() -> Secret:
    raise SecretError("it cannot be had now")


def test_wish_to_wait_is_passed_on(served: Callable[[Reply], HttpIndex]) -> None:
    """An overloaded index is left alone for as long as it asked."""
    with pytest.raises(Transient) as caught:
        served(Reply(429, b"", {"Retry-After": "5"})).files("demo", "1.0")
    assert caught.value.retry_after == 5.0


def test_caches_are_told_to_ask_again() -> None:
    """A cached page would hide a file that is there, or show one of before."""
    with http_stub(lambda _: Reply(404)) as stub:
        assert _index(stub.url).files("Demo.Pkg", "1.0") == ()
    (asked,) = stub.asked
    assert (asked.path, asked.headers["cache-control"]) == ("/simple/demo-pkg/", "no-cache")
    assert asked.headers["accept"].startswith(JSON)


def test_urls_and_digests_of_a_plain_page_are_resolved(served: Callable[[Reply], HttpIndex]) -> None:
    """Relative links, digests in fragments (any case) and files without one, as old indexes have them."""
    page = (
        b'<a href="../../p/demo-1.0-py3-none-any.whl#sha256=' + b"AB" * 32 + b'">demo-1.0-py3-none-any.whl</a>'
        b'<a href="/p/demo-1.0.tar.gz">demo-1.0.tar.gz</a><a href="/p/demo-1.0.exe">demo-1.0.exe</a>'
        b'<a href="/p/other-1.0.tar.gz">other-1.0.tar.gz</a><a href="/p/demo-1.0.1.tar.gz">demo-1.0.1.tar.gz</a>'
    )
    wheel, sdist = served(Reply(200, page, {"Content-Type": "text/html"})).files("demo", "1.0")
    assert (wheel.sha256, sdist.sha256) == ("ab" * 32, None)
    assert wheel.url.endswith("/p/demo-1.0-py3-none-any.whl")
    assert sdist.url.startswith("http://127.0.0.1:")


def test_json_is_read_as_pypi_simple_reads_it(served: Callable[[Reply], HttpIndex]) -> None:
    """Relative and whole URLs, all ways to say yanked, odd digests, sizes and keys of later versions."""
    page = {
        "meta": {"api-version": "1.9", "_last-serial": 7},
        "name": "demo",
        "versions": ["1.0"],
        "files": [
            {
                "filename": "demo-1.0.tar.gz",
                "url": "../p/demo-1.0.tar.gz#x",
                "hashes": {"sha256": "AB" * 32},
                "size": 9,
            },
            {"filename": "demo-1.0.zip", "url": "https://x.example/z", "hashes": {"md5": "1"}, "yanked": "broken"},
            {"filename": "demo.exe", "url": "/z", "hashes": {}, "yanked": "", "upload-time": "2026-01-01T00:00:00Z"},
            {"filename": "../\u202edemo", "url": "", "hashes": {}, "yanked": True, "gpg-sig": True, "new": [1]},
        ],
    }
    index = served(Reply(200, json.dumps(page).encode(), {"Content-Type": f"{JSON}; charset=utf-8"}))
    with pytest.warns(match="greater minor"):
        theirs = ProjectPage.from_json_data(page, f"{index._simple_url}/demo/").packages
    assert [(file.filename, file.url, file.yanked, file.size) for file in index.all_files("demo")] == [
        (file.filename, file.url, file.is_yanked, file.size) for file in theirs
    ]
    assert [file.sha256 for file in index.all_files("demo")] == ["ab" * 32, None, None, None]


def test_json_costs_no_html_parser() -> None:
    """Most indexes speak JSON; pypi_simple's half second is for those that do not."""
    code = (
        "import sys; from releasd.adapters import http, indexpage; "
        """body = b'{"meta":{"api-version":"1.0"},"files":[]}'; """
        f"answer = http.Answer(status=200, url='http://x/', headers={{'content-type': {JSON!r}}}, body=body); "
        "assert indexpage.read_page(answer, 'demo', index='x') == (); print('pypi_simple' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=30)
    assert done.stdout.strip() == "False"


def test_download_follows_redirects_and_digests_the_bytes() -> None:
    """Files often live on another host than their listing."""

    def reply(asked: Asked) -> Reply:
        return Reply(302, b"", {"Location": "/real"}) if asked.path == "/f" else Reply(200, b"bytes")

    with http_stub(reply) as stub:
        digest = _index(stub.url).download_sha256(ServedFile(filename="f", sha256=None, url=f"{stub.url}/f"))
    assert digest == hashlib.sha256(b"bytes").hexdigest()


def test_listed_digest_and_served_bytes_are_told_apart(tmp_path: Path) -> None:
    """A byte flipped in the server's store shows only in the download, a wrong listing only in the listing."""
    wheel = make_wheel(tmp_path, "demo", "1.0")
    with PypiRules(tmp_path / "index", token="pypi-t") as rules:
        index = _index(rules.url)
        index.upload([wheel], lambda _: None)
        rules.other_served[wheel.name] = b"other"
        (file,) = index.files("demo", "1.0")
        assert file.sha256 == sha256(wheel)
        assert index.download_sha256(file) == hashlib.sha256(b"other").hexdigest()
        rules.other_listed[wheel.name] = "0" * 64
        assert index.files("demo", "1.0")[0].sha256 == "0" * 64


@pytest.mark.parametrize(("status", "error"), [(404, Transient), (410, Permanent), (500, Transient), (403, Denied)])
def test_download_that_fails_is_no_digest(
    served: Callable[[Reply], HttpIndex], status: int, error: type[ReleasdError]
) -> None:
    """An error page has a digest too, and it must not be taken for the file's."""
    index = served(Reply(status, b"an error page"))
    with pytest.raises(error):
        index.download_sha256(ServedFile(filename="f", sha256=None, url=f"{index._simple_url}/f"))


def test_server_that_drips_is_left_in_time() -> None:
    """A byte now and then keeps every single read alive; the whole has a limit all the same."""
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def drip() -> None:
            connection, _ = listener.accept()
            with connection:
                connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n")
                for _ in range(600):
                    try:
                        connection.sendall(b"x")
                    except OSError:
                        return
                    time.sleep(0.1)

        thread = threading.Thread(target=drip, daemon=True)
        thread.start()
        url = f"http://127.0.0.1:{listener.getsockname()[1]}"
        with pytest.raises(Transient, match="did not finish"):
            _index(url, download_timeout=0.5).download_sha256(ServedFile(filename="f", sha256=None, url=url))
        thread.join(60)


def test_down_is_transient() -> None:
    """Nobody listening is a reason to come back later."""
    gone = f"http://127.0.0.1:{own_port()}"
    with pytest.raises(Transient, match="index x could not be reached"):
        _index(gone).files("demo", "1.0")


@pytest.mark.parametrize("url", ["ftp://127.0.0.1/f", "no url at all", "http://127.0.0.1:port/f"])
def test_impossible_url_is_permanent(url: str) -> None:
    """A mistake in the configuration is not retried for hours."""
    with pytest.raises(Permanent):
        _index("http://127.0.0.1:9").download_sha256(ServedFile(filename="f", sha256=None, url=url))


def test_half_a_configuration_is_refused() -> None:
    """Uploading to one index and verifying on another would prove nothing."""
    with pytest.raises(ConfigError, match="belong together"):
        HttpIndex(name="x", publish_url="http://127.0.0.1/", simple_url=None, token=lambda: Secret("t"))


def test_public_index_wants_its_own_tokens() -> None:
    """A token of another service is found before it is sent to the public index."""
    index = HttpIndex(name="pypi", publish_url=None, simple_url=None, token=lambda: Secret("glpat-something"))
    with pytest.raises(SecretError, match="pypi-"):
        index.check_secret()


def test_token_is_fetched_at_each_use_and_at_no_other_time() -> None:
    """Making an index and reading from it need no token; every check fetches it anew."""
    fetched: list[str] = []

    def token() -> Secret:
        fetched.append("once")
        return Secret("pypi-t")

    with http_stub(lambda _: Reply(404)) as stub:
        index = HttpIndex(name="x", publish_url=stub.url, simple_url=stub.url, token=token)
        index.files("demo", "1.0")
        assert fetched == []
        index.check_secret()
        index.check_secret()
    assert fetched == ["once", "once"]


def test_importing_the_adapters_loads_no_heavy_library() -> None:
    """The idle daemon must stay small: httpx and pypi_simple come with the first real use."""
    code = (
        "import sys, releasd.adapters.index, releasd.adapters.webhook, releasd.adapters.secrets, "
        "releasd.adapters.supervisor; "
        "print([name for name in ('httpx', 'pypi_simple', 'requests', 'uv') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=30)
    assert done.stdout.strip() == "[]"
