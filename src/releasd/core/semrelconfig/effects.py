"""The plug-ins that write, commit, publish and announce: changelog, git, npm, exec, github and gitlab."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from releasd.core.semrelconfig import commands, taking, template
from releasd.core.semrelconfig.pipeline import CHANGELOG, EXEC, GIT, GITHUB, GITLAB, NPM, STEPS, Call
from releasd.core.semrelconfig.taking import Findings
from releasd.core.semrelconfig.template import Template
from releasd.core.semrelconfig.values import Forge, Hook, Npm
from releasd.model import Gate

_DEFAULT_ASSETS: tuple[str, ...] = ("CHANGELOG.md", "package.json", "package-lock.json", "npm-shrinkwrap.json")

_GATES = {"verifyConditions": "exec-verify-conditions", "verifyRelease": "exec-verify-release"}
_VARIABLE = re.compile(r"\$\{?[A-Za-z_][A-Za-z0-9_]*")
_FORGE_OPTIONS: Mapping[str, tuple[str, ...]] = {
    GITHUB: (
        *("githubUrl", "githubApiPathPrefix", "githubApiUrl", "proxy", "assets", "successComment"),
        *("successCommentCondition", "failComment", "failTitle", "failCommentCondition", "labels", "assignees"),
        *("releasedLabels", "addReleases", "draftRelease", "releaseNameTemplate", "releaseBodyTemplate"),
        *("discussionCategoryName",),
    ),
    GITLAB: (
        *("gitlabUrl", "gitlabApiPathPrefix", "assets", "milestones", "successComment", "successCommentCondition"),
        *("failComment", "failTitle", "failCommentCondition", "labels", "assignee", "retryLimit", "useJobToken"),
    ),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Executed:
    """What the commands of `exec` come to."""

    files: tuple[str, ...] = ()
    gates: tuple[Gate, ...] = ()
    hooks: tuple[Hook, ...] = ()


def changelog(calls: Sequence[Call], findings: Findings) -> tuple[str, str | None]:
    """Return the changelog's path, "" for none, and its title."""
    for call in _first(CHANGELOG, calls, findings):
        options = _options(call, findings)
        path = options.take("changelogFile", _path, "CHANGELOG.md", "a path inside the repository")
        title = options.take("changelogTitle", taking.text, None, "a text")
        options.finish()
        return path, title
    return "", None


def git(calls: Sequence[Call], findings: Findings) -> tuple[tuple[str, ...] | None, Template | None]:
    """Return the files of the release commit as globs, None where none is made, and its message."""
    for call in _first(GIT, calls, findings):
        options = _options(call, findings)
        assets = options.take("assets", _assets, _DEFAULT_ASSETS, "paths, or false")
        written = options.take("message", taking.text, None, "a text")
        options.finish()
        return assets, _message(written, findings)
    return None, None


def npm(prepare: Sequence[Call], publish: Sequence[Call], findings: Findings) -> tuple[Npm, ...]:
    """Return what each `@semantic-release/npm` is told; a project has one for each of its packages."""
    made: dict[Npm, None] = {}
    for call in (call for call in (*prepare, *publish) if call.name == NPM):
        options = _options(call, findings)
        root = options.take("pkgRoot", _path, "", "a path inside the repository")
        public = options.take("npmPublish", taking.flag, default=True, allowed="true or false")
        options.name(("tarballDir",), "releasd packs nothing for npm")
        options.finish()
        made[Npm(root=root, publish=public)] = None
    return tuple(made)


def forges(publish: Sequence[Call], findings: Findings) -> tuple[Forge, ...]:
    """Return the forges that a release is announced on, with their options as written."""
    made: list[Forge] = []
    for call in publish:
        if call.name in _FORGE_OPTIONS:
            options = _options(call, findings)
            told = {key: call.options[key] for key in _FORGE_OPTIONS[call.name] if call.options.get(key) is not None}
            options.known |= set(_FORGE_OPTIONS[call.name])
            options.finish()
            made.append(Forge(kind=call.name.removeprefix("@semantic-release/"), options=told))
            for key in sorted(told):
                findings.warn(f"{call.name}: {key} is recorded, and not honoured yet")
    return tuple(made)


def executed(calls: Mapping[str, tuple[Call, ...]], findings: Findings) -> Executed:
    """Return what the commands of every step come to."""
    files: list[str] = []
    gates: list[Gate] = []
    hooks: list[Hook] = []
    for step in STEPS:
        for call in (each for each in calls[step] if each.name == EXEC):
            _checked(call, findings)
            key = f"{step}Cmd" if call.options.get(f"{step}Cmd") else "cmd"
            command = call.options.get(key)
            if isinstance(command, str) and command.strip() and step not in ("analyzeCommits", "generateNotes"):
                found = _command(step, key, command, call, findings)
                files += found.files
                gates += found.gates
                hooks += found.hooks
    names = [gate.name for gate in gates]
    unique = [Gate(name=f"{g.name}-{at}" if g.name in names[:at] else g.name, run=g.run) for at, g in enumerate(gates)]
    return Executed(files=tuple(dict.fromkeys(files)), gates=tuple(unique), hooks=tuple(hooks))


def _command(step: str, key: str, text: str, call: Call, findings: Findings) -> Executed:
    try:
        command = template.parse(text, template.IN_COMMANDS)
    except ValueError as error:
        findings.warn(f"{EXEC}: {key} is refused, and not run: {error}")
        return Executed()
    folder = _path(call.options.get("execCwd", "")) or ""
    if step in _GATES and not command.names:
        return _gate(f"{EXEC}: {key}", _GATES[step], f"cd '{folder}'\n{text}" if folder else text, findings)
    found = commands.understand(command, folder) if step in ("prepare", "publish") else None
    if found is not None and not found.rest:
        for done in found.done:
            findings.warn(f"{EXEC}: {key} is not run: {done}")
        return Executed(files=found.files)
    findings.warn(f"{EXEC}: {key} is not run: {commands.shown(command)}; {_way_out(step)}")
    return Executed(files=found.files if found else (), hooks=(Hook(step=step, command=command, folder=folder),))


def _gate(what: str, name: str, script: str, findings: Findings) -> Executed:
    line = commands.shown(Template((script,)))
    if _VARIABLE.search(script):
        findings.warn(f"{what} is not run: {line}; it reads variables, and a gate has neither secrets nor CI's")
        return Executed()
    findings.warn(f"{what} runs as the gate {name}, on a build host, without secrets: {line}")
    return Executed(gates=(Gate(name=name, run=script),))


def _way_out(step: str) -> str:
    if step == "prepare":
        return "name what it edits in version_files, and what it builds in [[builds]], of .releasd.toml"
    if step == "publish":
        return "what it builds belongs in [[builds]] of .releasd.toml; where it goes is the operator's to say"
    if step in _GATES:
        return "write it as a gate, without the version, in .releasd.toml"
    return "a webhook of the operator's configuration can do it"


def _checked(call: Call, findings: Findings) -> None:
    """Check what is not a command, once for all steps."""
    options = _options(call, findings)
    for key in ("cmd", *(f"{step}Cmd" for step in STEPS)):
        options.take(key, taking.text, None, "a command")
    options.take("execCwd", _path, "", "a path inside the repository")
    shell = options.values.get("shell")
    options.known.add("shell")
    if shell not in (None, True, "sh", "bash", "/bin/sh", "/bin/bash"):
        findings.warn(f"{EXEC}: shell is not honoured: gates are run by /bin/sh")
    options.finish()


def _message(written: str | None, findings: Findings) -> Template | None:
    if written is None:
        return None
    try:
        return template.parse(written, template.IN_MESSAGES)
    except ValueError as error:
        findings.warn(f"{GIT}: message is not honoured, the default is used: {error}")
        return None


def _first(name: str, calls: Sequence[Call], findings: Findings) -> tuple[Call, ...]:
    own = tuple(call for call in calls if call.name == name)
    if len(own) > 1:
        findings.warn(f"{name} is there twice: only the first one is honoured")
    return own[:1]


def _options(call: Call, findings: Findings) -> taking.Options:
    return taking.Options(call.name, call.options, call.own, findings)


def _path(value: Any) -> str | None:
    """Return a path inside the repository without a leading `./`, or None."""
    if not isinstance(value, str) or "\\" in value or not value.isprintable() or value.startswith(("/", "-", "~")):
        return None
    parts = [part for part in value.split("/") if part not in ("", ".")]
    return None if ".." in parts or ".git" in parts or "'" in value else "/".join(parts)


def _assets(value: Any) -> tuple[str, ...] | None:
    """Return the globs of `assets`: texts, lists of them, tables with `path`; none for `false`."""
    entries = value if isinstance(value, list) else [value] if value else []
    found: list[str] = []
    for entry in entries:
        plain = entry.get("path") if isinstance(entry, dict) else entry
        for each in plain if isinstance(plain, list) else [plain]:
            if not isinstance(each, str):
                return None
            found.append(each)
    return tuple(found)
