"""`load` and `places` on real files, and the commented example that operators start from."""

import os
import re
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest
from pydantic import BaseModel

from releasd.config import load
from releasd.config.places import config_path, places
from releasd.errors import ConfigError
from releasd.model import BuildSpec, ContainerSpec, Gate

EXAMPLE = Path(__file__).parents[2] / "config/releasd.toml"
GOOD = """
[projects.demo]
repository = "/srv/git/demo.git"
publish = ["own"]
[hosts.mini]
address = "build@mini"
[indexes.own]
publish_url = "http://h/up/"
simple_url = "http://h/simple/"
secret = "tok"
[secrets]
tok = "env:TOKEN"
"""


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "releasd.toml"
    path.write_text(GOOD)
    return path


def refused(path: Path | None, environ: Mapping[str, str]) -> ConfigError:
    with pytest.raises(ConfigError) as caught:
        load(path, environ)
    return caught.value


def test_a_good_file_is_loaded_with_the_platforms_folders(file: Path, tmp_path: Path) -> None:
    """What the file leaves out is filled in, folders included, and places sees the same as load."""
    environ = {"HOME": str(tmp_path), "XDG_RUNTIME_DIR": str(tmp_path / "run")}
    settings = load(file, environ)
    assert settings.projects["demo"].publish == ("own",)
    assert settings.daemon.state.is_absolute()
    seen = places(file, environ)
    assert (seen.state, seen.runtime) == (settings.daemon.state, settings.daemon.runtime)
    assert seen.database_url == settings.daemon.database_url


def test_variables_override_the_file(file: Path, tmp_path: Path) -> None:
    """A variable goes before the file, for load and for places, and reaches into named tables and lists."""
    environ = {
        "RELEASD_DAEMON__STATE": str(tmp_path / "state"),
        "RELEASD_DAEMON__DATABASE": "postgresql:///releasd",
        "RELEASD_HOSTS__MINI__SLOTS": "3",
        "RELEASD_HOSTS__MINI__LABELS": '["macos", "arm64"]',
        "RELEASD_PROJECTS__DEMO__POLICY__VERIFY_TIMEOUT": "5m",
        "RELEASD_SECRETS__OTHER": "env:OTHER",
        "RELEASD_FAULT": "no setting",
    }
    settings = load(file, environ)
    assert settings.hosts["mini"].slots == 3
    assert settings.hosts["mini"].address == "build@mini"
    assert settings.hosts["mini"].labels == ("macos", "arm64")
    assert settings.projects["demo"].policy.verify_timeout == 300
    assert settings.secrets["other"].ref == "env:OTHER"
    assert settings.daemon.state == places(file, environ).state == tmp_path / "state"
    assert settings.daemon.database_url == places(file, environ).database_url == "postgresql:///releasd"


def test_this_processs_variables_are_not_looked_at(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Only the variables handed in count."""
    monkeypatch.setenv("RELEASD_DAEMON__WORKERS", "7")
    assert load(file, {}).daemon.workers == 4


def test_the_file_is_looked_up_in_order(file: Path, tmp_path: Path) -> None:
    """An explicit path goes before RELEASD_CONFIG, which goes before the platform's place."""
    environ = {"HOME": str(tmp_path), "RELEASD_CONFIG": str(file)}
    assert config_path(tmp_path / "x.toml", environ) == tmp_path / "x.toml"
    assert load(None, environ) == load(file, environ)
    assert config_path(None, {"HOME": str(tmp_path)}) != file


def test_a_missing_file_names_the_command_that_makes_one(tmp_path: Path) -> None:
    """No configuration is a usage error with a next step."""
    error = refused(tmp_path / "none.toml", {})
    assert error.message == f"no configuration at {tmp_path / 'none.toml'}"
    assert (error.advice, error.exit_code) == ("releasd init", 2)


@pytest.mark.parametrize(
    ("content", "why"),
    [(b'a = "x"\nb = = 2\n', "line 2"), (b'a = "x"\n\nb = "\xff"', "line 3"), (b"a=1\na=2", "line 2")],
)
def test_what_is_not_toml_is_refused_with_its_line(tmp_path: Path, content: bytes, why: str) -> None:
    """Syntax and encoding mistakes name file and line, for load and for places."""
    path = tmp_path / "bad.toml"
    path.write_bytes(content)
    (problem,) = refused(path, {}).problems
    assert problem.startswith(f"{path}: ")
    assert why in problem
    with pytest.raises(ConfigError, match="not valid TOML"):
        places(path, {})


def test_a_file_that_cannot_be_read_says_so(tmp_path: Path) -> None:
    """A folder in the file's place is an error with a name, not a traceback."""
    assert "cannot be read" in refused(tmp_path, {}).message


def test_every_mistake_names_its_file_and_key_or_its_variable(tmp_path: Path) -> None:
    """Types, names and variables are all reported in one go, each at its place."""
    path = tmp_path / "bad.toml"
    path.write_text(
        GOOD.replace('["own"]', '["won"]') + '\n[daemon]\nlease = "soon"\n[indexes.half]\nsimple_url="http://h/"'
    )
    environ = {
        "RELEASD_DEAMON__STATE": "/x",
        "RELEASD_HOSTS__MINI__SLOTS": "many",
        "RELEASD_HOSTS__MINI__LABELS": "macos",
    }
    error = refused(path, environ)
    not_a_number = [line for line in error.problems if line.startswith("environment: RELEASD_HOSTS__MINI__SLOTS: ")]
    assert "has to be a valid integer" in not_a_number[0]
    assert set(error.problems) == {
        *not_a_number,
        "environment: RELEASD_DEAMON__STATE: unknown section; did you mean daemon?",
        "environment: RELEASD_HOSTS__MINI__LABELS: not JSON; lists and tables are written as JSON in a variable",
        f"{path}: projects.demo.publish: won is not defined as [indexes.won]; did you mean own?",
        f"{path}: daemon.lease: not a duration; write 30s, 5m, 2h, 90d or a number of seconds",
        f"{path}: indexes.half: publish_url missing; write both, or neither for the public index, named pypi",
    }
    assert error.message.startswith("the configuration has 6 mistakes\n  ")
    assert error.exit_code == 2


def test_names_alone_make_a_file_wrong(tmp_path: Path) -> None:
    """A file whose every type is right is still refused for a secret that is not defined."""
    path = tmp_path / "bad.toml"
    path.write_text(GOOD.replace("tok =", "other ="))
    assert refused(path, {}).problems == (
        f"{path}: indexes.own.secret: tok is not defined as [secrets.tok]; known are other",
    )


def test_a_token_written_by_mistake_is_not_repeated(tmp_path: Path) -> None:
    """Neither file nor variable gets a misplaced secret into the message."""
    path = tmp_path / "bad.toml"
    path.write_text('[secrets]\na = "c4nary-value"\n[secrets.b]\ntoken = "c4nary-value"\nvalue = "c4nary-value"')
    error = refused(path, {"RELEASD_SECRETS__C": "c4nary-value", "RELEASD_SECRETS": "{c4nary-value"})
    assert len(error.problems) >= 4
    assert "c4nary" not in str(error)
    assert error.__cause__ is None


def test_places_refuses_what_is_no_text(tmp_path: Path) -> None:
    """A wrong type is told before anything is opened."""
    path = tmp_path / "bad.toml"
    path.write_text("[daemon]\nstate = 3\n")
    with pytest.raises(ConfigError, match=r"daemon\.state"):
        places(path, {})


def test_status_needs_no_pydantic() -> None:
    """`places` and the audit file stay importable in a few milliseconds: `releasd status` has 0.25 s for everything."""
    script = (
        "import sys, releasd.config.places, releasd.log.audit\n"
        "print([name for name in ('pydantic', 'structlog', 'rich') if name in sys.modules])"
    )
    environ = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}
    done = subprocess.run([sys.executable, "-c", script], check=True, capture_output=True, timeout=30, env=environ)
    assert done.stdout == b"[]\n"


def test_the_example_loads_as_it_is(tmp_path: Path) -> None:
    """A copied example is a working configuration: every setting is at its default and no project is there."""
    settings = load(EXAMPLE, {"HOME": str(tmp_path)})
    assert settings.projects == {}


def test_the_example_shows_every_key_with_its_default(tmp_path: Path) -> None:
    """With its comments removed the example is valid, and no key is missing from it nor shown with another default."""
    path = tmp_path / "all.toml"
    path.write_text(re.sub(r"^#(?=\S)", "", EXAMPLE.read_text(), flags=re.MULTILINE))
    shown: dict[tuple[str, str], list[Any]] = {}
    default: dict[tuple[str, str], Any] = {}
    for model in _models(load(path, {"HOME": str(tmp_path)})):
        for name, field in type(model).model_fields.items():
            key = (type(model).__name__, name)
            default[key] = field.get_default(call_default_factory=True)
            shown.setdefault(key, [])
            if name in model.model_fields_set:
                shown[key].append(getattr(model, name))
    assert [key for key, values in shown.items() if not values] == []
    plain = {key: value for key, value in default.items() if isinstance(value, bool | int | float | str)}
    assert {key: value for key, value in plain.items() if value not in shown[key]} == {}
    assert len(plain) > 15


def test_the_example_shows_every_key_of_a_build_and_of_a_gate() -> None:
    """These tables have no model of their own here: what the core knows of them is what the example shows."""
    text = EXAMPLE.read_text()
    for table, kind in (("builds", BuildSpec), ("gates", Gate)):
        block = text.split(f"#[[projects.demo.{table}]]\n")[1].split("\n\n")[0]
        assert set(re.findall(r"^#(\w+) =", block, flags=re.MULTILINE)) == {field.name for field in fields(kind)}


def test_the_example_shows_every_key_of_a_container() -> None:
    """The container of a build is shown with all that can be said of it."""
    (inline,) = re.findall(
        r"^#container = \{ (.*) \}$", EXAMPLE.read_text().split("[[projects.demo.builds]]")[1], re.MULTILINE
    )
    assert set(re.findall(r"(\w+) = ", inline)) - {"CARGO_TERM_COLOR"} == {
        field.name for field in fields(ContainerSpec)
    }


def _models(value: Any) -> Iterator[BaseModel]:
    if isinstance(value, BaseModel):
        yield value
        value = [getattr(value, name) for name in type(value).model_fields]
    if isinstance(value, dict):
        value = list(value.values())
    if isinstance(value, list | tuple):
        for item in value:
            yield from _models(item)
