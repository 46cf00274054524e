"""The options of semantic-release's analyzer and of its presets, checked.

`Options` is plain data (it is stored with a project's configuration); `problems` says what in it cannot be honoured.
The presets' own expressions are built in. An expression of the project's (`parserOpts`) is a text, as JSON and YAML
give it, and means what JavaScript's `new RegExp(text)` means: no delimiters, no flags.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from releasd.core.semrel import jsregex, rules
from releasd.errors import ConfigError
from releasd.model import SemanticReleaseOptions as Options

__all__ = ["PARSER_OPTS", "PRESETS", "Options", "check", "parser_options", "problems"]

PRESETS = ("angular", "conventionalcommits")
_PATTERNS = ("headerPattern", "breakingHeaderPattern", "revertPattern", "mergePattern", "fieldPattern")
_LISTS = (
    "headerCorrespondence",
    "revertCorrespondence",
    "mergeCorrespondence",
    "noteKeywords",
    "issuePrefixes",
    "referenceActions",
)
PARSER_OPTS = (*_PATTERNS, *_LISTS, "issuePrefixesCaseSensitive", "commentChar", "notesPattern")
# Fields that the parser itself fills with lists and objects: npm's parser breaks on texts there.
_OWN_FIELDS = frozenset({"notes", "references", "mentions", "revert", "__proto__"})

_DEFAULTS: Mapping[str, Any] = {
    "noteKeywords": ("BREAKING CHANGE", "BREAKING-CHANGE"),
    "issuePrefixes": ("#",),
    "referenceActions": (
        "close",
        "closes",
        "closed",
        "fix",
        "fixes",
        "fixed",
        "resolve",
        "resolves",
        "resolved",
    ),
    "headerCorrespondence": ("type", "scope", "subject"),
    "revertCorrespondence": ("header", "hash"),
}


def problems(options: Options) -> tuple[str, ...]:
    """Return every reason why these options cannot be honoured, as `key: what is allowed`."""
    return tuple(_problems(options))


def check(options: Options) -> None:
    """Raise `ConfigError` with every problem of these options."""
    found = problems(options)
    if found:
        raise ConfigError(
            "the configuration of semantic-release's analyzer cannot be honoured",
            problems=found,
            advice="edit these keys of the commit analyzer's configuration",
        )


def parser_options(options: Options, base: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return the parser's options: its defaults, then `base`, then the preset's, then the project's own.

    A built-in expression has no entry; a project's own, or its absence (None), has.
    """
    preset: dict[str, Any] = {"noteKeywords": ("BREAKING CHANGE",)}
    if options.preset == "conventionalcommits":
        prefixes = options.preset_config.get("issuePrefixes") or ("#",)
        preset = {"noteKeywords": _DEFAULTS["noteKeywords"], "issuePrefixes": prefixes}
    return {**_DEFAULTS, **base, **preset, **options.parser_opts}


def _problems(options: Options) -> Iterator[str]:
    if options.preset not in PRESETS:
        yield f"preset: {' or '.join(PRESETS)}; no other is known"
    if options.release_rules is not None:
        yield from rules.problems(options.release_rules)
    prefixes = options.preset_config.get("issuePrefixes")
    if prefixes and not _texts(prefixes):
        yield "presetConfig.issuePrefixes: a list of texts"
    for key, value in options.parser_opts.items():
        if value:
            yield from (f"parserOpts.{key}: {problem}" for problem in _parser_opt(key, value))


def _parser_opt(key: str, value: Any) -> Iterator[str]:
    if key == "notesPattern":
        yield "is a function, which only a JavaScript configuration could give"
    elif key == "commentChar" and not isinstance(value, str):
        yield "a text"
    elif key in _LISTS and not _texts(value):
        yield "a list of texts"
    elif key in ("headerCorrespondence", "mergeCorrespondence") and not _OWN_FIELDS.isdisjoint(value):
        yield f"not {', '.join(sorted(_OWN_FIELDS.intersection(value)))}: the parser fills these itself"
    elif key in _PATTERNS:
        problem = jsregex.problem(value) if isinstance(value, str) else "a regular expression, as a text"
        yield from (problem,) if problem else ()


def _texts(value: Any) -> bool:
    return isinstance(value, list | tuple) and all(isinstance(each, str) for each in value)
