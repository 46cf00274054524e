"""The plan: a pure function of facts, configuration and policy."""

import datetime as dt
import json
from dataclasses import replace
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from releasd.core.containers import ImagePolicy
from releasd.core.plan import Policy, plan, to_json
from releasd.core.project import load
from releasd.core.version import decide
from releasd.errors import ConfigError
from releasd.model import BuildSpec, Bump, ContainerSpec, Gate, NoRelease, Plan, ProjectConfig, ReleaseLine
from support.facts import commit_id, facts

NOW = dt.datetime(2026, 1, 2, 23, 30, tzinfo=dt.UTC)
FILES = {
    "pyproject.toml": '[build-system]\nbuild-backend = "hatchling.build"\n[project]\nname = "Pkg"\nversion = "1.2.3"\n'
}
CONFIG = load(FILES)
BUILD = BuildSpec(name="b", run="make")
POLICY = Policy(project="p")
GATE = Gate(name="g", run="make test")


def planned(*messages: str, config: ProjectConfig = CONFIG, policy: Policy = POLICY) -> Plan:
    result = plan(facts(*messages, files=FILES), config, policy, NOW)
    assert isinstance(result, Plan)
    return result


def test_a_plan_holds_all_that_the_steps_need() -> None:
    """Version, tag, notes, edits, builds: nothing is decided later."""
    made = planned("feat: x", policy=Policy(project="p", indexes=("i",), webhooks=("w",)))
    assert (made.version, made.pep440, made.tag, made.bump) == ("1.3.0", "1.3.0", "v1.3.0", Bump.MINOR)
    assert (made.project, made.distribution, made.branch, made.commit) == ("p", "Pkg", "main", "a" * 40)
    assert [(edit.path, edit.old, edit.new) for edit in made.edits] == [("pyproject.toml", "1.2.3", "1.3.0")]
    assert [build.name for build in made.builds] == ["dist"]
    assert (made.indexes, made.webhooks, made.changelog) == (("i",), ("w",), "CHANGELOG.md")
    assert made.notes.startswith("# 1.3.0 (2026-01-02)\n")


def test_the_notes_carry_the_day_in_utc() -> None:
    """A plan made in another time zone dates its notes by UTC."""
    late = dt.datetime(2026, 1, 3, 1, 0, tzinfo=dt.timezone(dt.timedelta(hours=2)))
    made = plan(facts("feat: x", files=FILES), CONFIG, POLICY, late)
    assert isinstance(made, Plan)
    assert "(2026-01-02)" in made.notes


def test_a_plan_survives_being_stored() -> None:
    """What the engine runs is what was planned, byte for byte."""
    made = planned("feat: x", "fix!: y")
    assert msgspec.json.decode(msgspec.json.encode(made), type=Plan) == made


def test_nothing_to_release_says_why() -> None:
    """The reason and the verdicts reach the pusher."""
    result = plan(facts("docs: x"), CONFIG, POLICY, NOW)
    assert isinstance(result, NoRelease)
    assert result.reason.startswith("no release: 1 commit since v1.2.3")
    assert result.last is not None
    assert [verdict.type for verdict in result.verdicts] == ["docs"]


def test_the_operators_builds_and_gates_replace_the_repositorys() -> None:
    """Who runs the machines has the last word."""
    config = ProjectConfig(name="x", builds=(BUILD,), gates=(GATE,))
    mine = BuildSpec(name="mine", run="x")
    assert planned("feat: x", config=config).builds == (BUILD,)
    assert planned("feat: x", config=config).gates == (GATE,)
    made = planned(
        "feat: x", config=config, policy=Policy(project="p", builds=(mine,), gates=(Gate(name="o", run="y"),))
    )
    assert made.builds == (mine,)
    assert [gate.name for gate in made.gates] == ["o"]


def test_scripts_of_the_repository_do_not_run_where_the_operator_forbids_them() -> None:
    """Neither its builds nor its gates, and without the operator's builds there is no release."""
    config = ProjectConfig(name="x", builds=(BUILD,), gates=(GATE,))
    made = planned("feat: x", config=config, policy=Policy(project="p", builds=(BUILD,), allow_repository_builds=False))
    assert made.gates == ()
    with pytest.raises(ConfigError) as caught:
        planned("feat: x", config=config, policy=Policy(project="p", allow_repository_builds=False))
    assert "[[projects.p.builds]]" in caught.value.advice


def test_the_operators_smoke_command_replaces_the_repositorys() -> None:
    """It is a script: where the repository's may not run, only the operator's does."""
    config = ProjectConfig(name="x", builds=(BUILD,), smoke="own", sdist_generated=("x.py",))
    made = planned("feat: x", config=config)
    assert (made.smoke, made.sdist_generated) == ("own", ("x.py",))
    assert planned("feat: x", config=config, policy=Policy(project="p", smoke="mine")).smoke == "mine"
    closed = Policy(project="p", builds=(BUILD,), allow_repository_builds=False)
    assert planned("feat: x", config=config, policy=closed).smoke is None


def test_a_recipe_builds_for_the_hosts_that_there_are() -> None:
    """The plan names a build for each platform of the project's hosts, without asking any of them."""
    files = {"pyproject.toml": FILES["pyproject.toml"].replace("hatchling.build", "mesonpy")}
    hosts = (frozenset({"linux", "x86_64"}), frozenset({"macos", "arm64"}))
    made = plan(facts("feat: x", files=files), ProjectConfig(name="x"), Policy(project="p", hosts=hosts), NOW)
    assert isinstance(made, Plan)
    assert [build.name for build in made.builds] == ["wheel-linux-x86_64", "wheel-macos-arm64", "sdist"]
    wanted = ProjectConfig(name="x", targets=("linux-aarch64",))
    made = plan(facts("feat: x", files=files), wanted, Policy(project="p", hosts=hosts), NOW)
    assert isinstance(made, Plan)
    assert [build.labels for build in made.builds] == [("linux", "aarch64"), ()]


def test_the_operators_word_on_images_holds_for_every_build() -> None:
    """An image without a digest is refused where the operator asks for digests, whoever wrote the build."""
    config = ProjectConfig(name="x", builds=(BuildSpec(name="w", run="x", container=ContainerSpec(image="img:1")),))
    assert planned("feat: x", config=config).builds == config.builds
    strict = ImagePolicy(require_digest=True)
    with pytest.raises(ConfigError) as caught:
        planned("feat: x", config=config, policy=Policy(project="p", images=strict))
    assert caught.value.problems == ("builds: w: img:1 names no digest; write name@sha256:…",)
    with pytest.raises(ConfigError):
        planned("feat: x", config=CONFIG, policy=Policy(project="p", images=strict, builds=config.builds))


def test_the_operators_container_stands_for_the_repositorys() -> None:
    """A recipe's builds run in the container that is configured, the operator's first."""
    own, mine = ContainerSpec(image="own"), ContainerSpec(image="mine")
    config = ProjectConfig(name="x", container=own)
    assert [build.container for build in planned("feat: x", config=config).builds] == [own]
    made = planned("feat: x", config=config, policy=Policy(project="p", container=mine))
    assert [build.container for build in made.builds] == [mine]


RUST = {
    ".releasd.toml": "crates = true\n",
    "Cargo.toml": '[workspace]\nmembers = ["*"]\n[workspace.package]\nversion = "1.2.3"\n',
    "core/Cargo.toml": '[package]\nname = "demo-core"\nversion.workspace = true\n',
    "app/Cargo.toml": '[package]\nname = "demo"\nversion.workspace = true\n'
    '[dependencies]\ndemo-core = { path = "../core", version = "1.2.3" }\n',
}


def rusty(files: dict[str, str], policy: Policy = POLICY) -> Plan:
    result = plan(facts("feat: x", files=files), load(files), policy, NOW)
    assert isinstance(result, Plan)
    return result


def test_a_workspace_of_crates_is_released_without_python() -> None:
    """Crates that ask for it are a release of their own: in order, in step, and called after the last of them."""
    made = rusty(RUST)
    assert (made.crates, made.distribution) == (("demo-core", "demo"), "demo")
    assert [build.name for build in made.builds] == ["crates"]
    assert [(edit.path, edit.new) for edit in made.edits] == [("Cargo.toml", "1.3.0"), ("app/Cargo.toml", "1.3.0")]
    assert rusty({**RUST, ".releasd.toml": "crates = false\nname = 'x'\n", **FILES}).crates == ()


def test_crates_beside_wheels() -> None:
    """The recipe's builds and the crates' run side by side; a build of the project's own that makes them is enough."""
    mixed = {**RUST, **FILES}
    assert [build.name for build in rusty(mixed).builds] == ["dist", "crates"]
    own = "[[builds]]\nname = 'own'\nrun = 'make'\n"
    assert [build.name for build in rusty({**mixed, ".releasd.toml": f"crates = true\n{own}"}).builds] == [
        "own",
        "crates",
    ]
    own += "artifacts = ['*.crate']\n"
    assert [build.name for build in rusty({**mixed, ".releasd.toml": f"crates = true\n{own}"}).builds] == ["own"]
    assert [build.name for build in rusty(mixed, Policy(project="p", builds=(BUILD,))).builds] == ["b"]


def test_an_operators_bump_is_planned() -> None:
    """`releasd release --bump` needs no releasable commit."""
    assert planned("docs: x", policy=Policy(project="p", forced_bump=Bump.MAJOR)).version == "2.0.0"


@pytest.mark.parametrize(("config", "branch", "what"), [(ProjectConfig(), "main", "name"), (CONFIG, None, "branch")])
def test_what_a_release_cannot_do_without_is_asked_for(config: ProjectConfig, branch: str | None, what: str) -> None:
    """A distribution has a name, a release has a branch."""
    with pytest.raises(ConfigError, match=what) as caught:
        plan(facts("feat: x", files=FILES, branch=branch), config, POLICY, NOW)
    assert caught.value.advice


def shown(*messages: str, config: ProjectConfig = CONFIG, files: dict[str, str] = FILES) -> dict[str, Any]:
    found = facts(*messages, files=files)
    return to_json(found, config, decide(found, config, None), date=NOW.date())


def test_the_json_is_schema_1() -> None:
    """Other programs rely on these keys (DESIGN.md §5.2)."""
    found = shown("feat(s)!: x")
    document = json.loads(json.dumps({**found, "commits": list(found["commits"])}))
    assert document | {"notes": ""} == {
        "schema": 1,
        "repo": "/repository",
        "ref": "a" * 40,
        "branch": "main",
        "channel": None,
        "package": None,
        "last": {"tag": "v1.2.3", "version": "1.2.3", "commit": "f" * 40},
        "bump": "major",
        "next": {"version": "2.0.0", "pep440": "2.0.0", "tag": "v2.0.0"},
        "reason": "major: 1 commit since v1.2.3, the highest is feat(s)!: x (0000001)",
        "commits": [
            {
                "commit": "0000001" + "0" * 33,
                "type": "feat",
                "scope": "s",
                "subject": "x",
                "breaking": True,
                "bump": "major",
                "why": "it has a breaking change: major",
                "release_as": None,
                "parts": [],
            }
        ],
        "files": [{"path": "pyproject.toml", "old": "1.2.3", "new": "2.0.0"}],
        "notes": "",
        "warnings": [],
    }


def test_the_json_of_no_release_has_nulls() -> None:
    """`next` is null, nothing is edited, and the reason stays."""
    document = shown("docs: x")
    assert (document["next"], document["files"], document["notes"], document["bump"]) == (None, [], "", "none")


def test_the_json_names_what_could_not_be_honoured() -> None:
    """Warnings about configuration and files come together."""
    files = {"pyproject.toml": "[project]\nname = 'x'\ndynamic = ['version']\n", ".releaserc": ""}
    assert len(shown("feat: x", config=load(files), files=files)["warnings"]) == 2


@given(st.lists(st.text(), max_size=4))
def test_planning_is_a_function(messages: list[str]) -> None:
    """The same facts give the same plan, whatever the commits say."""
    found = facts(*messages, files=FILES)
    first = plan(found, CONFIG, POLICY, NOW)
    assert plan(found, CONFIG, POLICY, NOW) == first


def test_a_first_release_never_takes_a_declared_version_back() -> None:
    """Tags that do not fit the tag format look like no tags at all: 1.2.3 in the files must not become 0.1.0."""
    found = facts("fix: a", last=None, files=FILES)
    backwards = r"pyproject\.toml says 1\.2\.3, but no release tag of the form v\{version\} was found"

    with pytest.raises(ConfigError, match=backwards) as caught:
        plan(found, CONFIG, POLICY, NOW)
    assert caught.value.advice.startswith("git fetch --tags")
    document = to_json(found, CONFIG, decide(found, CONFIG, None), date=NOW.date())
    assert (document["next"], document["bump"], document["files"], document["notes"]) == (None, "none", [], "")
    assert "1.2.3" in document["reason"]
    assert document["error"]["exit_code"] == ConfigError.exit_code


def test_a_branch_that_is_not_released_from_has_no_next_version() -> None:
    """What the daemon refuses, `plan` does not show as a release."""
    found = replace(facts("feat: a", files=FILES), line=ReleaseLine(refused="main is none of them"))
    document = to_json(found, CONFIG, decide(found, CONFIG, None), date=NOW.date())
    assert (document["next"], document["bump"]) == (None, "none")
    assert document["reason"] == "no release: main is none of them"
    assert [commit["bump"] for commit in document["commits"]] == ["minor"]
    assert "error" not in document


def test_a_declared_version_above_the_new_one_is_told() -> None:
    """A release after the last one goes on, and the pusher is told what it writes over."""
    found = facts("fix: a", files={"pyproject.toml": FILES["pyproject.toml"].replace("1.2.3", "9.0.0")})
    told = "pyproject.toml says 9.0.0, which is above 1.2.4 and is written over"
    made = plan(found, CONFIG, POLICY, NOW)
    assert isinstance(made, Plan)
    assert made.reason.endswith(f"; {told}")
    assert to_json(found, CONFIG, decide(found, CONFIG, None), date=NOW.date())["warnings"] == [told]


def test_a_breaking_change_that_is_skipped_is_told() -> None:
    """The pusher and the plan hear of it; a major release needs no warning."""
    told = f"[skip release] hides a breaking change: gone [skip release] ({commit_id(1)[:7]})"
    messages = ("feat!: gone [skip release]", "fix: b")
    assert planned(*messages).reason.endswith(f"; {told}")
    nothing = plan(facts(messages[0], files=FILES), CONFIG, POLICY, NOW)
    assert isinstance(nothing, NoRelease)
    assert nothing.reason.endswith(f"; {told}")
    found = facts(*messages, files=FILES)
    assert to_json(found, CONFIG, decide(found, CONFIG, None), date=NOW.date())["warnings"] == [told]
    assert "hides" not in planned(*messages, "feat!: c").reason
