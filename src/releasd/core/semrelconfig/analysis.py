"""`@semantic-release/commit-analyzer` and `release-notes-generator`: what decides the version, how notes look."""

from collections.abc import Mapping, Sequence
from typing import Any

from releasd.core.semrel import options as semrel
from releasd.core.semrelconfig import taking
from releasd.core.semrelconfig.pipeline import ANALYZER, EXEC, NOTES, Call
from releasd.core.semrelconfig.taking import Findings
from releasd.model import NotesOptions, SemanticReleaseOptions

_NONE: Mapping[str, Any] = {}
_PACKAGE = "conventional-changelog-"
_RELEASES = ("major", "premajor", "minor", "preminor", "patch", "prepatch", "prerelease")
_PRESET_CONFIG = (
    *("types", "header", "issueUrlFormat", "commitUrlFormat", "compareUrlFormat", "userUrlFormat"),
    *("releaseCommitMessageFormat", "issuePrefixes", "preMajor", "scope", "scopeOnly", "ignoreCommits"),
)


def analyzer(calls: Sequence[Call], findings: Findings) -> SemanticReleaseOptions:
    """Return what the commit analyzer is told. What decides by other means is a mistake: the version would be wrong."""
    own = [call for call in calls if call.name == ANALYZER]
    for call in calls:
        if call.name == EXEC and any(call.options.get(key) for key in ("analyzeCommitsCmd", "cmd")):
            findings.wrong(f"{EXEC}: analyzeCommitsCmd: the version is decided from commits, not by a program")
    if len(own) > 1:
        findings.wrong(f"{ANALYZER}: is there twice; once")
    options = _options(own[0], findings) if own else _options(Call(name=ANALYZER, own={}, options={}), findings)
    preset, config, parser_opts = _grammar(options)
    made = SemanticReleaseOptions(
        preset=preset,
        release_rules=options.take("releaseRules", _rules, None, "a list of rules (a file or package is not loaded)"),
        parser_opts=parser_opts,
        preset_config=config,
    )
    options.finish()
    for problem in semrel.problems(made):
        findings.wrong(f"{ANALYZER}: {problem}")
    return made


def notes(calls: Sequence[Call], findings: Findings) -> NotesOptions | None:
    """Return what the notes are told, or None where nothing makes notes."""
    for call in calls:
        if call.name == EXEC and any(call.options.get(key) for key in ("generateNotesCmd", "cmd")):
            findings.warn(f"{EXEC}: generateNotesCmd is not run: notes come from the commits alone")
    own = [call for call in calls if call.name == NOTES]
    if not own:
        findings.warn("no plug-in makes release notes; releasd makes them all the same")
        return None
    if len(own) > 1:
        findings.warn(f"{NOTES} is there twice: only the first one is honoured")
    options = _options(own[0], findings)
    preset, config, parser_opts = _grammar(options)
    writer_opts = _writer_opts(options.take("writerOpts", taking.table, _NONE, "a table"), findings)
    made = NotesOptions(
        preset=preset,
        # without `preset`, npm's generator hands no presetConfig on, not even to angular
        preset_config=config if options.values.get("preset") else _NONE,
        parser_opts=parser_opts,
        host=options.take("host", taking.text, None, "a URL"),
        commit=options.take("commit", taking.text, None, "a word"),
        issue=options.take("issue", taking.text, None, "a word"),
        link_compare=options.take("linkCompare", taking.flag, None, "true or false"),
        link_references=options.take("linkReferences", taking.flag, None, "true or false"),
        writer_opts=writer_opts,
    )
    options.finish()
    told = SemanticReleaseOptions(preset=preset, preset_config=config, parser_opts=parser_opts)
    for problem in semrel.problems(told):
        findings.wrong(f"{NOTES}: {problem}")
    return made


def _writer_opts(told: Mapping[str, Any], findings: Findings) -> Mapping[str, Any]:
    """Return those of the options that notes can be written by; the others are named."""
    if not told:
        return told
    from releasd.core.semrel import writer  # noqa: PLC0415 - only for those who have them: it costs `plan` time

    wrong = {key: problem for key, value in told.items() for problem in writer.problems({key: value})}
    for problem in wrong.values():
        findings.warn(f"{NOTES}: {problem}; notes look as the preset's")
    for key in ("transform", "generateOn"):
        if key in told and (key == "transform" or not isinstance(told[key], str)):
            findings.warn(f"{NOTES}: writerOpts.{key} is no function, so that the preset's is switched off, as by npm")
    return {key: value for key, value in told.items() if key not in wrong}


def _options(call: Call, findings: Findings) -> taking.Options:
    return taking.Options(call.name, call.options, call.own, findings)


def _grammar(options: taking.Options) -> tuple[str, Mapping[str, Any], Mapping[str, Any]]:
    """Return preset, presetConfig and parserOpts, which analyzer and notes share the meaning of.

    `preset` wins over `config`, which loads a package without `presetConfig`.
    """
    preset = options.take("preset", taking.text, None, "a text")
    package = options.take("config", taking.text, None, "a package's name")
    if preset is None and package is not None:
        name, told = package.removeprefix(_PACKAGE), _NONE
        options.known.add("presetConfig")
    else:
        name, told = (preset or "angular").lower(), options.take("presetConfig", taking.table, _NONE, "a table")
    if name not in semrel.PRESETS:
        options.findings.wrong(f"{options.where}: the preset {name[:60]!r} is not known: {' or '.join(semrel.PRESETS)}")
    _name_preset_config(options, name, told)
    parser_opts = options.take("parserOpts", taking.table, _NONE, "a table")
    for key in sorted(parser_opts.keys() - set(semrel.PARSER_OPTS)):
        options.findings.warn(f"{options.where}: parserOpts.{key} is not known to the parser, and does nothing")
    known = {key: value for key, value in parser_opts.items() if key in semrel.PARSER_OPTS}
    return name if name in semrel.PRESETS else "angular", told, known


def _name_preset_config(options: taking.Options, preset: str, config: Mapping[str, Any]) -> None:
    if preset == "angular" and config:
        options.findings.warn(f"{options.where}: presetConfig does nothing: the angular preset takes none")
    for key in sorted(config.keys() - set(_PRESET_CONFIG)) if preset == "conventionalcommits" else ():
        options.findings.warn(f"{options.where}: presetConfig.{key} is not known, and not honoured")


def _rules(value: Any) -> tuple[Mapping[str, Any], ...] | None:
    rules = taking.tables(value)
    good = rules is not None and all(_is_rule(rule) for rule in rules)
    return rules if good else None


def _is_rule(rule: Mapping[str, Any]) -> bool:
    """Return whether npm's analyzer takes the rule: `release` is there, and false, null or a known type."""
    release = rule.get("release", "")
    return release is False or release is None or release in _RELEASES
