"""What the operator may write of destinations of each kind, and what `doctor` and `secrets check` find of them."""

from pathlib import Path

import pytest
import tomlkit

from releasd.adapters.folder import FolderIndex
from releasd.adapters.index import HttpIndex
from releasd.adapters.s3 import S3Index
from releasd.adapters.secrets import SecretStore, Surroundings
from releasd.app.diagnose import Finding, diagnose
from releasd.app.world import index_of
from releasd.config import load
from releasd.errors import ConfigError
from support.cli import Terminal
from support.httpstub import Reply, http_stub
from support.s3server import S3Server, s3_server

__all__ = ["s3_server"]

BUCKET = {"kind": "s3", "url": "https://s3.example.org", "bucket": "packages", "secret": "key"}
URLS = {"publish_url": "http://h/up/", "simple_url": "http://h/simple/"}


def write(tmp_path: Path, index: dict[str, object], *, key: str = "AKID:c4nary-secret") -> Path:
    """Write a configuration with this one destination, and the key that it may name."""
    (tmp_path / "key").touch(mode=0o600)
    (tmp_path / "key").write_text(key)
    config = {
        "daemon": {"state": str(tmp_path / "state")},
        "indexes": {"x": index},
        "secrets": {"key": f"file:{tmp_path / 'key'}"},
    }
    path = tmp_path / "releasd.toml"
    path.write_text(tomlkit.dumps(config))
    return path


def found(tmp_path: Path, index: dict[str, object], **rest: str) -> Finding:
    """Return what `doctor` says of this destination."""
    findings = diagnose(write(tmp_path, index, **rest), {"HOME": str(tmp_path)})
    return next(finding for finding in findings if finding.what == "index x")


@pytest.mark.parametrize(
    ("index", "why"),
    [
        ({"path": "/srv"}, 'path is for kind = "folder", and this is kind = "index", which takes publish_url,'),
        ({"kind": "folder", "path": "/srv", **URLS}, 'publish_url is for kind = "index", and this is kind = "folder"'),
        ({"kind": "folder", "path": "/srv", "secret": "key"}, 'secret is for kind = "index"'),
        ({"kind": "folder", "path": "/srv", "bucket": "abc"}, 'bucket is for kind = "s3"'),
        ({**BUCKET, "path": "/srv"}, 'path is for kind = "folder", and this is kind = "s3", which takes url, bucket,'),
        ({**BUCKET, "pypi_rules": True}, 'pypi_rules is for kind = "index"'),
        ({"kind": "folder"}, 'path missing; kind = "folder" needs it'),
        ({"kind": "s3", "url": "http://h"}, 'bucket and secret missing; kind = "s3" needs it'),
        ({"kind": "index"}, "publish_url and simple_url missing; write both"),
        ({**BUCKET, "bucket": "Not_a_bucket"}, "not a bucket's name; it has 3 to 63 small letters"),
        ({"kind": "folder", "path": "srv"}, "not an absolute path"),
        ({**BUCKET, "url": "s3://packages"}, "not a web address"),
        ({"kind": "ftp"}, "'index', 'crates', 'folder' or 's3'"),
        ({**BUCKET, "secret": "kye"}, "kye is not defined as [secrets.kye]"),
    ],
)
def test_key_of_another_kind_is_refused_by_name(tmp_path: Path, index: dict[str, object], why: str) -> None:
    """Each mistake is one line that names the key and what is allowed, before anything starts."""
    with pytest.raises(ConfigError) as caught:
        load(write(tmp_path, index), {})
    (problem,) = caught.value.problems
    assert why in problem


@pytest.mark.parametrize(
    ("index", "kind", "size"),
    [
        (URLS, HttpIndex, 100 << 20),
        ({"kind": "folder", "path": "/srv"}, FolderIndex, 1 << 40),
        (BUCKET, S3Index, 5 << 30),
    ],
)
def test_each_kind_becomes_its_adapter_with_its_own_limits(
    tmp_path: Path, index: dict[str, object], kind: type, size: int
) -> None:
    """A folder takes what the public index refuses, and a bucket what fits into one request."""
    made = index_of("x", load(write(tmp_path, index), {}).indexes["x"], SecretStore({}, Surroundings(environ={})))
    assert type(made) is kind
    assert (made.rules.max_file_size, made.rules.pypi_rules) == (size, kind is HttpIndex)


def test_doctor_tells_a_folder_that_is_missing(tmp_path: Path) -> None:
    """A folder that is there and open is fine, one that is not comes with the command that makes it."""
    folder = tmp_path / "mirror"
    finding = found(tmp_path, {"kind": "folder", "path": str(folder)})
    assert (finding.ok, f"install -d {folder}" in finding.advice) == (False, True)
    folder.mkdir()
    finding = found(tmp_path, {"kind": "folder", "path": str(folder)})
    assert (finding.ok, finding.detail) == (True, "this user can write into it")
    assert list(folder.iterdir()) == []


@pytest.mark.parametrize("root", [200, 404])
def test_doctor_tells_an_index_that_may_be_at_another_address(tmp_path: Path, root: int) -> None:
    """Where nothing at all is found, `doctor` says so, and is content all the same: some indexes look like that."""
    with http_stub(lambda asked: Reply(root if asked.path == "/simple/" else 404)) as stub:
        urls = {"publish_url": f"{stub.url}/legacy/", "simple_url": f"{stub.url}/simple/"}
        finding = found(tmp_path, {**urls, "secret": "key"})
    assert finding.ok
    assert ("simple_url itself is no page (404)" in finding.detail) == (root == 404)


def test_doctor_tells_a_bucket_that_does_not_let_us_in(tmp_path: Path, s3_server: S3Server) -> None:
    """A right key lists the bucket; a wrong one, a bucket that is not there, and half a key are three findings."""
    s3_server.index("doctored")
    right = s3_server.key.reveal()
    bucket = {**BUCKET, "url": s3_server.url, "bucket": "doctored"}
    finding = found(tmp_path, bucket, key=right)
    assert (finding.ok, finding.detail) == (True, "reachable, its bucket can be listed, and its key can be had")
    for wrong, key, why in (
        (bucket, right[:-4] + "AAAA", "SignatureDoesNotMatch"),
        ({**bucket, "bucket": "nobodys"}, right, "NoSuchBucket"),
        (bucket, "c4nary-half", "not of the form ACCESS_KEY_ID:SECRET_ACCESS_KEY"),
    ):
        finding = found(tmp_path, wrong, key=key)
        assert not finding.ok
        assert why in finding.detail
        assert finding.advice
        assert "c4nary" not in repr(finding)


def test_secrets_check_wants_both_halves_of_a_key(tmp_path: Path) -> None:
    """A bucket's key is judged by its own form and not as a token, and nothing of it is shown."""
    write(tmp_path, BUCKET)
    terminal = Terminal(tmp_path, tmp_path, {})
    assert terminal.run("secrets", "check").code == 0
    write(tmp_path, BUCKET, key="c4nary-half")
    said = terminal.run("secrets", "check")
    assert said.code == 1
    assert "ACCESS_KEY_ID:SECRET_ACCESS_KEY" in said.out + said.err
    assert "c4nary" not in said.out + said.err
