"""python-semantic-release: `[tool.semantic_release]` in pyproject.toml, or its own releaserc.toml."""

from collections.abc import Mapping
from posixpath import basename
from string import Formatter
from typing import Any

from releasd.core.importers import words
from releasd.core.importers.translation import Imported, Translation
from releasd.core.semrelconfig import commands
from releasd.core.semrelconfig.template import Template

TOOL = "python-semantic-release"
PLACES = (("pyproject.toml", ("tool", "semantic_release")), ("releaserc.toml", ("semantic_release",)))

_LEFT = {
    "assets": "releasd commits what it edits",
    "commit_author": "the release commit has the daemon's name",
    "no_git_verify": "the release commit is made without a work tree, so that no hook runs",
    "add_partial_tags": "releasd pushes the tag of the version alone",
    "build_command_env": "name what a build needs in the env of [[builds]]",
    "publish": "where a release goes is the operator's to say",
    "remote": "where a release goes is the operator's to say",
    "upload_to_pypi": "where a release goes is the operator's to say",
    "upload_to_vcs_release": "where a release goes is the operator's to say",
}
_PARSERS = ("conventional", "angular", "conventional-monorepo")


def read(files: Mapping[str, str]) -> Imported | None:
    """Return the translated configuration, or None where there is none. Raises `ConfigError` for a malformed file."""
    for path, keys in PLACES:
        table = words.table_in(path, files[path], *keys) if path in files else None
        if isinstance(table, dict):
            return _translated(table, f"{path}: {'.'.join(keys)}")
    return None


def _translated(table: Mapping[str, Any], source: str) -> Imported:
    told = Translation(table)
    told.start("tag_format", "v{version}")
    told.move("tag_format", "tag_format")
    told.put("allow_zero_version", "initial_version", "0.1.0" if told.get("allow_zero_version") else "1.0.0")
    told.move("major_on_zero", "major_on_zero")
    told.move("commit_message", "commit_message", _message)
    told.move("branch", "branches", lambda value: [value])
    _version_files(told)
    _branches(told)
    _rules(told)
    _changelog(told)
    _build(told)
    for key in ("logging_use_named_masks", "mode", "repo_dir"):
        told.same(key, "not needed")
    told.leave_each(_LEFT)
    told.finish()
    return told.result(TOOL, source)


def _message(value: Any) -> Any:
    """Return the message where its only field is the version; `str.format` is its template."""
    try:
        fields = {name for _, name, _, _ in Formatter().parse(value) if name is not None}
    except (TypeError, ValueError):
        return None
    return value.replace("{{", "{").replace("}}", "}") if fields <= {"version"} and "{{" not in value else None


def _version_files(told: Translation) -> None:
    for key in ("version_variables", "version_variable"):
        listed = told.get(key)
        for entry in listed if isinstance(listed, list) else str(listed).split(",") if listed else []:
            path, _, rest = str(entry).strip().partition(":")
            name = rest.partition(":")[0]
            found = f"{path}:{{version}}" if name == "*" else words.variable(path, name)
            _file(told, key, str(entry), found)
    listed = told.get("version_toml")
    for entry in listed if isinstance(listed, list) else [listed] if listed else []:
        path, _, key = str(entry).partition(":")
        own = key.split(":")[0] in (
            "project.version",
            "tool.poetry.version",
            "package.version",
            "workspace.package.version",
        )
        _file(told, "version_toml", str(entry), path if own and basename(path) in words.KNOWN_FILES else None)


def _file(told: Translation, key: str, entry: str, found: str | None) -> None:
    if found is None:
        told.leave(key, f"{entry}: name the file in version_files, with a pattern")
    else:
        told.add(key, "version_files", found)


def _branches(told: Translation) -> None:
    groups = told.inner("branches")
    for group in groups.table:
        branch = groups.inner(group)
        names = words.plain_words(branch.get("match"))
        token = branch.get("prerelease_token") or "rc"
        prerelease = bool(branch.get("prerelease"))
        if names is None:
            branch.leave("match", f"{branch.get('match')}: name the branches one by one in branches")
            continue
        for name in names:
            told.add(f"branches.{group}", "branches", {"name": name, **({"prerelease": token} if prerelease else {})})
        branch.finish()


def _rules(told: Translation) -> None:
    parser = told.get("commit_parser")
    if parser is not None and parser not in _PARSERS:
        told.leave("commit_parser", f"{parser}: commits are read by Conventional Commits; add release_rules")
    options = told.inner("commit_parser_options")
    types: dict[str, str | bool] = {}
    for key, release, default in (("minor_tags", "minor", ("feat",)), ("patch_tags", "patch", ("fix", "perf"))):
        listed = options.get(key)
        if isinstance(listed, list):
            types |= {str(name): release for name in listed if name not in default}
            types |= {name: False for name in default if name not in listed and name not in types}
    for rule in words.rules(types):
        told.add("commit_parser_options", "release_rules", rule)
    for key in ("allowed_tags", "allowed_types", "other_allowed_tags"):
        options.same(key, "any type is read; one without a rule releases nothing")
    if options.get("default_bump_level"):
        options.leave("default_bump_level", 'add a release_rules entry with type = "*"')
    options.same("parse_squash_commits", "squash commits are looked into")
    options.same("ignore_merge_commits", "merge commits are looked into")
    options.finish()


def _changelog(told: Translation) -> None:
    told.move("changelog_file", "changelog")
    changelog = told.inner("changelog")
    changelog.move("changelog_file", "changelog")
    templates = changelog.inner("default_templates")
    templates.move("changelog_file", "changelog")
    templates.finish()
    changelog.same("mode", "the changelog is kept on top of what is there")
    changelog.finish()


def _build(told: Translation) -> None:
    command = told.get("build_command")
    if not isinstance(command, str) or command.strip() in ("", "false"):
        return
    if not commands.understand(Template((command,))).rest:
        told.translated.append(("build_command", "releasd's own recipe for the build backend"))
        return
    run = f'{command.strip()}\ncp dist/* "$RELEASD_OUT"/'
    told.add("build_command", "builds", {"name": "build", "run": run})
