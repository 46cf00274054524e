"""What semantic-release's configuration says, as frozen values."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from releasd.core.semrelconfig.template import Template
from releasd.model import Gate, NotesOptions, ReleaseBranch
from releasd.model import SemanticReleaseOptions as Options

# Of a plug-in that is not known: refused; refused only if it has a part in deciding the version; or never refused.
Policy = Literal["refuse", "refuse-deciding", "ignore"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Hook:
    """A command of `@semantic-release/exec` that nothing of releasd's own takes the place of.

    `step` is semantic-release's (`prepare`, `publish`, …), `folder` where it runs, relative to the repository.
    """

    step: str
    command: Template
    folder: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Npm:
    """A package of npm's: the folder of its package.json ("" for the root), and whether it is published to npm."""

    root: str = ""
    publish: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Forge:
    """A forge's plug-in: `kind` is "github" or "gitlab", `options` what it is told, as written."""

    kind: str
    options: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class SemRelConfig:
    """One semantic-release configuration, understood.

    Attributes:
        tag_format: in releasd's spelling, `v{version}`.
        branches: as written; empty: semantic-release's default branches.
        analyzer: what the commit analyzer is told.
        notes: what the release notes are told; None: no plug-in makes notes.
        changelog: the file; "" where none is written.
        changelog_title: what stays on top of it, or None.
        message: the release commit's; None: the default. Never part of a command.
        assets: the files of the release commit, as globs, in order.
        version_files: files whose version moves, in the form of `ProjectConfig.version_files`.
        gates: commands that run before a release, as checks.
        hooks: other commands; recorded and named, not run.
        npm: the packages that `@semantic-release/npm` moves the version of.
        forges: the forges that a release is announced on.
        warnings: everything that cannot be honoured, each by its name.
    """

    source: str
    tag_format: str = "v{version}"
    repository_url: str | None = None
    branches: tuple[ReleaseBranch, ...] = ()
    analyzer: Options = field(default_factory=Options)
    notes: NotesOptions | None = None
    changelog: str = ""
    changelog_title: str | None = None
    message: Template | None = None
    assets: tuple[str, ...] = ()
    version_files: tuple[str, ...] = ()
    gates: tuple[Gate, ...] = ()
    hooks: tuple[Hook, ...] = ()
    npm: tuple[Npm, ...] = ()
    forges: tuple[Forge, ...] = ()
    warnings: tuple[str, ...] = ()
