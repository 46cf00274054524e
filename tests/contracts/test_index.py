"""What every destination must do for publish and verify: one suite, on a real devpi, a real pypiserver, the PyPI-rules
server, a folder, a real S3 server, and the fake that the steps' tests stand on.
"""

import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import uv

from releasd.adapters.folder import FolderIndex
from releasd.adapters.index import HttpIndex
from releasd.errors import Conflict, Denied
from releasd.ports import Index, Listing, Secret
from support.devpi import devpi  # noqa: F401 - a fixture
from support.fakeports import FakeIndex
from support.pypirules import PypiRules
from support.pypiserver import pypiserver  # noqa: F401 - a fixture
from support.s3server import s3_server  # noqa: F401 - a fixture
from support.wheels import make_sdist, make_wheel, sha256

Factory = Callable[[Secret | None], Index]
SERVERS = ("devpi", "pypiserver")
SERVED = (*SERVERS, "rules", "rules-html")
OVER_HTTP = pytest.mark.parametrize("index_with", SERVED, indirect=True)
INSTALLABLE = pytest.mark.parametrize("index_with", [*SERVED, "folder"], indirect=True)


@pytest.fixture(params=[*SERVED, "folder", "s3", "fake"])
def index_with(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Factory]:
    """Return a maker of one kind of destination; a token can be given instead of the right one."""
    kind = request.param
    if kind in SERVERS:
        real = request.getfixturevalue(kind)
        yield _maker(real.publish_url, real.simple_url, real.token)
    elif kind.startswith("rules"):
        with PypiRules(tmp_path / "index", token="pypi-right-token") as rules:
            rules.html = kind == "rules-html"
            yield _maker(rules.publish_url, rules.simple_url, Secret(rules.token))
    elif kind == "s3":
        yield lambda _: request.getfixturevalue("s3_server").index("contract")
    else:
        (tmp_path / "mirror").mkdir()
        one = FolderIndex(name="test", path=tmp_path / "mirror") if kind == "folder" else FakeIndex()
        yield lambda _: one


def _maker(publish_url: str, simple_url: str, right: Secret) -> Factory:
    return lambda token: HttpIndex(
        name="test", publish_url=publish_url, simple_url=simple_url, token=lambda: token or right, upload_timeout=60
    )


@pytest.fixture
def project(request: pytest.FixtureRequest) -> str:
    """Return a project name that no other test uses, for devpi is shared."""
    return "p-" + "".join(ch if ch.isalnum() else "-" for ch in request.node.name).strip("-").lower()


def test_unknown_project_has_no_files(index_with: Factory, project: str) -> None:
    """A first release asks for a project that is not there: nothing is listed, nothing is wrong."""
    assert index_with(None).files(project, "1.0.0") == ()


def test_uploaded_files_are_listed_with_the_digests_of_their_bytes(
    index_with: Factory, project: str, tmp_path: Path
) -> None:
    """What was uploaded is what the index lists and what it serves, digest for digest."""
    paths = [make_wheel(tmp_path, project, "1.2.0"), make_sdist(tmp_path, project, "1.2.0")]
    index = index_with(None)
    index.upload(paths, lambda _: None)
    served = {file.filename: file for file in index.files(project, "1.2.0")}
    assert {name: file.sha256 for name, file in served.items()} == {path.name: sha256(path) for path in paths}
    for path in paths:
        assert index.download_sha256(served[path.name]) == sha256(path)


def test_all_versions_are_listed_for_the_watcher(index_with: Factory, project: str, tmp_path: Path) -> None:
    """Nothing that the index serves of a project is left out, whatever its version."""
    paths = [make_wheel(tmp_path, project, "1.2.0"), make_wheel(tmp_path, project, "0.1")]
    index = index_with(None)
    assert isinstance(index, Listing)
    assert index.all_files(project) == ()
    index.upload(paths, lambda _: None)
    found = {file.filename: (file.sha256, file.yanked) for file in index.all_files(project)}
    assert found == {path.name: (sha256(path), False) for path in paths}


def test_only_the_files_of_the_version_asked_for_are_listed(index_with: Factory, project: str, tmp_path: Path) -> None:
    """Versions are compared as versions (1.0 is 1.0.0) and names as names (a_b is A-B), never as text."""
    index = index_with(None)
    wheels = [make_wheel(tmp_path, project, version) for version in ("1.0.0", "1.0.1", "11.0.0")]
    index.upload(wheels, lambda _: None)
    listed = index.files(project.replace("-", "_").upper(), "1.0")
    assert [file.filename for file in listed] == [wheels[0].name]


def test_repeating_an_upload_changes_nothing(index_with: Factory, project: str, tmp_path: Path) -> None:
    """After a crash the same bytes are uploaded again: that succeeds and leaves one copy."""
    wheel = make_wheel(tmp_path, project, "1.0.0")
    index = index_with(None)
    index.upload([wheel], lambda _: None)
    index.upload([wheel], lambda _: None)
    assert [file.sha256 for file in index.files(project, "1.0.0")] == [sha256(wheel)]


def test_half_an_upload_is_completed(index_with: Factory, project: str, tmp_path: Path) -> None:
    """A release that was cut off after its first file is completed by uploading all of its files."""
    wheel, sdist = make_wheel(tmp_path, project, "1.0.0"), make_sdist(tmp_path, project, "1.0.0")
    index = index_with(None)
    index.upload([wheel], lambda _: None)
    index.upload([wheel, sdist], lambda _: None)
    assert {file.filename for file in index.files(project, "1.0.0")} == {wheel.name, sdist.name}


def test_other_bytes_under_a_taken_name_are_a_conflict(index_with: Factory, project: str, tmp_path: Path) -> None:
    """Somebody's file is never replaced, and ours is never taken for theirs."""
    theirs = make_wheel(tmp_path, project, "1.0.0", body="theirs = 1\n")
    index = index_with(None)
    index.upload([theirs], lambda _: None)
    digest = sha256(theirs)
    ours = make_wheel(tmp_path, project, "1.0.0", body="ours = 1\n")
    with pytest.raises(Conflict) as caught:
        index.upload([ours], lambda _: None)
    assert ours.name in caught.value.message
    assert [file.sha256 for file in index.files(project, "1.0.0")] == [digest]


@OVER_HTTP
def test_wrong_token_is_denied_and_says_how_to_rotate_it(index_with: Factory, project: str, tmp_path: Path) -> None:
    """A refused token stops at once, with the command that stores a new one and without the token itself."""
    token = Secret("pypi-AgEIwrongwrongwrong")
    output: list[bytes] = []
    with pytest.raises(Denied) as caught:
        index_with(token).upload([make_wheel(tmp_path, project, "1.0.0")], output.append)
    assert "doppler secrets set" in caught.value.advice
    assert token.reveal() not in f"{caught.value}{caught.value.advice}{b''.join(output)!r}"
    assert index_with(None).files(project, "1.0.0") == ()


@INSTALLABLE
def test_install_options_let_uv_install_the_uploaded_version(index_with: Factory, project: str, tmp_path: Path) -> None:
    """The options are all that `uv pip install` needs to take the release from here, plain HTTP and files included."""
    index = index_with(None)
    index.upload([make_wheel(tmp_path, project, "1.0.0")], lambda _: None)
    target = tmp_path / "installed"
    argv = [uv.find_uv_bin(), "pip", "install", "--no-config", "--no-cache", "--python", sys.executable]
    argv += ["--target", str(target), *index.install_options(), f"{project}==1.0.0"]
    subprocess.run(argv, check=True, timeout=60, capture_output=True)
    assert (target / project.replace("-", "_") / "__init__.py").is_file()


def test_secret_of_every_destination_can_be_proven(index_with: Factory) -> None:
    """Where everything is in order, asking for the token, the key or the right to write says nothing."""
    index_with(None).check_secret()
