"""Shareable configurations that `extends` may name, with their content.

They are npm packages. None is fetched: those that are known stand here as they are published, every other one is
refused by name, because what it says would decide about the release. Read in the packages themselves:
@semantic-release/gitlab-config 14.0.1, @semantic-release/apm-config 9.0.1, semantic-release-npm-github 6.0.0,
@jedmao/semantic-release-npm-github-config 1.0.9, semantic-release-npm-github-publish 1.5.5.
"""

from collections.abc import Mapping, Sequence
from typing import Any

_ANALYZER = "@semantic-release/commit-analyzer"
_NOTES = "@semantic-release/release-notes-generator"
_CHANGELOG = "@semantic-release/changelog"
_NPM = "@semantic-release/npm"
_GIT = "@semantic-release/git"
_GITHUB = "@semantic-release/github"
_MESSAGE = "chore(release): ${nextRelease.version} [skip ci]\n\n${nextRelease.notes}"
_TITLE = (
    "# Changelog\n\nAll notable changes to this project will be documented in this file. See\n"
    "[Conventional Commits](https://conventionalcommits.org) for commit guidelines."
)
_PUBLISHED = ("package.json", "package-lock.json", "CHANGELOG.md")

DEFAULT_PLUGINS: Sequence[Any] = (_ANALYZER, _NOTES, _NPM, _GITHUB)


def _patch(*types: str) -> list[dict[str, str]]:
    return [{"type": name, "release": "patch"} for name in types]


def known() -> Mapping[str, Mapping[str, Any]]:
    """Return the content of every known shareable configuration, by its package's name."""
    publish_rules = _patch("build", "ci", "chore", "docs", "refactor", "style", "test")
    return {
        "@semantic-release/gitlab-config": {"plugins": [_ANALYZER, _NOTES, _NPM, "@semantic-release/gitlab"]},
        "@semantic-release/apm-config": {
            "plugins": [
                _ANALYZER,
                _NOTES,
                _GITHUB,
                _CHANGELOG,
                "@semantic-release/apm",
                [_GIT, {"message": "chore(release): ${nextRelease.version} [skip ci]"}],
            ]
        },
        "@jedmao/semantic-release-npm-github-config": {
            "plugins": [
                _ANALYZER,
                _NOTES,
                [_CHANGELOG, {"changelogTitle": _TITLE}],
                [_NPM, {"tarballDir": "pack"}],
                [_GITHUB, {"assets": "pack/*.tgz"}],
                [_GIT, {"message": _MESSAGE}],
            ]
        },
        "semantic-release-npm-github": {
            "plugins": [
                [_ANALYZER, {"releaseRules": _patch("chore", "docs", "refactor", "style")}],
                _NOTES,
                _CHANGELOG,
                [_NPM, {"tarballDir": ".package"}],
                [_GIT, {"assets": [*_PUBLISHED, "README.md"], "message": _MESSAGE}],
                [_GITHUB, {"assets": ".package/*.tgz"}],
            ],
            "tagFormat": "${version}",
        },
        "semantic-release-npm-github-publish": {
            "releaseRules": publish_rules,
            "parserOpts": {
                "mergePattern": "^Merge pull request #(\\d+) from (.*)$",
                "mergeCorrespondence": ["id", "source"],
            },
            # Its transform is a function; it is named, as any option that cannot be honoured.
            "writerOpts": {"transform()": "of semantic-release-npm-github-publish"},
            "plugins": [
                [_ANALYZER, {"releaseRules": publish_rules}],
                _NOTES,
                _CHANGELOG,
                _NPM,
                [
                    _GIT,
                    {
                        "assets": [*_PUBLISHED],
                        "message": "release(version): Release ${nextRelease.version} [skip ci]\n\n${nextRelease.notes}",
                    },
                ],
                _GITHUB,
            ],
        },
    }
