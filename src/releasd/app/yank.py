"""`releasd yank`: what is to be done about a version, index by index, and the release that goes past it.

Nothing is done: no index of Python packages has an API for it that a token may use, and a registry of crates has a
command. The daemon is not needed; the ledger is read from the
store.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from packaging.utils import canonicalize_name

from releasd import config
from releasd.adapters.crates import CratesIndex
from releasd.adapters.index import HttpIndex
from releasd.adapters.secrets import SecretStore, Surroundings
from releasd.app.inspect import Asked, forward
from releasd.app.repositories import peek
from releasd.app.secretplaces import secret_sources
from releasd.app.world import index_of, registered
from releasd.core.watching import distributions, legible
from releasd.core.yanking import EFFECTS, Kind, could_be, is_same, is_version, served, steps
from releasd.errors import ReleasdError, UsageError
from releasd.model import JobState, Project
from releasd.ports import Listing
from releasd.store import Store, open_store

MANY = 1000  # jobs that are looked through for the version


@dataclass(frozen=True, slots=True, kw_only=True)
class Yank:
    """What is to be taken out of use: a version of one of the distributions, as tagged or as Python spells it."""

    project: Project
    version: str
    reason: str
    settings: config.Settings
    environ: Mapping[str, str]


def plan(name: str, version: str, reason: str, config_file: Path | None, environ: Mapping[str, str]) -> dict[str, Any]:
    """Return the document of `yank --json` (docs/watching.md).

    Raises:
        UsageError: there is no such project, or no such version anywhere.
    """
    settings = config.load(config_file, environ)
    if name not in settings.projects:
        known = ", ".join(sorted(settings.projects)) or "none"
        raise UsageError(f"no project {name} is configured; configured: {known}", advice="releasd status")
    if not could_be(version.removeprefix("v")):
        raise UsageError(f"{version} is no version", advice=f"releasd status {name}")
    asked = Yank(
        project=registered(name, settings.projects[name]),
        version=version.removeprefix("v"),
        reason=reason,
        settings=settings,
        environ=environ,
    )
    with _store(settings) as store:
        places = list(_places(asked, store))
        job = _job(asked, store)
    if not job and not any(place["files"] or place["error"] for place in places):
        raise UsageError(f"there is no {name} {version}, here or on an index", advice=f"releasd status {name}")
    found = {"schema": 1, "project": name, "version": asked.version, "reason": reason, "job": job, "indexes": places}
    return found | {"effects": list(EFFECTS), "forward": _forward(asked, places)}


@contextmanager
def _store(settings: config.Settings) -> Iterator[Store | None]:
    """Give the store, None where there is none yet: then nothing was released here."""
    try:
        store = open_store(settings.daemon.database_url, readonly=True)
    except UsageError:
        yield None
        return
    with store:
        yield store


def _job(asked: Yank, store: Store | None) -> int | None:
    """Return the job that released the version, None where none here did."""
    if store is None:
        return None
    done = store.jobs(asked.project.name, {JobState.SUCCEEDED}, limit=MANY)
    for job in (*done, *store.unfinished_releases(asked.project.name)):
        if job.plan and is_same(job.plan.pep440, asked.version):
            return int(job.id)
    return None


def _places(asked: Yank, store: Store | None) -> Iterator[dict[str, Any]]:
    secrets = SecretStore(secret_sources(asked.settings), Surroundings(environ=asked.environ))
    for name in asked.project.indexes:
        section = asked.settings.indexes.get(name)
        index: object = index_of(name, section, secrets) if section else None
        if not isinstance(index, Listing):
            continue
        public = isinstance(index, HttpIndex) and section is not None and section.publish_url is None
        kind: Kind = "crates" if isinstance(index, CratesIndex) else "public" if public else "other"
        for distribution in _distributions(asked.project, store, name, index):
            yield _place(asked, store, name, index, distribution, kind=kind)


def _place(
    asked: Yank, store: Store | None, name: str, index: Listing, distribution: str, *, kind: Kind
) -> dict[str, Any]:
    """Return what one index serves, and the steps there; one that cannot be read gets its steps all the same."""
    error = None
    try:
        listed = legible(index.all_files(distribution))
    except ReleasdError as failed:
        listed, error = (), failed.message
    mine = [file for file in listed if is_version(file.filename, asked.version)]
    files = served(mine, store.ledger(file.filename for file in mine) if store else None)
    done = all(file.yanked for file in files) and error is None
    return {
        "index": name,
        "distribution": distribution,
        "files": [asdict(file) for file in files],
        "error": error,
        "steps": [] if done else list(steps(name, distribution, asked.version, asked.reason, kind=kind)),
    }


def _distributions(project: Project, store: Store | None, name: str, index: Listing) -> list[str]:
    """Return what the project has on an index: by the ledger and by the looks of the watcher, else its own name."""
    found = set[str]()
    if store:
        found = distributions(file for file in store.released_files(project.name) if index.takes(file))
        found |= {watch.distribution for watch in store.watches(project.name) if watch.index == name}
    return sorted(found) or [canonicalize_name(project.name)]


def _forward(asked: Yank, places: list[dict[str, Any]]) -> dict[str, Any]:
    """Return the next version, at least a patch, and the command that releases it; `error` where it is not known."""
    command = f"releasd release {asked.project.name} --bump"
    try:
        repo, ref = _repository(asked)
        found = forward(Asked(repo=repo, ref=ref, date=datetime.now(UTC).date()))
    except ReleasdError as error:
        return {"releases": [], "command": f"{command} patch", "error": error.message}
    yanked = {place["distribution"] for place in places if place["files"]}
    of_it = [each for each in found if each["package"] and canonicalize_name(each["distribution"] or "") in yanked]
    if len(of_it) == 1:
        found, command = of_it, f"releasd release {asked.project.name} --package {of_it[0]['package']} --bump"
    highest = max((each["bump"] for each in found), key=["patch", "minor", "major"].index, default="patch")
    return {"releases": found, "command": f"{command} {highest}", "error": None}


def _repository(asked: Yank) -> tuple[Path, str]:
    """Return where the commits are: the repository, where it is on this machine, else the daemon's own clone."""
    here = peek(asked.project)
    if here is not None:
        return Path(here.git_folder()), f"refs/heads/{asked.project.branch}"
    clone = asked.settings.daemon.state / "repositories" / f"{asked.project.name}.git"
    return clone, f"refs/remotes/origin/{asked.project.branch}"
