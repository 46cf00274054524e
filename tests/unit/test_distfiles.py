"""Built files as an index and its users will judge them: every way to be wrong is named, and nothing crashes."""

import io
import tarfile
import tracemalloc
import warnings
import zipfile
from collections.abc import Iterable
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from releasd.core.distfiles import problems
from releasd.core.judging.names import platforms, runs_on
from releasd.core.judging.verdict import Expected, Problem
from releasd.core.judging.wheels import importable
from support.dist import INFO, METADATA, NAME, ROOT, VERSION, sdist, wheel, wheel_name

EXPECTED = Expected(distribution=NAME, version=VERSION)
SDIST = f"{ROOT}.tar.gz"
LINUX = "cp311-cp311-manylinux_2_17_x86_64"
PACKAGE = "my_demo/__init__.py"


def told(found: Iterable[Problem]) -> str:
    """Return problems as one text."""
    return "; ".join(problem.what for problem in found)


def judge_wheel(filename: str | None = None, expected: Expected = EXPECTED, **bent: Any) -> str:
    """Return all problems of a bent wheel, as one text."""
    return told(problems(filename or wheel_name(), wheel(**bent), expected))


def judge_sdist(filename: str = SDIST, expected: Expected = EXPECTED, **bent: Any) -> str:
    """Return all problems of a bent sdist, as one text."""
    return told(problems(filename, sdist(**bent), expected))


def test_a_good_wheel_has_no_problem() -> None:
    """A wheel as every backend writes it passes."""
    assert judge_wheel() == ""


def test_a_good_sdist_has_no_problem() -> None:
    """An sdist with its PKG-INFO in its own folder passes."""
    assert judge_sdist() == ""


@pytest.mark.parametrize("name", ["My_Demo", "my.demo", "MY-DEMO"])
@pytest.mark.parametrize("version", ["1.2", "1.2.0", "v1.2.0"])
def test_spellings_of_one_name_and_version_are_one(*, name: str, version: str) -> None:
    """Names are compared as indexes do, versions as numbers: 1.2 is 1.2.0."""
    expected = Expected(distribution=name, version=version)
    assert judge_wheel(expected=expected) == judge_sdist(expected=expected) == ""


@pytest.mark.parametrize("judge", [judge_wheel, judge_sdist])
def test_another_distribution_is_found_in_name_and_metadata(judge: Any) -> None:
    """A build of something else is named twice: by its file name and by its metadata."""
    found = judge(expected=Expected(distribution="other", version=VERSION))
    assert "its name says my-demo, the plan says other" in found
    assert "its metadata names 'my-demo', the plan 'other'" in found


@pytest.mark.parametrize("judge", [judge_wheel, judge_sdist])
def test_another_version_is_found_in_name_and_metadata(judge: Any) -> None:
    """A build that forgot the new version is named twice."""
    found = judge(expected=Expected(distribution=NAME, version="1.3.0"))
    assert "its name says version 1.2.0, the plan says 1.3.0" in found
    assert "its metadata has version 1.2.0, the plan 1.3.0" in found


@pytest.mark.parametrize("judge", [judge_wheel, judge_sdist])
@pytest.mark.parametrize(
    ("metadata", "told"),
    [
        ("Name: other\nVersion: 1.2.0\n", "its metadata names 'other'"),
        ("Name: my-demo\nVersion: 9\n", "its metadata has version 9"),
        ("Name: my-demo\nVersion: banana\n", "its metadata has version banana"),
        ("Version: 1.2.0\n", "its metadata names ''"),
        ("Name: my-demo\n", "its metadata has version"),
        ("", "its metadata names ''"),
    ],
)
def test_metadata_that_disagrees_is_named(judge: Any, *, metadata: str, told: str) -> None:
    """The metadata inside counts for installers, so it is held to the plan, even where it is no version at all."""
    assert told in judge(metadata=metadata)


def test_a_changed_member_is_found_by_record() -> None:
    """A file whose digest is not RECORD's would be refused by a careful installer."""
    found = judge_wheel(lies={PACKAGE: "sha256=" + "A" * 43})
    assert found == f"{wheel_name()}: {PACKAGE} does not have the digest that RECORD says"


def test_record_lists_what_is_not_there() -> None:
    """A line in RECORD without its file is a file that was lost."""
    assert "RECORD lists my_demo/gone.py, which is not there" in judge_wheel(lies={"my_demo/gone.py": "sha256=x"})


def test_a_member_that_record_does_not_list() -> None:
    """A file that nobody recorded was put in afterwards."""
    assert "my_demo/extra.py is not listed in RECORD" in judge_wheel(unlisted={"my_demo/extra.py": "x"})


def test_two_members_of_one_name() -> None:
    """Which of the two is installed depends on the installer; package indexes refuse such archives."""
    assert "two members of one name" in judge_wheel(twice=[PACKAGE])


@pytest.mark.parametrize("part", ["METADATA", "WHEEL", "RECORD"])
def test_a_missing_part_of_dist_info(part: str) -> None:
    """Each of the three files that an installer needs is asked for by name."""
    assert f"{INFO} lacks {part}" in judge_wheel(without=[f"{INFO}/{part}"])


def test_no_dist_info_at_all() -> None:
    """A zip that is no wheel is called that."""
    parts = [f"{INFO}/{part}" for part in ("METADATA", "WHEEL", "RECORD")]
    assert "expected one .dist-info folder, found 0" in judge_wheel(without=parts)


def test_two_dist_infos() -> None:
    """Two identities in one wheel are one too many."""
    assert "expected one .dist-info folder, found 2" in judge_wheel(files={"other-1.dist-info/METADATA": "x"})


@pytest.mark.parametrize("tag", ["linux_x86_64", "linux_aarch64"])
def test_a_plain_linux_wheel_is_refused_before_the_index_does(tag: str) -> None:
    """`linux_*` says nothing about the C library; the answer names the two ways to a manylinux wheel."""
    found = judge_wheel(wheel_name(f"cp311-cp311-{tag}"), tags=[f"cp311-cp311-{tag}"])
    assert f"platform tag {tag} is refused by package indexes" in found


@pytest.mark.parametrize("tag", [LINUX, "cp39-abi3-musllinux_1_2_aarch64", "cp311-cp311-macosx_11_0_arm64"])
def test_platforms_that_indexes_take(tag: str) -> None:
    """manylinux, musllinux and macOS wheels pass."""
    assert judge_wheel(wheel_name(tag), tags=[tag]) == ""


def test_compressed_tag_sets_are_compared_as_sets() -> None:
    """`py2.py3-none-any` stands for two tags, in whichever order WHEEL lists them."""
    assert judge_wheel(wheel_name("py2.py3-none-any"), tags=["py3-none-any", "py2-none-any"]) == ""


@pytest.mark.parametrize("tags", [["py3-none-win32"], [], ["py3-none-any", LINUX]])
def test_name_and_wheel_file_disagree(tags: list[str]) -> None:
    """A renamed wheel does not become one for another platform."""
    assert "its name and its WHEEL file disagree on the tags" in judge_wheel(tags=tags)


@pytest.mark.parametrize("stray", ["other/file.py", "/etc/passwd", f"{ROOT}/../evil", "../evil", "file-at-the-top"])
def test_sdist_members_outside_of_its_folder(stray: str) -> None:
    """Whatever would be unpacked beside the sdist's own folder is named."""
    assert f"members outside of {ROOT}/: {stray}" in judge_sdist(files={stray: "x"})


def test_sdist_without_metadata() -> None:
    """An index reads PKG-INFO; without it the sdist is refused."""
    assert "it has no PKG-INFO" in judge_sdist(metadata=None)


@pytest.mark.parametrize("target", ["nowhere", "../../etc/passwd", "PKG-INFO"])
def test_sdist_whose_metadata_is_a_link(target: str) -> None:
    """A PKG-INFO that points elsewhere is no PKG-INFO; it is not followed, and nothing crashes."""
    assert "it has no PKG-INFO" in judge_sdist(metadata=None, links={f"{ROOT}/PKG-INFO": target})


@pytest.mark.parametrize(
    "filename",
    ["x.whl", "my_demo-1.2.0.whl", "my_demo-banana-py3-none-any.whl", "x.tar.gz", "my_demo.zip", "-.tar.gz", "", "a b"],
)
def test_names_that_no_index_takes(filename: str) -> None:
    """A file whose name is not one of the two forms is named as that, whatever is in it."""
    assert "not a valid distribution file name" in told(problems(filename, wheel(), EXPECTED))


@pytest.mark.parametrize("filename", [wheel_name(), SDIST])
@pytest.mark.parametrize("content", [b"", b"PK", b"\x1f\x8b", b"not an archive", b"\0" * 2000])
def test_what_is_no_archive_is_said_to_be_none(filename: str, content: bytes) -> None:
    """The empty wheel of a failed build, a cut-off download and plain garbage have one name."""
    (problem,) = problems(filename, io.BytesIO(content), EXPECTED)
    assert "not a readable archive" in problem.what


@given(st.binary(max_size=300))
def test_garbage_never_crashes(content: bytes) -> None:
    """Any bytes under either name are judged, never an exception."""
    assert problems(wheel_name(), io.BytesIO(content), EXPECTED)
    assert problems(SDIST, io.BytesIO(content), EXPECTED)


@given(st.sampled_from([wheel_name(), SDIST]), st.data())
def test_a_damaged_archive_never_crashes(filename: str, data: st.DataObject) -> None:
    """A good file with some bytes overwritten is judged: it may be good, bad or unreadable, never an exception."""
    content = bytearray((wheel() if filename.endswith(".whl") else sdist()).getvalue())
    for _ in range(data.draw(st.integers(1, 4))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    assert isinstance(problems(filename, io.BytesIO(bytes(content)), EXPECTED), tuple)


@given(st.text(max_size=200))
def test_hostile_metadata_never_crashes(metadata: str) -> None:
    """Any METADATA and PKG-INFO is judged."""
    text = metadata.encode("utf-8", "replace").decode()
    assert isinstance(judge_wheel(metadata=text), str)
    assert isinstance(judge_sdist(metadata=text), str)


@pytest.mark.parametrize("record", ["a\0b,c,d\n", '"' * 9, "x" * 200_000 + ",y,z\n"])
def test_hostile_record_never_crashes(record: str) -> None:
    """A RECORD that no CSV reader likes is a problem of the wheel, not of ours."""
    made = wheel(without=[f"{INFO}/RECORD"])
    with zipfile.ZipFile(made, "a") as archive:
        archive.writestr(f"{INFO}/RECORD", record)
    assert problems(wheel_name(), made, EXPECTED)


@pytest.mark.parametrize(
    ("files", "modules"),
    [
        (["my_demo/__init__.py", "my_demo/sub/__init__.py", "my_demo/data.txt"], ("my_demo",)),
        (["one/__init__.py", "two/__init__.py"], ("one", "two")),
        (["single.py"], ("single",)),
        (["ext.cpython-311-x86_64-linux-gnu.so"], ("ext",)),
        (["ext.abi3.so", "ext.pyi"], ("ext",)),
        (["ext.cp311-win_amd64.pyd"], ("ext",)),
        (["pkg/__init__.cpython-311-x86_64-linux-gnu.so"], ("pkg",)),
        (["name_space/part/__init__.py"], ()),
        (["my_demo-1.2.0.data/scripts/tool"], ()),
        (["my_demo-1.2.0.data/purelib/x/__init__.py"], ()),
        (["my-demo/__init__.py", "READ.ME", "1st.py", "notes.numpy", "path.pth"], ()),
        (["__pycache__/x.py", "__main__.py"], ()),
        ([], ()),
    ],
)
def test_what_a_trial_imports(files: list[str], modules: tuple[str, ...]) -> None:
    """Packages, single modules and extension modules are imported; data, scripts and namespaces are not."""
    assert importable(wheel(dict.fromkeys(files, ""))) == modules


@pytest.mark.parametrize("keyword", ["class", "import", "None"])
def test_a_keyword_is_no_module(keyword: str) -> None:
    """`import class` would fail for its grammar and say nothing about the wheel."""
    assert importable(wheel({f"{keyword}.py": ""})) == ()


MAC = "cp39-abi3-macosx_10_12_x86_64.macosx_11_0_arm64.macosx_10_12_universal2"


@pytest.mark.parametrize(
    ("tag", "labels"),
    [
        ("py3-none-any", ""),
        (LINUX, "linux x86_64"),
        (LINUX, "linux x86_64 glibc2.17"),
        ("cp39-abi3-manylinux2014_aarch64", "linux aarch64 glibc2.36"),
        ("cp39-abi3-musllinux_1_2_aarch64", "linux aarch64 musl"),
        ("cp39-abi3-manylinux_2_34_x86_64.musllinux_1_2_x86_64", "linux x86_64 musl"),
        ("py3-none-linux_armv7l", "linux armv7l"),
        ("cp311-cp311-macosx_11_0_arm64", "macos arm64"),
        ("cp311-cp311-macosx_11_0_universal2", "macos x86_64"),
        (MAC, "macos arm64"),
        (MAC, "macos x86_64"),
    ],
)
def test_a_host_that_can_run_a_wheel(tag: str, labels: str) -> None:
    """One of the platforms that it promises is enough; a pure wheel runs everywhere."""
    assert runs_on(wheel_name(tag), frozenset(labels.split()))


@pytest.mark.parametrize(
    ("tag", "labels"),
    [
        (LINUX, "linux aarch64"),
        (LINUX, "linux x86_64 musl"),
        (LINUX, "linux x86_64 glibc2.12"),
        (LINUX, "macos x86_64"),
        ("cp39-abi3-musllinux_1_2_x86_64", "linux x86_64"),
        ("cp39-abi3-musllinux_1_2_x86_64", "linux x86_64 glibc2.36"),
        ("cp39-abi3-manylinux_2_17_i686", "linux x86_64"),
        (MAC, "linux x86_64"),
        ("py3-none-win_amd64", "linux x86_64"),
        ("py3-none-win_amd64", "windows amd64 linux x86_64"),
    ],
)
def test_a_host_of_another_platform(tag: str, labels: str) -> None:
    """System, processor and C library count; nothing of releasd's runs on Windows, whatever a label says."""
    assert not runs_on(wheel_name(tag), frozenset(labels.split()))


def test_the_platforms_of_a_wheel() -> None:
    """They are in its file's name, each after the other."""
    both = {"manylinux_2_17_x86_64", "manylinux2014_x86_64"}
    assert platforms(wheel_name("cp311-cp311-manylinux_2_17_x86_64.manylinux2014_x86_64")) == both


def test_every_problem_names_its_file() -> None:
    """With many files in one release, each problem says whose it is."""
    for problem in problems(wheel_name(), wheel(metadata="Name: x\nVersion: 0\n"), EXPECTED):
        assert problem.what.startswith(f"{wheel_name()}: ")


def test_metadata_is_read_beside_the_archive_not_from_its_root() -> None:
    """METADATA elsewhere does not stand in for the one in .dist-info."""
    assert "lacks METADATA" in judge_wheel(files={"METADATA": METADATA}, without=[f"{INFO}/METADATA"])


@pytest.mark.parametrize("kind", ["wheel", "sdist"])
def test_judging_needs_little_memory(kind: str) -> None:
    """Sixty megabytes of contents pass through a few: a file is never held whole, whatever it unpacks to."""
    zeros = "0" * (60 << 20)
    made = wheel({"my_demo/data": zeros}) if kind == "wheel" else sdist({f"{ROOT}/data": zeros})
    del zeros
    tracemalloc.start()
    try:
        problems(wheel_name() if kind == "wheel" else SDIST, made, EXPECTED)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 24 << 20


@settings(max_examples=60, suppress_health_check=[HealthCheck.too_slow])
@given(
    st.dictionaries(st.text(min_size=1, max_size=12), st.binary(max_size=40), max_size=5),
    st.sampled_from([zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA]),
    st.binary(max_size=8),
    st.integers(0, 0xFFFF),
)
def test_any_zip_is_judged(members: dict[str, bytes], method: int, comment: bytes, mode: int) -> None:
    """Whatever names, methods and modes an archive has, there is a verdict, and each has a cause and a fix."""
    made = wheel()
    with zipfile.ZipFile(made, "a", method) as archive, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        archive.comment = comment
        for name, data in members.items():
            info = zipfile.ZipInfo(name.encode("utf-8", "replace").decode(), (2020, 2, 2, 0, 0, 0))
            info.compress_type, info.external_attr = method, mode << 16
            archive.writestr(info, data)
    found = problems(wheel_name(), made, EXPECTED)
    assert members or not found
    assert found or all(name.endswith("/") for name in members)
    assert all(problem.what and problem.fix for problem in found)


@settings(max_examples=60, suppress_health_check=[HealthCheck.too_slow])
@given(
    st.lists(
        st.tuples(st.text(max_size=20), st.sampled_from([b"0", b"1", b"2", b"3", b"5", b"6", b"S", b"x"]), st.text()),
        max_size=5,
    )
)
def test_any_tar_is_judged(members: list[tuple[str, bytes, str]]) -> None:
    """Whatever kinds, names and targets an sdist's members have, there is a verdict."""
    made = io.BytesIO()
    with tarfile.open(fileobj=made, mode="w:gz", errors="replace") as archive:
        for name, kind, target in members:
            entry = tarfile.TarInfo(name.replace("\0", ""))
            entry.type, entry.linkname = kind, target.replace("\0", "")
            archive.addfile(entry)
    made.seek(0)
    assert problems(SDIST, made, EXPECTED)
