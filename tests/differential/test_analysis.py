"""What releasd decides is what the real npm packages decide: over 20,000 cases, no difference.

`RELEASD_DIFFERENTIAL` multiplies the number of cases, whose seeds stay: `RELEASD_DIFFERENTIAL=10 pytest …`.
"""

import os
import re
from collections.abc import Callable, Mapping
from random import Random
from typing import Any

import pytest

from releasd.core import channel
from releasd.core.semrel import branches, jsregex, micromatch, tags
from releasd.core.semrel.analysis import release_type
from releasd.core.semrel.options import Options
from releasd.core.semrel.parser import Parsed, parser
from releasd.errors import ConfigError, Permanent
from releasd.model import Bump, Commit, ReleaseBranch, Tag
from support import semrelcases as made
from support.npm import answers

TIMES = int(os.environ.get("RELEASD_DIFFERENTIAL", "1"))
BATCHES = range(4)

Case = dict[str, Any]


def asked(make: Callable[[Random], Case], batch: int, count: int) -> list[tuple[Case, Case]]:
    """Return cases of one batch with npm's answers."""
    cases = [make(Random(f"{make.__name__} {batch} {number}")) for number in range(count * TIMES)]
    return list(zip(cases, answers("analyze.mjs", cases), strict=True))


def plain(parsed: Parsed) -> Case:
    """Return a message's fields as JSON has them."""
    fields = dict(parsed.values)
    for name in ("notes", "references"):
        fields[name] = [each._asdict() for each in fields[name]]
    fields["mentions"] = list(fields["mentions"]) if isinstance(fields["mentions"], tuple) else fields["mentions"]
    return fields


@pytest.mark.parametrize("batch", BATCHES)
def test_messages_are_taken_apart_as_npm_does(batch: int) -> None:
    """Both presets, and parserOpts: every field is equal, and what npm fails on is named, nothing else."""
    compared = 0
    for case, theirs in asked(made.parsing, batch, 2500):
        options = Options(preset=case["preset"], preset_config=case["presetConfig"], parser_opts=case["parserOpts"])
        if not case["message"].strip():
            assert "error" in theirs, case
            continue
        ours = parser(options, case["base"])(case["message"])
        assert (ours.broken is not None) == ("error" in theirs), (case, ours.broken, theirs)
        if "ok" in theirs:
            assert plain(ours) == theirs["ok"], case
            compared += 1
    assert compared > 2000 * TIMES


@pytest.mark.parametrize("batch", BATCHES)
def test_ranges_are_released_as_npm_releases_them(batch: int) -> None:
    """Reverts, [skip release], rules with globs, false, null and nested keys, presets and parserOpts: one answer."""
    compared = 0
    for case, theirs in asked(made.analysis, batch, 2000):
        config = case["config"]
        rules = config.get("releaseRules")
        options = Options(
            preset=config["preset"],
            parser_opts=config["parserOpts"],
            release_rules=None if rules is None else tuple(rules),
        )
        commits = [
            Commit(id=each["hash"], message=each["message"], author="{name} <{email}>".format_map(each["author"]))
            for each in case["commits"]
        ]
        if "error" in theirs:
            read = parser(options)
            assert any(read(each.message).broken for each in commits if each.message), (case, theirs)
            continue
        assert release_type(commits, options) == theirs["ok"], case
        compared += 1
    assert compared > 1500 * TIMES


@pytest.mark.parametrize("batch", BATCHES[:2])
def test_globs_match_as_micromatch_matches(batch: int) -> None:
    """Any glob: what picomatch takes for an accident is one here too."""
    cases = []
    for number in range(2000 * TIMES):
        case = made.globbing(Random(f"glob {batch} {number}"))
        # picomatch itself never comes back from some globs that end in backslashes
        if "for ever" not in (micromatch.problem(case["pattern"]) or ""):
            cases.append(case)
    matched = 0
    for case, theirs in zip(cases, answers("analyze.mjs", cases), strict=True):
        if micromatch.problem(case["pattern"]) is not None:
            assert re.search(r"\\[1-9]", case["pattern"]), case
            continue
        assert micromatch.matches(case["pattern"], case["text"]) is theirs.get("ok"), case
        matched += theirs["ok"]
    assert matched > 100 * TIMES


@pytest.mark.parametrize("batch", BATCHES)
def test_expressions_match_as_in_javascript(batch: int) -> None:
    """Any expression without back references: the same match with the same groups, or the same refusal."""
    compared = 0
    for case, theirs in asked(made.matching, batch, 2000):
        wrong = jsregex.problem(case["source"])
        assert (wrong is not None) == ("error" in theirs), (case, wrong, theirs)
        if wrong is None:
            found = jsregex.matcher(case["source"])(case["text"])
            assert as_json(found) == theirs["ok"], case
            compared += 1
    assert compared > 800 * TIMES


def as_json(found: jsregex.Match | None) -> Case | None:
    if found is None:
        return None
    named = {name: value for name, value in found.named.items() if value is not None} if found.named else None
    return {"text": found.text, "groups": list(found.groups), "named": named}


def test_texts_are_versions_where_semver_cleans_them() -> None:
    """Leniency in front (`v`, `=`, blanks), none behind."""
    for case, theirs in asked(made.cleaning, 0, 2000):
        found = tags.clean(case["text"])
        assert (str(found._replace(build="")) if found else None) == theirs["ok"], case


@pytest.mark.parametrize("batch", BATCHES)
def test_branches_and_versions_are_those_of_semantic_release(batch: int) -> None:
    """Release, maintenance and pre-release branches: range, channel, last release, next version, or a refusal."""
    compared = 0
    for case, theirs in asked(made.branching, batch, 1000):
        try:
            ours = decided(case)
        except ConfigError:
            assert "error" in theirs, case
            continue
        assert ours == as_decided(theirs["ok"]), case
        compared += 1
    assert compared > 500 * TIMES


def as_decided(theirs: Mapping[str, Any]) -> Case:
    """Leave build metadata, which never decides, out of npm's answer."""
    bounds = re.sub(r"\+[\w.]+", "", theirs["range"]) if theirs["range"] else None
    return {**theirs, "range": bounds, "channel": theirs["channel"] or None}


def decided(case: Case) -> Case:
    keys = ("channel", "range", "prerelease")
    configured = [ReleaseBranch(name=each["name"], **{key: each.get(key) for key in keys}) for each in case["branches"]]
    found = {
        each["name"]: tags.version_tags([Tag(name=tag["gitTag"], commit="c") for tag in each["tags"]], "v{version}")
        for each in case["branches"]
    }
    existing = branches.expand(configured, [each["name"] for each in case["branches"]])
    versions = {name: [each.version for each in own] for name, own in found.items()}
    branch = next(each for each in branches.ranges(existing, versions) if each.name == case["name"])
    of_branch = next(each for each in case["branches"] if each["name"] == case["name"])
    channels = {tag["gitTag"]: tag["channels"] for tag in of_branch["tags"]}
    last = tags.last_release(found[branch.name], branch, channels)
    line, bump, valid = branch.line(versions[branch.name]), Bump(case["type"]), True
    version = channel.next_on_line(line, last.version if last else None, bump, str(branches.FIRST_RELEASE))
    try:
        assert tags.next_version(last, bump, branch, found[branch.name]) == version
    except Permanent:
        valid = False
    return {
        "kind": branch.kind,
        "range": branch.range,
        "channel": branch.channel,
        "last": last.tag if last else None,
        "version": version,
        "valid": valid,
    }
