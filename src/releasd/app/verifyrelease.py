"""`releasd verify-release`: a release's files against its SHA256SUMS, its provenance, and the signatures on both.

A folder is judged by what is in it, for anyone who downloaded it; a job or a project's last release also by what the
store sealed. docs/verify.md shows the same with stock tools.
"""

import hashlib
import tempfile
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from releasd.adapters import sshsign
from releasd.core import provenance
from releasd.errors import CheckFailed, Permanent, ReleasdError, UsageError
from releasd.model import Artifact, JobId, JobState, StepName

OWN = "releasd"  # the principal that our own key is given
_OTHERS = frozenset({provenance.STATEMENT, provenance.SBOM})  # what SHA256SUMS lists besides the built files


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One thing looked at, as `doctor` says it."""

    what: str
    ok: bool
    detail: str
    advice: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Release:
    """Where a release's files are, by name, and what the store knows of it: None for a folder.

    `commit` and `sealed` are what the journal holds: the release commit, and each file with its digest.
    """

    name: str
    files: Mapping[str, Path]
    commit: str | None = None
    sealed: tuple[Artifact, ...] | None = None


def find(target: str, config_file: Path | None, environ: Mapping[str, str]) -> Release:
    """Return the release that `target` names: a folder (with a slash in it), a job's number or a project.

    Raises:
        UsageError: there is no such release.
    """
    if "/" in target or target in {".", ".."}:
        folder = Path(target)
        if not folder.is_dir():
            raise UsageError(f"{target} is no folder", advice="name the folder that the release's files are in")
        return Release(name=target, files={path.name: path for path in folder.iterdir() if path.is_file()})
    return _stored(target, config_file, environ)


def verify(
    release: Release, config_file: Path | None, environ: Mapping[str, str], allowed: Path | None
) -> Iterator[Finding]:
    """Yield the findings. `allowed` is the file of allowed signers; None trusts our own signing key alone."""
    with tempfile.TemporaryDirectory(prefix="releasd-signers-") as scratch:
        trusted = partial(_trusted, allowed, Path(scratch), config_file, environ)
        for name in provenance.SIGNED:
            yield _finding(f"signature of {name}", partial(_signature, release, name, trusted))
    yield _finding("files", partial(_files, release))
    yield _finding("provenance", partial(_provenance, release))
    if release.sealed is not None:
        yield _finding("store", partial(_store, release, release.sealed))


def _stored(target: str, config_file: Path | None, environ: Mapping[str, str]) -> Release:
    from releasd.adapters.artifacts import ArtifactFolder  # noqa: PLC0415 - a folder needs no store
    from releasd.config.places import places  # noqa: PLC0415
    from releasd.store import open_store  # noqa: PLC0415

    where = places(config_file, environ)
    with open_store(where.database_url, readonly=True) as store:
        if target.isdecimal():
            job = store.job(JobId(int(target)))
        else:
            released = [job for job in store.jobs(target, {JobState.SUCCEEDED}) if job.tag]
            if not released:
                raise UsageError(f"{target} has released nothing here", advice="releasd status; a folder is ./NAME")
            job = max(released, key=lambda job: job.id)
        records, built = store.records(job.id), store.artifacts(job.id)
    checked, made = records.get(StepName.CHECK), records.get(StepName.VERSION)
    sealed = (*built, *provenance.attached(checked.evidence if checked else {}))
    folder = ArtifactFolder(where.state / "artifacts")
    files = {artifact.filename: folder.path(artifact) for artifact in sealed}
    commit = made.evidence.get("commit") if made else None
    return Release(
        name=f"{job.project} {job.tag or f'job {job.id}'}",
        files={name: path for name, path in files.items() if path.is_file()},
        commit=commit or "",
        sealed=sealed,
    )


def _finding(what: str, look: Callable[[], str]) -> Finding:
    try:
        return Finding(what=what, ok=True, detail=look())
    except ReleasdError as error:
        return Finding(what=what, ok=False, detail=error.message, advice=error.advice)


def _read(release: Release, name: str) -> bytes:
    path = release.files.get(name)
    if path is None:
        raise CheckFailed(f"there is no {name}")
    return path.read_bytes()


def _trusted(allowed: Path | None, scratch: Path, config_file: Path | None, environ: Mapping[str, str]) -> Path:
    if allowed is not None:
        return allowed
    from releasd import config  # noqa: PLC0415 - not needed where signers are named

    signing = config.load(config_file, environ).signing
    if signing is None:
        raise Permanent("nobody is trusted to sign", advice="--allowed-signers FILE, or set key under [signing]")
    own = scratch / "signers"
    own.write_text(f"{OWN} {sshsign.public_key(signing.key)}\n", encoding="utf-8")
    return own


def _signature(release: Release, name: str, trusted: Callable[[], Path]) -> str:
    signed = name + provenance.SIGNATURE
    if signed not in release.files:
        raise CheckFailed(f"there is no {signed}: the release is not signed", advice="set key under [signing]")
    data, signature = _read(release, name), _read(release, signed)
    return f"by {sshsign.signer_of(data, signature, trusted(), provenance.NAMESPACE)}"


def _files(release: Release) -> str:
    listed = provenance.read_sums(_read(release, provenance.SUMS))
    here = {name for name in listed if name in release.files}
    wrong = sorted(name for name in here if _digest(release.files[name]) != listed[name])
    if wrong:
        raise CheckFailed(f"{', '.join(wrong)}: other bytes than {provenance.SUMS} lists")
    signatures = {name + provenance.SIGNATURE for name in provenance.SIGNED}
    unknown = sorted(release.files.keys() - listed.keys() - signatures - {provenance.SUMS})
    if unknown:
        raise CheckFailed(f"{', '.join(unknown)}: not listed in {provenance.SUMS}")
    missing = sorted(listed.keys() - here)
    if not here - _OTHERS or (missing and release.sealed is not None):
        raise CheckFailed(f"not here: {', '.join(missing)}")
    return f"{len(here)} have their digests" + (f"; not here: {', '.join(missing)}" if missing else "")


def _provenance(release: Release) -> str:
    text = _read(release, provenance.STATEMENT)
    listed = provenance.read_sums(_read(release, provenance.SUMS))
    built = {name: digest for name, digest in listed.items() if name not in _OTHERS}
    if provenance.subjects(text) != built:
        raise CheckFailed(f"{provenance.STATEMENT} is about other files than {provenance.SUMS}")
    if provenance.STATEMENT not in listed:
        raise CheckFailed(f"{provenance.SUMS} does not list {provenance.STATEMENT}")
    commit = provenance.source_commit(text)
    if release.commit is not None and commit != release.commit:
        raise CheckFailed(f"it names the commit {commit[:12]}, and this release's is {release.commit[:12]}")
    return f"built from the commit {commit}"


def _store(release: Release, sealed: tuple[Artifact, ...]) -> str:
    wrong = [
        a.filename for a in sealed if a.filename in release.files and _digest(release.files[a.filename]) != a.sha256
    ]
    missing = [a.filename for a in sealed if a.filename not in release.files]
    if wrong or missing:
        raise CheckFailed(
            "; ".join(
                [f"{name}: other bytes than were sealed" for name in wrong] + [f"{name}: gone" for name in missing]
            ),
            advice="restore it from a backup; releasd audit verify shows whether the log was changed as well",
        )
    return f"{len(sealed)} are as they were sealed"


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
