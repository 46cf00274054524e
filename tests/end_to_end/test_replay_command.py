"""`releasd replay` and `releasd plan` as people and programs run them."""

import json
import os
import re
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path

import pytest

import releasd.cli
from support.gitrepo import ISOLATED, make_remote, make_work
from support.histories import line, make_history

PYPROJECT = """[build-system]
requires = ["hatchling"]
build-backend = "hatchling.build"
[project]
name = "demo"
version = "1.2.3"
"""
EVIL = "feat: <script>alert(1)</script>\x1b[31m \u202e\"onload=x' &amp; \u200b"
SOURCES = str(Path(releasd.cli.__file__).parents[2])
KEYS = {"from_tag", "to_tag", "commits", "predicted", "actual", "agree"}


def run(folder: Path, *args: str, status: int = 0, **environ: str) -> str:
    """Run the command in `folder` with an empty home, and return its output."""
    env = {"PATH": os.environ["PATH"], "HOME": str(folder), "PYTHONPATH": SOURCES, **ISOLATED}
    ran = subprocess.run(
        (sys.executable, "-m", "releasd.cli", *args),
        cwd=folder,
        env=env | environ,
        capture_output=True,
        timeout=60,
        check=False,
    )
    assert ran.returncode == status, ran.stderr.decode()
    return ran.stdout.decode()


@pytest.fixture
def history(tmp_path: Path) -> Path:
    """Return a repository with five releases, two of which releasd would have decided otherwise."""
    messages = [
        ("feat: begin", "v0.1.0"),
        ("fix: one", "v0.1.1"),
        (EVIL, "v0.1.2"),
        "docs: nothing",
        ("feat!: break", "v1.0.0"),
        ("chore: none", "v1.0.1", "not-a-version"),
    ]
    return make_history(tmp_path / "demo.git", line(messages))


def test_the_json_is_that_of_the_design(history: Path) -> None:
    """DESIGN.md §5.2: schema, each pair with its keys, the sums, and nothing else on standard output."""
    found = json.loads(run(history, "replay", "--json"))
    assert (found["schema"], found["repo"], found["agreed"], found["disagreed"]) == (1, str(history), 3, 2)
    assert found["config"] == "defaults"
    assert all(each.keys() >= KEYS and "notes" not in each for each in found["releases"])
    pairs = [(each["from_tag"], each["to_tag"], each["commits"], each["predicted"]) for each in found["releases"]]
    assert pairs == [
        (None, "v0.1.0", 1, "0.1.0"),
        ("v0.1.0", "v0.1.1", 1, "0.1.1"),
        ("v0.1.1", "v0.1.2", 1, "0.2.0"),
        ("v0.1.2", "v1.0.0", 2, "1.0.0"),
        ("v1.0.0", "v1.0.1", 1, None),
    ]


def test_notes_carry_the_tags_day_unless_one_is_given(history: Path) -> None:
    """The notes of a past release look as they did on its day, in UTC, with links where it was said to be."""
    own = json.loads(run(history, "replay", "--json", "--notes"))["releases"][1]["notes"]
    given = run(
        history, "replay", "--json", "--notes", "--date", "2020-02-03", "--repository-url", "git@example.org:a/b.git"
    )
    linked = json.loads(given)["releases"][1]["notes"]
    assert "(2026-01-01)" in own.splitlines()[0]
    assert "[0.1.1](https://example.org/a/b/compare/v0.1.0...v0.1.1) (2020-02-03)" in linked.splitlines()[0]


def test_the_report_says_how_often_and_why_not(history: Path) -> None:
    """People see the figure, and one line for each difference, without a terminal's control characters."""
    shown = run(history, "replay")
    assert "3 of 5 releases as releasd would have decided (60.0 %)" in shown
    assert "v1.0.0 → v1.0.1: predicted no release, was patch: the only commit does not ask for one (chore 1)" in shown
    assert "1 other tag is no release" in shown
    assert "\x1b" not in shown


def test_a_history_without_releases_is_no_failure(tmp_path: Path) -> None:
    """Nothing to compare with is said, and another tag format is suggested."""
    folder = make_history(tmp_path / "demo.git", line([("feat: a", "1.0.0"), ("fix: b", "1.0.1")]))
    shown = run(folder, "replay")
    assert 'set tag_format = "{version}"' in shown
    assert "there is nothing to compare with" in shown
    assert json.loads(run(folder, "replay", "--json"))["releases"] == []


def test_another_packages_tags_are_no_reason_for_a_warning(tmp_path: Path) -> None:
    """It would advise to give one package the tags of the other, which has more of them."""
    work = make_work(tmp_path / "work", make_remote(tmp_path / "remote.git"))
    tables = '[packages.a]\npath = "a"\n[packages.b]\npath = "b"\n'
    work.commit("feat: one", {".releasd.toml": tables, "a/x": "", "b/x": ""})
    for tag in ("a-v0.1.0", "b-v0.1.0", "b-v0.2.0"):
        work.tag(tag)
    assert json.loads(run(work.path, "replay", "--json", "--package", "a"))["warnings"] == []
    whole = json.loads(run(work.path, "replay", "--json"))["warnings"]
    assert whole == ["the repository has several packages: releasd replay --package a"]


def test_a_folder_that_is_no_repository_is_an_error_with_advice(tmp_path: Path) -> None:
    """The exit code and the JSON are those of every failure."""
    assert "git repository" in json.loads(run(tmp_path, "replay", "--json", status=1))["error"]


def test_wrong_usage_is_exit_code_two(history: Path) -> None:
    """An unknown analysis, and a configuration that is not there, are mistakes of the caller."""
    run(history, "replay", "--analysis", "tarot", status=2)
    run(history, "replay", "--config", "missing.toml", status=2)
    run(history, "replay", "--html", "missing/folder.html", status=2)


def test_rules_come_from_the_file_or_from_each_tag(tmp_path: Path) -> None:
    """`--config` replaces the repository's; with `--config-from-history` it fills in where a tag had none."""
    work = make_work(tmp_path / "work", make_remote(tmp_path / "remote.git"))
    work.commit("feat: a")
    work.tag("v0.1.0")
    work.commit("docs: b")
    work.tag("v0.1.1")
    work.commit("docs: c", {".releasd.toml": '[[release_rules]]\ntype = "docs"\nrelease = "minor"\n'})
    work.tag("v0.2.0")
    work.commit("docs: d", {".releasd.toml": "broken ["})
    work.tag("v0.2.1")
    work.commit("docs: e", {".releasd.toml": ""})
    own = tmp_path / "own.toml"
    own.write_text('[[release_rules]]\ntype = "docs"\nrelease = "patch"\n')

    def predicted(*options: str) -> list[str | None]:
        found = json.loads(run(work.path, "replay", "--json", *options))
        return [each["predicted"] for each in found["releases"]]

    assert predicted() == ["0.1.0", None, None, None]
    assert predicted("--config", str(own)) == ["0.1.0", "0.1.1", "0.1.2", "0.2.1"]
    assert predicted("--config-from-history") == ["0.1.0", None, "0.2.0", None]
    assert predicted("--config-from-history", "--config", str(own)) == ["0.1.0", "0.1.1", "0.2.0", "0.2.1"]


def test_semantic_releases_analysis_is_used_where_it_is_asked_for(tmp_path: Path) -> None:
    """`feat!:` under the angular preset releases nothing, which the specification calls a major release."""
    folder = make_history(tmp_path / "demo.git", line([("feat: a", "v1.0.0"), ("feat!: b", "v2.0.0")]))
    strict = json.loads(run(folder, "replay", "--json"))["releases"][1]
    angular = json.loads(run(folder, "replay", "--json", "--analysis", "semantic-release"))["releases"][1]
    assert (strict["predicted"], angular["predicted"]) == ("2.0.0", None)


class _Page(HTMLParser):
    """What a page asks for and runs, and the texts in it."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.outside: list[str] = []
        self.ids: set[str] = set()
        self.links: set[str] = set()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        for name, value in attrs:
            self.outside += [f"{name}={value}"] if name.startswith("on") or name in ("src", "srcset", "data") else []
            self.outside += [f"href={value}"] if name == "href" and not (value or "").startswith("#") else []
            self.links |= {value[1:]} if name == "href" and value else set()
            self.ids |= {value} if name == "id" and value else set()


def test_the_page_loads_and_runs_nothing_whatever_the_messages_say(history: Path, tmp_path: Path) -> None:
    """One file: no script, no request, hostile messages as plain text, and every mark leads to its explanation."""
    target = tmp_path / "page.html"
    run(history, "replay", "--html", str(target))
    text = target.read_text(encoding="utf-8")
    page = _Page()
    page.feed(text)
    assert page.outside == []
    assert not page.tags & {"script", "link", "img", "iframe", "object", "embed", "base", "form"}
    assert not re.search(r"url\(|@import|https?://", text)
    assert all(char.isprintable() or char == "\n" for char in text)
    assert "&lt;script&gt;alert(1)" in text
    assert page.links
    assert page.links <= page.ids
    assert "60.0%" in text


def test_plan_shows_commits_versions_builds_and_the_diff(tmp_path: Path) -> None:
    """Plain and complete where no terminal is: one line a commit, the arrow, the build, and every changed line."""
    work = make_work(tmp_path / "work", make_remote(tmp_path / "remote.git"))
    work.commit("chore: begin", {"pyproject.toml": PYPROJECT, "CHANGELOG.md": "# Changelog\n\n## 1.2.3\n\n* old\n"})
    work.tag("v1.2.3")
    work.commit("docs: words")
    work.commit("feat(api): more \x1b[31m")
    shown = run(work.path, "plan")
    assert [each[8:] for each in shown.splitlines()[:2]] == [
        "minor feat(api): more  [31m (feat adds a feature: minor)",
        "none  docs: words (docs asks for no release)",
    ]
    assert "1.2.3 → 1.3.0\n" in shown
    assert "build dist: any host\n" in shown
    for changed in ('-version = "1.2.3"', '+version = "1.3.0"', "--- a/CHANGELOG.md", "+### Features", " # Changelog"):
        assert changed in shown.splitlines()
    assert "\x1b" not in shown


def test_plan_names_the_hosts_of_the_operators_configuration(tmp_path: Path) -> None:
    """Where this machine has such a configuration, each build names the hosts that have its labels, or none."""
    work = make_work(tmp_path / "work", make_remote(tmp_path / "remote.git"))
    own = '[[builds]]\nname = "{0}"\nrun = "true"\nlabels = ["{0}"]\n'
    files = {"pyproject.toml": PYPROJECT, ".releasd.toml": own.format("sparc") + own.format("arm")}
    work.commit("chore: begin", files)
    work.tag("v1.2.3")
    work.commit("feat: more")
    config = tmp_path / "releasd.toml"
    config.write_text('[hosts.mini]\naddress = "ci@mini"\nlabels = ["arm", "macos"]\n')
    shown = run(work.path, "plan", RELEASD_CONFIG=str(config))
    assert "build arm (arm): mini\n" in shown
    assert "build sparc (sparc): no registered host has these labels\n" in shown
    config.write_text("broken [")
    assert "is not used" in run(work.path, "plan", RELEASD_CONFIG=str(config))


def test_plan_says_why_nothing_is_released(tmp_path: Path) -> None:
    """The exit code is 3, the reason is one sentence, and there is no diff."""
    work = make_work(tmp_path / "work", make_remote(tmp_path / "remote.git"))
    work.commit("feat: begin", {"pyproject.toml": PYPROJECT})
    work.tag("v1.2.3")
    work.commit("docs: words")
    shown = run(work.path, "plan", status=3)
    assert "1.2.3 → no release\n  no release: 1 commit since v1.2.3, none asks for one (docs 1)" in shown
    assert "+++" not in shown


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="the peak is read from /proc")
@pytest.mark.parametrize("tagged", [1, 10])
def test_a_large_history_is_judged_in_bounded_memory(tmp_path: Path, tagged: int) -> None:
    """20,000 commits with up to 20,000 tags: every pair is judged, in well under the memory of the whole history."""
    body = "x" * 3000
    messages = (
        (f"feat: {number}\n\n{body}", *((f"v0.{number // tagged + 1}.0",) if number % tagged == tagged - 1 else ()))
        for number in range(20_000)
    )
    folder = make_history(tmp_path / "large.git", line(messages))
    code = (
        "import re, sys; from releasd.app.replay import Asked, replay; from pathlib import Path;"
        "found = replay(Asked(repo=Path(sys.argv[1])));"
        # not ru_maxrss, which begins with the size of the process that forked
        "peak = re.search(r'VmHWM:\\s+(\\d+)', Path('/proc/self/status').read_text())[1];"
        "print(len(found['releases']), found['disagreed'], peak)"
    )
    ran = subprocess.run((sys.executable, "-c", code, str(folder)), capture_output=True, timeout=170, check=True)
    count, disagreed, kilobytes = map(int, ran.stdout.split())
    assert (count, disagreed) == (20_000 // tagged, 0)
    assert kilobytes < 130_000  # the messages alone are 60 MB, decoded twice that
