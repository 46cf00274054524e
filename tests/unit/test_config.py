"""The value types, the wording of problems and the conversions, without a file."""

from pathlib import Path

import pytest
from pydantic import ValidationError

from releasd.adapters.secrets import SecretStore, Surroundings
from releasd.app.world import index_of, registered
from releasd.config import build_specs, gates, host_specs
from releasd.config.problems import suggest, unknown_names
from releasd.config.types import parse_duration, parse_folder, parse_mode, parse_repository, parse_web_url
from releasd.model import Deploy, IndexRules
from support.settings import DAEMON, problems, settings


@pytest.mark.parametrize(
    ("written", "seconds"),
    [
        *(("30s", 30), ("5m", 300), ("2h", 7200), ("90d", 7776000), ("1h30m", 5400), ("1h 30m", 5400)),
        *(("250ms", 0.25), (12, 12), (0.5, 0.5), ("12", 12), ("1.5h", 5400)),
    ],
)
def test_a_duration_becomes_seconds(written: object, seconds: float) -> None:
    """Every documented way of writing a duration gives its seconds; a variable's bare number does, too."""
    assert parse_duration(written) == pytest.approx(seconds)


@pytest.mark.parametrize("written", ["", "soon", "5 weeks", "-5s", "s", "5s later", True, None, [5]])
def test_what_is_no_duration_is_refused_with_what_is_allowed(written: object) -> None:
    """A mistake is answered with the ways that there are."""
    with pytest.raises(ValueError, match="write 30s, 5m, 2h, 90d or a number of seconds"):
        parse_duration(written)


@pytest.mark.parametrize("written", [0, "0s", -1, float("inf"), float("nan")])
def test_a_duration_of_nothing_or_for_ever_is_refused(written: object) -> None:
    """An interval of zero would spin, and an endless one would never come."""
    with pytest.raises(ValueError, match="longer than zero"):
        parse_duration(written)


@pytest.mark.parametrize(("written", "mode"), [("0600", 0o600), ("666", 0o666), ("0o640", 0o640)])
def test_a_file_mode_is_read_as_octal(written: str, mode: int) -> None:
    """With or without its zero, a mode is octal."""
    assert parse_mode(written) == mode


@pytest.mark.parametrize("written", [600, 0o600, "0888", "rw", "", "07777", None])
def test_a_file_mode_that_could_be_misread_is_refused(written: object) -> None:
    """A bare number is decimal in TOML: 600 would open the socket to others."""
    with pytest.raises(ValueError, match="in octal"):
        parse_mode(written)


def test_a_folder_may_begin_at_home_but_not_nowhere(monkeypatch: pytest.MonkeyPatch) -> None:
    """`~` is expanded; a relative folder would depend on where the daemon was started."""
    monkeypatch.setenv("HOME", "/home/ada")
    assert parse_folder(Path("~/state")) == Path("/home/ada/state")
    with pytest.raises(ValueError, match="begin it with / or ~"):
        parse_folder(Path("state"))


@pytest.mark.parametrize(
    "address", ["https://git.example.org/a.git", "ssh://git@h:2222/a", "git@host:team/a.git", "/srv/git/a.git"]
)
def test_a_repository_is_anything_that_git_takes(address: str) -> None:
    """URLs, scp-like addresses and absolute paths pass unchanged."""
    assert parse_repository(address) == address


@pytest.mark.parametrize("address", ["../a.git", "a.git", "./x:y"])
def test_a_relative_repository_is_refused(address: str) -> None:
    """The daemon's own current folder must not decide which repository is released."""
    with pytest.raises(ValueError, match="absolute"):
        parse_repository(address)


@pytest.mark.parametrize("address", ["ftp://x", "packages.example.org", "https://", "http:// x"])
def test_a_web_address_has_to_be_one(address: str) -> None:
    """Only http and https with a host are taken."""
    with pytest.raises(ValueError, match="https://"):
        parse_web_url(address)


def test_an_unknown_key_is_answered_with_the_nearest_one() -> None:
    """A typing mistake names its cure, at every depth of the file."""
    found = problems(
        daemon={**DAEMON["daemon"], "staet": 1},
        projects={
            "demo": {
                "repository": "/r",
                "policy": {"alow_repository_builds": True},
                "builds": [{"name": "w", "rum": "x"}],
            }
        },
    )
    assert found["daemon.staet"] == "unknown key; did you mean state?"
    assert found["projects.demo.policy.alow_repository_builds"].endswith("did you mean allow_repository_builds?")
    known = "artifacts, cache, container, env, idle_timeout, labels, name, run, timeout, tools"
    assert found["projects.demo.builds[0].rum"] == f"is not known; {known} are"
    assert found["projects.demo.builds[0].run"].startswith("is missing")


def test_an_unknown_key_like_no_other_is_answered_with_all_there_are() -> None:
    """Where nothing is near, the allowed keys are listed."""
    assert problems(webhooks={"a": {"url": "http://h/", "zzz": 1}})["webhooks.a.zzz"] == (
        "unknown key; known are kind, room, secret, url"
    )


def test_all_mistakes_are_found_at_once() -> None:
    """One run tells of everything: type, range, choice, missing key."""
    found = problems(
        daemon={**DAEMON["daemon"], "workers": 0, "lease": "soon", "log_format": "xml"},
        projects={"a": {}, "b": 5},
        hosts={"h": {"slots": "many"}},
    )
    assert set(found) == {
        "daemon.workers", "daemon.lease", "daemon.log_format", "projects.a.repository", "projects.b", "hosts.h.slots",
    }  # fmt: skip
    assert "'auto', 'json' or 'console'" in found["daemon.log_format"]
    assert found["projects.a.repository"] == "is missing; it is required"


@pytest.mark.parametrize("name", ["bad name", "../up", "", ".hidden", "a/b", "x" * 64])
def test_a_name_that_could_not_be_a_folder_is_refused(name: str) -> None:
    """Names become parts of paths: none may lead out of the state folder."""
    assert "letters, digits" in problems(projects={name: {"repository": "/r"}})[f"projects.{name}"]


def test_two_builds_of_one_name_are_refused() -> None:
    """Builds are told apart by name in logs and records."""
    build = {"name": "wheel", "run": "make"}
    found = problems(projects={"a": {"repository": "/r", "builds": [build, build]}})
    assert found["projects.a.builds"] == "wheel is there twice; each name once"


def test_a_committer_has_an_address_that_git_takes() -> None:
    """A malformed one would only fail once the release commit is made."""
    found = problems(projects={"a": {"repository": "/r", "policy": {"committer_email": "a <a@b>"}}})
    assert found["projects.a.policy.committer_email"] == "not an e-mail address; write name@domain"


@pytest.mark.parametrize(
    ("written", "why"),
    [
        ("plain-token-value", "has to begin with one of env:, file:, cred:, doppler:, keyring:, cmd:"),
        ("env:", "has to begin with"),
        ("doppler:a/b", "doppler:PROJECT/CONFIG/NAME"),
        ("doppler:a/b/C", "needs token"),
        ("keyring:service", "keyring:SERVICE/USER"),
        ({"ref": "env:A", "cmd": ["x"]}, "needs one of ref and cmd"),
        ({"ref": "env:A", "token": "env:B"}, "and no other, needs token"),
        ({}, "needs one of ref and cmd"),
        ({"cmd": []}, "at least 1 item"),
        ({"ref": "file:/a", "env": ["A"]}, "for commands and keyrings alone"),
        ({"ref": "doppler:a/b/C", "token": "doppler:a/b/D"}, "cannot come from Doppler"),
    ],
)
def test_a_secret_has_to_say_where_it_is(written: object, why: str) -> None:
    """Every malformed reference is refused with the form it needs, and what was written is not repeated."""
    found = problems(secrets={"s": written})
    assert why in " ".join(found.values())
    assert "plain-token-value" not in str(found)


@pytest.mark.parametrize(
    ("policy", "why"),
    [
        ({"require_signed_commits": True}, "needs allowed_signers"),
        ({"require_signed_commits": True, "allowed_signers": "a"}, "not an absolute path"),
    ],
)
def test_signatures_are_asked_for_with_a_list_of_signers(policy: dict[str, object], why: str) -> None:
    """A rule without a list would refuse every release."""
    found = problems(projects={"p": {"repository": "/p", "policy": policy}})
    assert why in " ".join(found.values())


@pytest.mark.parametrize("signing", [{}, {"key": "a"}, {"key": "/a", "builder": "no uri"}, {"key": "/a", "other": 1}])
def test_signing_needs_a_key(signing: dict[str, object]) -> None:
    """An absolute path; the builder is a URI."""
    assert problems(signing=signing)


def test_a_secret_is_a_string_or_a_table() -> None:
    """The short form means the same as a table with `ref` alone."""
    made = settings(secrets={"a": "env:A", "b": {"ref": "env:A"}, "c": {"cmd": ["pass", "show"]}})
    assert made.secrets["a"] == made.secrets["b"]
    assert made.secrets["c"].cmd == ("pass", "show")


def test_names_that_are_not_defined_are_found() -> None:
    """Index, webhook, host and secret names are followed, and a near one is offered."""
    found = dict(
        unknown_names(
            {
                "projects": {"a": {"publish": ["pipy"], "webhooks": ["w"], "policy": {"hosts": ["nini"]}}},
                "indexes": {"pypi": {"secret": "tok"}},
                "hosts": {"mini": {}},
                "webhooks": {"chat": {"secret": "key"}},
            }
        )
    )
    assert found == {
        ("projects", "a", "publish"): "pipy is not defined as [indexes.pipy]; did you mean pypi?",
        ("projects", "a", "webhooks"): "w is not defined as [webhooks.w]; known are chat",
        ("projects", "a", "policy", "hosts"): "nini is not defined as [hosts.nini]; did you mean mini?",
        ("indexes", "pypi", "secret"): "tok is not defined as [secrets.tok]; none is defined",
        ("webhooks", "chat", "secret"): "key is not defined as [secrets.key]; none is defined",
    }


@pytest.mark.parametrize("data", [{}, {"projects": 3}, {"projects": {"a": 1}}, {"projects": {"a": {"publish": 1}}}])
def test_following_names_survives_any_shape(data: dict[str, object]) -> None:
    """Wrong types are pydantic's to report; following names in them finds nothing and does not fail."""
    assert unknown_names(data) == ()


def test_the_implicit_host_may_be_named() -> None:
    """Without any [hosts], `local` is there."""
    assert unknown_names({"projects": {"a": {"policy": {"hosts": ["local"]}}}}) == ()
    assert [spec.name for spec in host_specs(settings())] == ["local"]


def test_suggest_lists_what_is_known() -> None:
    """Without a near word, everything known is named, sorted."""
    assert suggest("zzz", ["b", "a"]) == "known are a, b"


def test_builds_and_gates_become_plain_values() -> None:
    """What the operator wrote arrives in the model's own types, durations in seconds."""
    written = {"repository": "/r", "builds": [{"name": "w", "run": "make", "timeout": "2m", "env": {"A": "1"}}]}
    project = settings(projects={"a": {**written, "gates": [{"name": "t", "run": "make test"}]}}).projects["a"]
    (build,), (gate,) = build_specs(project), gates(project)
    assert (build.name, build.timeout, build.artifacts, build.env) == ("w", 120.0, ("*.whl", "*.tar.gz"), {"A": "1"})
    assert (gate.name, gate.run, gate.timeout) == ("t", "make test", 1800.0)


def test_settings_show_no_password_and_no_environment() -> None:
    """What ends up in a log by accident holds no credential: URLs' passwords, webhook keys, hosts' and builds' env."""
    canary = "c4nary-value"
    build = {"name": "b", "run": "x", "env": {"K": canary}}
    made = settings(
        daemon={**DAEMON["daemon"], "database": f"postgresql://u:{canary}@db/x"},
        projects={"a": {"repository": f"https://u:{canary}@h/r.git", "builds": [build]}},
        hosts={"h": {"env": {"K": canary}}},
        webhooks={"w": {"url": f"https://h/{canary}"}},
    )
    assert canary not in repr(made)
    assert canary not in str(made)
    assert canary in made.daemon.database_url


def test_settings_cannot_be_changed() -> None:
    """A reload makes new settings; nobody edits those in use."""
    made = settings()
    with pytest.raises(ValidationError):
        made.daemon.workers = 9  # type: ignore[misc]


def test_the_database_is_sqlite_in_the_state_folder_unless_named() -> None:
    """The default needs no setting, and a URL overrides it."""
    assert settings().daemon.database_url == "sqlite:////srv/state/releasd.db"
    named = settings(daemon={**DAEMON["daemon"], "database": "postgresql:///r"})
    assert named.daemon.database_url == "postgresql:///r"


@pytest.mark.parametrize(("written", "size"), [("500MB", 5 * 10**8), ("1.5 GB", 15 * 10**8), (0, 0), (4096, 4096)])
def test_a_size_is_read(written: object, size: int) -> None:
    """The limit of a host's caches arrives in bytes."""
    (spec,) = host_specs(settings(hosts={"here": {"cache_limit": written}}))
    assert spec.cache_limit == size


@pytest.mark.parametrize("written", ["10 GiB", "10", "-1GB", -1, True, 1.5, ""])
def test_a_size_that_is_none_is_refused(written: object) -> None:
    """A wrong size says how one is written."""
    assert "500MB" in problems(hosts={"here": {"cache_limit": written}})["hosts.here.cache_limit"]


def test_a_build_s_cache_is_one_of_three_words() -> None:
    """The mode is checked where it is written, and is "deps" where it is not."""
    builds = [{"name": "w", "run": "make", "cache": "full"}, {"name": "v", "run": "make"}]
    project = settings(projects={"a": {"repository": "/r", "builds": builds}}).projects["a"]
    assert [build.cache for build in build_specs(project)] == ["full", "deps"]
    wrong = {"repository": "/r", "builds": [{"name": "w", "run": "make", "cache": "all"}]}
    assert problems(projects={"a": wrong})["projects.a.builds[0].cache"] == '"none", "deps" or "full"'


def test_what_check_is_told_reaches_it() -> None:
    """Smoke command, second build and an index's rules become the plain values that steps see."""
    found = settings(
        projects={"a": {"repository": "/srv/a.git", "smoke": "a --version", "policy": {"reproduce": "require"}}},
        indexes={"own": {"max_file_mb": 300, "pypi_rules": False}, "big": {"max_project_gb": 50}},
    )
    project = registered("a", found.projects["a"])
    assert (project.smoke, project.reproduce) == ("a --version", "require")
    secrets = SecretStore({}, Surroundings(environ={}))
    rules = {name: index_of(name, index, secrets).rules for name, index in found.indexes.items()}
    own = IndexRules(max_file_size=300 << 20, max_project_size=None, pypi_rules=False)
    assert rules == {"own": own, "big": IndexRules(max_project_size=50 << 30)}
    assert "reproduce" in str(problems(projects={"a": {"repository": "/srv/a.git", "policy": {"reproduce": "yes"}}}))


def test_unknown_plugins_is_refuse_or_ignore() -> None:
    """The operator's policy for plug-ins of semantic-release: refused where nothing is said, no third word."""
    assert settings(projects={"a": {"repository": "/r"}}).projects["a"].policy.unknown_plugins == "refuse"
    told = {"repository": "/r", "policy": {"unknown_plugins": "ignore"}}
    assert registered("a", settings(projects={"a": told}).projects["a"]).unknown_plugins == "ignore"
    assert "projects.a.policy.unknown_plugins" in problems(
        projects={"a": {"repository": "/r", "policy": {"unknown_plugins": "warn"}}}
    )


MAIL = {"host": "mail.example.org", "sender": "a@example.org", "recipients": ["b@example.org"]}
FORGE = {"kind": "gitea", "url": "https://forge.example.org/api/v1", "repository": "team/demo", "secret": "key"}


@pytest.mark.parametrize(
    ("sections", "where", "why"),
    [
        ({"webhooks": {"a": {"url": "https://h/", "kind": "matrix"}}}, "webhooks.a", "needs room and secret"),
        ({"webhooks": {"a": {"url": "https://h/", "room": "!x"}}}, "webhooks.a", "room is for kind"),
        ({"webhooks": {"a": {"url": "https://h/", "kind": "slack", "secret": "k"}}}, "webhooks.a", "remove secret"),
        ({"webhooks": {"a": {"url": "https://h/", "kind": "irc"}}}, "webhooks.a.kind", "'slack' or 'matrix'"),
        ({"mail": {"a": {**MAIL, "user": "me"}}}, "mail.a", "belong together"),
        ({"mail": {"a": {**MAIL, "user": "me", "secret": "k", "security": "none"}}}, "mail.a", "on its way"),
        ({"mail": {"a": {**MAIL, "recipients": []}}}, "mail.a.recipients", "at least 1"),
        ({"mail": {"a": {**MAIL, "sender": "nobody"}}}, "mail.a.sender", "write name@domain"),
        ({"forges": {"a": {**FORGE, "repository": "demo"}}}, "forges.a.repository", "write owner/name"),
        ({"forges": {"a": {**FORGE, "kind": "svn"}}}, "forges.a.kind", "'gitea', 'forgejo', 'gitlab' or 'github'"),
        ({"forges": {"a": {**FORGE, "url": "forge.example.org"}}}, "forges.a.url", "begin it with https://"),
    ],
)  # fmt: skip
def test_who_is_told_is_checked_at_once(sections: dict[str, object], where: str, why: str) -> None:
    """A mistake is found when the configuration is read, not after the release."""
    assert why in problems(**sections)[where]


def test_names_of_those_who_are_told_must_exist() -> None:
    """Forges, mail servers and the hosts of deploy scripts are looked up like everything that is named."""
    project = {"forge": "f", "mail": ["m"], "deploy": [{"host": "h", "run": "x"}]}
    found = {loc for loc, _ in unknown_names({"projects": {"a": project}, "mail": {"x": {"secret": "s"}}})}
    assert found == {("projects", "a", each) for each in ("forge", "mail")} | {
        ("projects", "a", "deploy", "host"), ("mail", "x", "secret"),
    }  # fmt: skip


def test_a_deploy_script_reaches_the_engine() -> None:
    """With its limit in seconds."""
    made = settings(projects={"a": {"repository": "/r", "deploy": [{"host": "h", "run": "x", "timeout": "2m"}]}})
    assert registered("a", made.projects["a"]).deploy == (Deploy(host="h", run="x", timeout=120.0),)
