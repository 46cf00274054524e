"""`plan`, `notes` and `init` in every kind of repository: they need no daemon, and touch nothing."""

from pathlib import Path

import pytest

from support.cli import Said, Terminal
from support.gitrepo import Work, git, make_remote, make_work

PYPROJECT = '[project]\nname = "demo"\nversion = "1.2.0"\n'


@pytest.fixture
def work(tmp_path: Path) -> Work:
    """Return a working copy whose 1.2.0 is released, followed by one feature."""
    made = make_work(tmp_path / "work", make_remote(tmp_path / "demo.git"))
    made.commit("feat: begin", {"pyproject.toml": PYPROJECT})
    made.tag("v1.2.0")
    made.commit("feat(ui): more", {"more.txt": "x"})
    made.push()
    return made


@pytest.fixture
def terminal(tmp_path: Path, work: Work) -> Terminal:
    """Return a shell in the working copy."""
    home = tmp_path / "home"
    home.mkdir()
    return Terminal(home, work.path)


def untouched(work: Work) -> str:
    """Return everything that a look must not change."""
    status = git(work.path, "status", "--porcelain", "--ignored")
    return f"{status}\n{git(work.path, 'for-each-ref')}\n{git(work.remote, 'for-each-ref')}"


def test_plan_says_what_and_why(terminal: Terminal, work: Work) -> None:
    """One line for each commit with its reason, then the step from old to new; exit code 0; nothing is touched."""
    before = untouched(work)
    said = terminal.run("plan")
    assert said.code == 0
    assert "minor feat(ui): more (" in said.out
    assert "1.2.0 → 1.3.0" in said.out
    assert '+version = "1.3.0"' in said.out
    assert untouched(work) == before
    assert list(terminal.home.iterdir()) == []


def test_plan_as_json_is_the_promised_document(terminal: Terminal, work: Work) -> None:
    """DESIGN.md §5.2, key by key."""
    said = terminal.run("plan", "--json")
    document = said.document
    assert (said.code, said.err) == (0, "")
    assert {
        "schema", "repo", "ref", "branch", "channel", "last", "bump", "next", "reason", "commits", "files", "notes",
    } <= set(document)  # fmt: skip
    assert document["schema"] == 1
    assert document["ref"] == work.head()
    assert document["branch"] == "main"
    assert document["last"] == {"tag": "v1.2.0", "version": "1.2.0", "commit": git(work.path, "rev-parse", "v1.2.0")}
    assert document["next"] == {"version": "1.3.0", "pep440": "1.3.0", "tag": "v1.3.0"}
    assert document["files"] == [{"path": "pyproject.toml", "old": "1.2.0", "new": "1.3.0"}]
    (commit,) = document["commits"]
    assert (commit["type"], commit["scope"], commit["subject"], commit["bump"]) == ("feat", "ui", "more", "minor")


def test_notes_are_the_notes_alone(terminal: Terminal) -> None:
    """Markdown on standard output, dated as asked, ready for a file."""
    said = terminal.run("notes", "--date", "2026-11-23", "--repository-url", "https://forge.example/o/demo")
    assert (said.code, said.err) == (0, "")
    assert "1.3.0" in said.out.splitlines()[0]
    assert "2026-11-23" in said.out
    assert "https://forge.example/o/demo" in said.out
    assert terminal.run("notes", "--json").document["version"] == "1.3.0"


@pytest.mark.parametrize("command", ["plan", "notes"])
def test_nothing_to_release_is_three(terminal: Terminal, work: Work, command: str) -> None:
    """The exit code tells a script; the text tells a person why."""
    git(work.path, "tag", "v1.3.0")
    said = terminal.run(command)
    assert said.code == 3
    assert said.out + said.err
    said = terminal.run(command, "--json")
    assert said.code == 3
    assert said.document


def test_plan_of_another_repository_and_ref(terminal: Terminal, work: Work, tmp_path: Path) -> None:
    """`--repo` and `--ref` look elsewhere: a bare repository, a tag, a commit, a branch."""
    for repo in (work.remote, work.path):
        for ref in ("main", work.head(), "HEAD"):
            said = terminal.run("plan", "--repo", str(repo), "--ref", ref, "--json", where=tmp_path)
            assert said.document["next"]["version"] == "1.3.0"
    assert terminal.run("plan", "--ref", "v1.2.0", "--json").code == 3


def test_plan_without_tags_is_the_first_release(terminal: Terminal, work: Work) -> None:
    """A project that never released gets its initial version."""
    git(work.path, "tag", "--delete", "v1.2.0")
    work.commit("chore: begin", {"pyproject.toml": PYPROJECT.replace("1.2.0", "0.0.0")})
    document = terminal.run("plan", "--json").document
    assert document["last"] is None
    assert document["next"]["tag"].startswith("v")
    assert "(none) → " in terminal.run("plan").out


@pytest.mark.parametrize("command", ["plan", "notes"])
def test_a_clone_without_tags_is_refused_with_the_cure(terminal: Terminal, work: Work, command: str) -> None:
    """1.2.0 is declared, so there was a release: 0.1.0 would take it back, and the daemon would refuse it."""
    git(work.path, "tag", "--delete", "v1.2.0")
    said = terminal.run(command)
    assert said.code == 2
    assert "pyproject.toml says 1.2.0" in said.out + said.err
    assert "→ git fetch --tags" in said.out + said.err
    said = terminal.run("plan", "--json")
    assert (said.code, said.document["schema"], said.document["next"]) == (2, 1, None)


def test_plan_of_a_branch_that_is_not_released_from(terminal: Terminal, work: Work) -> None:
    """The configuration names another branch: nothing is released, as the daemon would say."""
    work.commit("chore: set", {".releaserc": '{"branches": ["master"]}'})
    said = terminal.run("plan")
    assert said.code == 3
    assert "main is none of the project's release branches" in said.out
    document = terminal.run("plan", "--json").document
    assert document["next"] is None
    assert "main is none of" in document["reason"]


def test_git_own_squash_message_loses_nothing(terminal: Terminal, work: Work) -> None:
    """`git merge --squash` writes a header that is no title: the commits are below it."""
    git(work.path, "checkout", "--quiet", "-b", "topic")
    work.commit("feat: gone\n\nBREAKING CHANGE: the api", {"topic.txt": "x"})
    work.commit("fix: b", {"topic.txt": "y"})
    git(work.path, "checkout", "--quiet", "main")
    git(work.path, "merge", "--quiet", "--squash", "topic")
    git(work.path, "-c", "core.editor=true", "commit", "--quiet", "--no-edit")
    document = terminal.run("plan", "--json").document
    assert document["next"]["version"] == "2.0.0"
    assert [part["subject"] for part in document["commits"][0]["parts"] if part["type"]] == ["gone", "b"]


def test_plan_without_commits(terminal: Terminal, tmp_path: Path) -> None:
    """An empty repository is told to be empty."""
    empty = make_work(tmp_path / "empty", make_remote(tmp_path / "empty.git"))
    said = terminal.run("plan", where=empty.path)
    assert said.code == 1
    assert "has no commits yet" in said.err


def test_plan_outside_of_a_repository(terminal: Terminal, tmp_path: Path) -> None:
    """A folder that is no repository is named."""
    said = terminal.run("plan", where=terminal.home)
    assert said.code == 1
    assert str(terminal.home) in said.err
    assert "repository" in said.err


@pytest.mark.parametrize("place", ["gone", "file"])
def test_plan_of_a_place_that_is_no_folder(terminal: Terminal, tmp_path: Path, place: str) -> None:
    """A folder that is not there, or a file, is told as that, by no crash."""
    (tmp_path / "file").write_text("x")
    said = terminal.run("plan", "--repo", str(tmp_path / place))
    assert said.code in {1, 2}
    assert place in said.err


def test_plan_of_a_shallow_clone(terminal: Terminal, work: Work, tmp_path: Path) -> None:
    """Cut-off history may hide the last release; the command that completes it is named."""
    git(tmp_path, "clone", "--quiet", "--depth=1", f"file://{work.remote}", "shallow")
    said = terminal.run("plan", where=tmp_path / "shallow")
    assert said.code == 1
    assert "fetch --unshallow --tags" in said.err


def test_plan_of_a_detached_head(terminal: Terminal, work: Work) -> None:
    """It is judged as its branch's tip, or where it is no branch's, without one."""
    git(work.path, "checkout", "--quiet", "--detach")
    document = terminal.run("plan", "--json").document
    assert (document["branch"], document["next"]["version"]) == ("main", "1.3.0")
    git(work.path, "commit", "--quiet", "--allow-empty", "--message", "feat: nowhere")
    document = terminal.run("plan", "--json").document
    assert (document["branch"], document["next"]["version"]) == (None, "1.3.0")


def test_plan_in_a_folder_of_the_repository(terminal: Terminal, work: Work) -> None:
    """Wherever in the working copy one stands, it is the same repository."""
    below = work.path / "src" / "deep"
    below.mkdir(parents=True)
    assert terminal.run("plan", "--json", where=below).document["files"][0]["path"] == "pyproject.toml"


@pytest.mark.parametrize("ref", ["nonsense", "--help", "-x", "$(touch evil)", "main..v1.2.0", ""])
def test_plan_of_a_ref_that_is_none(terminal: Terminal, work: Work, ref: str) -> None:
    """Whatever was typed is looked up as a name and never obeyed."""
    said = terminal.run("plan", f"--ref={ref}")
    assert said.code in {1, 2}
    assert said.err
    assert not (work.path / "evil").exists()


HOSTILE = (
    "feat: [bold red]markup[/] {braces} %s",
    "feat: \x1b[31mred\x1b[0m \x07bell",
    "feat: " + "long " * 2000,
    "feat: ünïcödé 日本語 \U0001f600",
    "feat: <script>alert(1)</script> & `code`",
    "feat!: \u202eright to left",
    "feat: nul-free\r\n\r\nbody\r\nBREAKING CHANGE: all",
    "",
    "\n\n\n",
    "feat:",
    "feat(: x",
)


@pytest.mark.parametrize("message", HOSTILE, ids=range(len(HOSTILE)))
def test_hostile_messages_are_shown_and_never_obeyed(terminal: Terminal, work: Work, message: str) -> None:
    """Any message makes a plan and valid JSON; its control characters do not reach the terminal."""
    work.commit(message)
    plain = terminal.run("plan")
    assert plain.code == 0
    assert not set(plain.out) & {"\x1b", "\x07", "\u202e"}
    assert terminal.run("plan", "--json").document["next"]
    assert terminal.run("notes").code == 0


def test_a_message_that_is_no_utf8(terminal: Terminal, work: Work) -> None:
    """A message in another encoding makes a plan."""
    git(work.path, "commit", "--quiet", "--allow-empty", "--file=-", stdin=b"feat: gr\xfc\xdfe")
    assert terminal.run("plan", "--json").document["next"]["version"] == "1.3.0"


def test_a_configuration_with_mistakes_names_all_of_them(terminal: Terminal, work: Work) -> None:
    """Exit code 2, every mistake with its file and key."""
    work.commit("chore: set", {".releasd.toml": 'tag_format = "v"\nchangelog = 7\nnonsense = 1\n'})
    said = terminal.run("plan")
    assert said.code == 2
    for key in ("tag_format", "changelog", "nonsense"):
        assert key in said.err


def test_another_configuration_is_used_instead(terminal: Terminal, work: Work, tmp_path: Path) -> None:
    """`--config` stands in for the repository's own."""
    other = tmp_path / "other.toml"
    other.write_text('tag_format = "release-{version}"\n')
    git(work.path, "tag", "release-1.2.0", "v1.2.0")
    assert terminal.run("plan", "--config", str(other), "--json").document["next"]["tag"].startswith("release-")
    said = terminal.run("plan", "--config", str(tmp_path / "gone.toml"))
    assert said.code == 2
    assert "gone.toml" in said.err


def init(terminal: Terminal, *arguments: str) -> tuple[Said, Path]:
    """Run `releasd init` with a configuration in the home folder."""
    file = terminal.home / "conf" / "releasd.toml"
    return terminal.run("init", "--config", str(file), *arguments), file


def test_init_writes_a_configuration_that_doctor_takes(terminal: Terminal, work: Work) -> None:
    """The file names what is pushed to; the next steps are shown, and nothing in it is a mistake."""
    said, file = init(terminal)
    assert said.code == 0
    assert f"wrote {file}" in said.out
    text = file.read_text()
    assert f'repository = "{work.remote}"' in text
    assert "[projects.demo]" in text
    assert file.stat().st_mode & 0o007 == 0
    doctor = terminal.run("doctor", "--config", str(file), "--json")
    assert doctor.code == 1, "the daemon does not run and the token is not set"
    wrong = {finding["what"] for finding in doctor.document["findings"] if not finding["ok"]}
    assert wrong <= {"daemon", "index pypi", "hook of demo", "host local", "project demo", "state folder"}


def test_init_never_writes_over_a_file(terminal: Terminal) -> None:
    """What is there stays, whatever it is."""
    _, file = init(terminal)
    file.write_text("# mine\n")
    said, _ = init(terminal)
    assert said.code == 2
    assert f"there is a configuration at {file} already" in said.err
    assert file.read_text() == "# mine\n"


def test_init_as_json(terminal: Terminal, work: Work) -> None:
    """One document says what was written, and for what."""
    said, file = init(terminal, "--json")
    assert said.document == {
        "file": str(file), "project": "demo", "repository": str(work.remote), "branch": "main",
    }  # fmt: skip


def test_init_outside_of_a_repository(terminal: Terminal) -> None:
    """Nothing is written, and the folder is named."""
    said, file = init(terminal, "--repo", str(terminal.home))
    assert said.code == 1
    assert str(terminal.home) in said.err
    assert not file.exists()


@pytest.mark.parametrize(
    ("origin", "told"),
    [
        ("ssh://git@host.example/o/demo.git", "ssh://git@host.example/o/demo.git"),
        ("git@host.example:o/demo.git", "git@host.example:o/demo.git"),
        ('/srv/we"ird $(x).git', '/srv/we\\"ird $(x).git'),
    ],
)
def test_init_names_the_remote_as_the_daemon_has_to(terminal: Terminal, work: Work, *, origin: str, told: str) -> None:
    """Any address becomes valid TOML; nothing is obeyed."""
    git(work.path, "remote", "set-url", "origin", origin)
    _, file = init(terminal)
    assert f'repository = "{told}"' in file.read_text()


def test_init_resolves_a_relative_remote(terminal: Terminal, work: Work) -> None:
    """The daemon runs elsewhere, so `../demo.git` is written as the path that git means."""
    git(work.path, "remote", "set-url", "origin", "../demo.git")
    _, file = init(terminal)
    assert f'repository = "{work.remote}"' in file.read_text()


def test_init_where_nobody_may_write(terminal: Terminal) -> None:
    """A place that cannot be written to is told as that."""
    (terminal.home / "file").write_text("")
    said = terminal.run("init", "--config", str(terminal.home / "file" / "releasd.toml"))
    assert said.code == 2
    assert "→ name another place: --config FILE" in said.err


def test_plan_with_a_broken_git_configuration(terminal: Terminal, work: Work) -> None:
    """What git says is passed on, by no crash."""
    (work.path / ".git" / "config").write_text("[broken\n")
    said = terminal.run("plan")
    assert said.code == 1
    assert "config" in said.err


def test_plan_without_git(terminal: Terminal, tmp_path: Path) -> None:
    """A machine without git is told to install it."""
    said = terminal.run("plan", environ={"PATH": str(tmp_path / "nowhere")})
    assert said.code == 1
    assert "git" in said.err


def test_plan_shows_what_a_recipe_builds_where(terminal: Terminal, work: Work) -> None:
    """The platforms of the operator's hosts, each with the host that would build for it, without asking any."""
    backend = '[build-system]\nbuild-backend = "maturin"\nrequires = ["maturin"]\n'
    project = '[project]\nname = "demo"\nversion = "1.2.0"\n'
    work.commit("feat: in Rust", {"pyproject.toml": backend + project, "Cargo.toml": '[dependencies]\npyo3 = "1"\n'})
    assert "build wheel: any host" in terminal.run("plan").out
    (terminal.home / "releasd.toml").write_text(
        '[hosts.mini]\naddress = "build@mini.example.org"\nlabels = ["macos", "arm64"]\n'
        '[hosts.big]\naddress = "build@big.example.org"\nlabels = ["linux", "aarch64", "docker"]\n'
    )
    shown = terminal.run("plan").out
    assert "build wheel-macos-arm64 (macos, arm64): mini" in shown
    assert "build wheel-linux-aarch64 (linux, aarch64): big" in shown
    assert "build sdist: mini or big" in shown
    work.commit("feat: for another", {".releasd.toml": 'targets = ["linux-x86_64"]\n'})
    assert "build wheel-linux-x86_64 (linux, x86_64): no registered host has these labels" in terminal.run("plan").out


def test_plan_as_json_warns_of_a_project_that_nobody_says_how_to_build(terminal: Terminal, work: Work) -> None:
    """A setup.py alone is no recipe; the daemon would refuse the release, unless the operator says how."""
    git(work.path, "rm", "--quiet", "pyproject.toml")
    work.commit("feat: by hand", {"setup.py": "from setuptools import setup\nsetup(name='demo', version='1.2.0')\n"})
    (warning,) = terminal.run("plan", "--json").document["warnings"]
    assert "nobody says how to build this project" in warning
    assert f"warning: {warning}" in terminal.run("plan").out
    builds = f'[projects.demo]\nrepository = "{work.path}"\n[[projects.demo.builds]]\nname = "dist"\nrun = "make"\n'
    (terminal.home / "releasd.toml").write_text(builds)
    assert terminal.run("plan", "--json").document["warnings"] == []


@pytest.mark.parametrize("container", ["", 'container = "manylinux-rust"\n'])
def test_plan_warns_of_wheels_for_one_hosts_libc(terminal: Terminal, work: Work, container: str) -> None:
    """A wheel built on a recent Linux installs on no older one; an image for it ends the warning."""
    backend = '[build-system]\nbuild-backend = "maturin"\nrequires = ["maturin"]\n'
    work.commit("build: maturin", {"pyproject.toml": PYPROJECT + backend, ".releasd.toml": container or "# none\n"})
    config = terminal.home / "releasd.toml"
    config.write_text('[hosts.far]\naddress = "far.example.org"\nlabels = ["linux", "x86_64"]\n')
    said = terminal.run("plan", environ={"RELEASD_CONFIG": str(config)})
    assert "wheel-linux-x86_64" in said.out
    assert ("built on the host itself" in said.out) is not bool(container)
