"""semantic-release's configuration, read as it is: everything in it is honoured, or named in a warning, or refused."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from posixpath import basename, join
from typing import Any

from releasd.core import glob
from releasd.core.semrelconfig import analysis, effects, template
from releasd.core.semrelconfig.documents import Document, find
from releasd.core.semrelconfig.others import others
from releasd.core.semrelconfig.pipeline import NPM, OWN_OPTIONS, STEPS, Resolved, resolve
from releasd.core.semrelconfig.repository import repository_url
from releasd.core.semrelconfig.taking import Findings, text
from releasd.core.semrelconfig.values import Npm, Policy, SemRelConfig
from releasd.core.version import check_tag_format
from releasd.errors import ConfigError
from releasd.model import ReleaseBranch

_BRANCH = ("name", "channel", "range", "prerelease")
_MANIFESTS = ("pyproject.toml", "Cargo.toml", "package.json", "setup.cfg")


def read(files: Mapping[str, str], policy: Policy = "refuse-deciding") -> SemRelConfig | None:
    """Return semantic-release's configuration among `files` (texts by path), or None where there is none.

    Raises `ConfigError` whose `problems` are every mistake, and everything that nobody may leave out: a JavaScript
    configuration, an unknown `extends`, a preset or a plug-in that decides about the version and is not known.
    """
    document, _ = find(files)
    return None if document is None else understand(document, files, policy)


def understand(document: Document, files: Mapping[str, str], policy: Policy = "refuse-deciding") -> SemRelConfig:
    """Return what one configuration says; `files` tells which version files there are. Raises `ConfigError`."""
    resolved = resolve(document)
    findings = Findings(resolved.source, warnings=list(resolved.warnings))
    calls = resolved.calls
    edited = others(resolved, policy, findings)
    path, title = effects.changelog(calls["prepare"], findings)
    assets, message = effects.git(calls["prepare"], findings)
    npm = effects.npm(calls["prepare"], calls["publish"], findings)
    ran = effects.executed(calls, findings)
    config = SemRelConfig(
        source=resolved.source,
        tag_format=_tag_format(resolved, findings),
        repository_url=repository_url(resolved.options, files, findings),
        branches=tuple(_branches(resolved.options.get("branches"), findings)),
        analyzer=analysis.analyzer(calls["analyzeCommits"], findings),
        notes=analysis.notes(calls["generateNotes"], findings),
        changelog=path,
        changelog_title=title,
        message=message,
        assets=assets or (),
        version_files=tuple(dict.fromkeys((*ran.files, *edited, *_committed(files, assets, npm, findings)))),
        gates=ran.gates,
        hooks=ran.hooks,
        npm=npm,
        forges=effects.forges(calls["publish"], findings),
    )
    _root(resolved, findings)
    if findings.problems:
        raise ConfigError(
            f"{resolved.source} cannot be honoured",
            problems=tuple(findings.problems),
            advice=f"edit {resolved.source}, or write .releasd.toml, which counts first",
        )
    return replace(config, warnings=tuple(findings.warnings))


def _tag_format(resolved: Resolved, findings: Findings) -> str:
    """Return the tag format in releasd's spelling."""
    written = resolved.options.get("tagFormat", "v${version}")
    try:
        parsed = template.parse(text(written) or "", template.IN_TAGS)
    except ValueError as error:
        findings.wrong(f"tagFormat: {error}")
        return "v{version}"
    made = "{version}".join(parsed.pieces[::2])
    problem = check_tag_format(made)
    if problem:
        findings.wrong(f'tagFormat: a tag name with ${{version}} in it once, as in "v${{version}}" ({problem})')
        return "v{version}"
    return made


def _branches(value: Any, findings: Findings) -> Iterator[ReleaseBranch]:
    """Yield the branches as written; none for semantic-release's own."""
    if value == []:
        findings.wrong("branches: at least one, or no branches at all for semantic-release's own")
    for at, entry in enumerate(value if isinstance(value, list) else [] if value is None else [value]):
        branch = {"name": entry} if isinstance(entry, str) else entry
        if not isinstance(branch, dict) or text(branch.get("name")) is None:
            findings.wrong(f"branches[{at}]: a name, or a table with name")
            continue
        for key in sorted(branch.keys() - set(_BRANCH)):
            findings.warn(f"branches[{at}].{_plain(key)} is not known, and not honoured")
        made: dict[str, Any] = {key: branch.get(key) for key in _BRANCH}
        wrong = [key for key in _BRANCH[1:] if not _branch_value(key, made[key])]
        for key in wrong:
            findings.wrong(f"branches[{at}].{key}: a text{'' if key == 'range' else ', true or false'}")
        if not wrong:
            yield ReleaseBranch(
                name=str(made["name"]), channel=made["channel"], range=made["range"], prerelease=made["prerelease"]
            )


def _branch_value(key: str, value: Any) -> bool:
    return value is None or text(value) is not None or (key != "range" and isinstance(value, bool))


def _committed(
    files: Mapping[str, str], assets: Sequence[str] | None, npm: Sequence[Npm], findings: Findings
) -> Iterator[str]:
    """Yield the version files that the release commit of semantic-release has.

    A manifest among the git plug-in's assets is there because its version moves; package.json only where the npm
    plug-in moves it. Without the git plug-in nothing is committed, so that npm's version is nowhere in the repository.
    """
    packages = {join(each.root, "package.json"): each for each in npm}
    for path in files:
        if basename(path) not in _MANIFESTS or not _is_asset(path, assets or ()):
            continue
        if basename(path) != "package.json":
            yield path
    for package, told in packages.items():
        if _is_asset(package, assets or ()):  # where it is not in the repository, `detect` says so
            yield package
        if told.publish and package in files:
            findings.warn(f"{NPM}: {package} is not published to npm: releasd publishes Python distributions")
        if package in files and assets is None:
            findings.warn(
                f"{package} is left as it is: semantic-release commits no version there; "
                "to have it moved, name it in version_files of .releasd.toml"
            )


def _is_asset(path: str, assets: Sequence[str]) -> bool:
    """Return whether the globs take the file; one that starts with `!` takes it out."""
    plain = [re.sub(r"^(!?)(?:\./)+", r"\1", asset) for asset in assets]
    out = any(glob.matches(asset[1:], path) for asset in plain if asset.startswith("!"))
    return not out and any(glob.matches(asset, path) for asset in plain if not asset.startswith("!"))


def _root(resolved: Resolved, findings: Findings) -> None:
    """Name the options at the root that nothing asked for."""
    for key in ("dryRun", "ci", "noCi", "debug"):
        if key in resolved.options:
            findings.warn(f"{key} is about semantic-release's own run, and does nothing here")
    for key in sorted(resolved.shared.keys() - findings.taken - {*OWN_OPTIONS, *STEPS}):
        why = "; since version 16 it is written as branches" if key == "branch" else ""
        findings.warn(f"{_plain(key)} is not known, and not honoured{why}")


def _plain(key: str) -> str:
    return "".join(char if char.isprintable() else " " for char in key[:60])
