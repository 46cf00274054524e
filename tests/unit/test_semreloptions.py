"""Every option of semantic-release and its plug-ins is honoured or named; values of any kind are read or refused."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from releasd.core.semrelconfig import SemRelConfig, pipeline, read
from releasd.errors import ConfigError

ANALYZER, NOTES, GIT, NPM = pipeline.ANALYZER, pipeline.NOTES, pipeline.GIT, pipeline.NPM
EXEC, CHANGELOG, GITHUB, GITLAB = pipeline.EXEC, pipeline.CHANGELOG, pipeline.GITHUB, pipeline.GITLAB


def rc(**values: Any) -> dict[str, str]:
    """Return a repository's files: a `.releaserc` with these options."""
    return {".releaserc": json.dumps(values)}


def understood(files: dict[str, str]) -> SemRelConfig:
    """Return what the files' configuration says; there is one."""
    config = read(files)
    assert config is not None
    return config


# Every option that the documentation of a plug-in names, with a value that differs from its default.
DOCUMENTED: dict[str, dict[str, Any]] = {
    ANALYZER: {
        "preset": "conventionalcommits",
        "config": "conventional-changelog-conventionalcommits",
        "parserOpts": {"noteKeywords": ["X"]},
        "releaseRules": [{"type": "x", "release": "patch"}],
        "presetConfig": {"types": []},
    },
    NOTES: {
        "preset": "conventionalcommits",
        "config": "conventional-changelog-conventionalcommits",
        "parserOpts": {"noteKeywords": ["X"]},
        "writerOpts": {"groupBy": "scope", "commitsSort": ["subject"]},
        "host": "https://h.example.org",
        "linkCompare": False,
        "linkReferences": False,
        "commit": "c",
        "issue": "i",
        "presetConfig": {"types": []},
    },
    CHANGELOG: {"changelogFile": "C.md", "changelogTitle": "# T"},
    GIT: {"assets": ["x"], "message": "m"},
    NPM: {"npmPublish": False, "pkgRoot": "sub", "tarballDir": "t"},
    EXEC: {
        **{f"{step}Cmd": "run-me" for step in pipeline.STEPS if step != "analyzeCommits"},
        "shell": "/bin/zsh",
    },
    GITHUB: dict.fromkeys(
        (
            *("githubUrl", "githubApiPathPrefix", "githubApiUrl", "proxy", "assets", "successComment", "failComment"),
            *("successCommentCondition", "failTitle", "failCommentCondition", "labels", "assignees", "releasedLabels"),
            *("addReleases", "draftRelease", "releaseNameTemplate", "releaseBodyTemplate", "discussionCategoryName"),
        ),
        "x",
    ),
    GITLAB: dict.fromkeys(
        (
            *("gitlabUrl", "gitlabApiPathPrefix", "assets", "milestones", "successComment", "successCommentCondition"),
            *("failComment", "failTitle", "failCommentCondition", "labels", "assignee", "retryLimit", "useJobToken"),
        ),
        "x",
    ),
}
CASES = [(plugin, key, value) for plugin, options in DOCUMENTED.items() for key, value in options.items()]


@pytest.mark.parametrize(("plugin", "key", "value"), CASES)
def test_every_documented_option_is_honoured_or_named(plugin: str, key: str, value: Any) -> None:
    """Setting it changes what is understood, or a warning has its name; never neither."""
    plugins: list[Any] = [ANALYZER, NOTES, CHANGELOG, GIT, NPM, EXEC, GITHUB, GITLAB]
    plain = understood(rc(plugins=plugins))
    given_ = understood(rc(plugins=[[plugin, {key: value}] if each == plugin else each for each in plugins]))
    named = [line for line in given_.warnings if key in line and line not in plain.warnings]
    assert named or given_ != plain


@given(
    st.sampled_from(list(DOCUMENTED)),
    st.text("abcdefghXYZ", min_size=3, max_size=10).filter(lambda key: key not in ("cmd", "path")),
    st.one_of(st.booleans(), st.integers(), st.text(max_size=5), st.lists(st.integers(), max_size=2)),
)
def test_every_unknown_option_is_named(plugin: str, key: str, value: Any) -> None:
    """Whatever nobody asked for stands in the warnings, at the plug-in and at the root."""
    own = understood(
        rc(plugins=[ANALYZER, NOTES, *([[plugin, {key: value}]] if plugin not in (ANALYZER, NOTES) else [])])
    )
    root = understood(rc(**{key: value}))
    assert plugin in (ANALYZER, NOTES) or any(f"{key} is not known" in line for line in own.warnings)
    assert any(f"{key} is not known" in line for line in root.warnings)


ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=6), inner, max_size=3),
    max_leaves=6,
)
KEYS = ("extends", "branches", "tagFormat", "repositoryUrl", "plugins", "preset", "releaseRules", "parserOpts", "ci")


@given(
    st.dictionaries(st.sampled_from((*KEYS, *pipeline.STEPS)), ANYTHING, max_size=5),
    st.dictionaries(
        st.sampled_from(list(DOCUMENTED)),
        st.dictionaries(st.sampled_from(sorted({key for _, key, _ in CASES})), ANYTHING, max_size=4),
        max_size=4,
    ),
)
def test_values_of_any_kind_are_read_or_refused(root: dict[str, Any], plugins: dict[str, Any]) -> None:
    """No configuration, however wrong its types, comes out as anything but a value or an error for people."""
    values = {"plugins": [[name, options] for name, options in plugins.items()], **root}
    try:
        config = read({**rc(**values), "package.json": "{}"})
    except ConfigError as error:
        outcome: object = error.problems
    else:
        outcome = config
    assert outcome
