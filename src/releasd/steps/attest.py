"""What lets others check a release: SHA256SUMS, provenance and SBOM, signed where the operator named a key.

Made by `check`, so that nothing is tagged that could not be attested. What the files hold follows from the plan and the
journal, and an SSH signature from the file and the key; so a repeated attempt makes the same bytes. The evidence of
`check` seals them: from then on they are read from the artifact store and not made again.
"""

import hashlib
from collections.abc import Mapping

from releasd.core import provenance
from releasd.core.sbom import sbom
from releasd.core.sbomparts import LOCKS, requirements
from releasd.model import Artifact, Evidence, StepName
from releasd.steps import version
from releasd.steps.context import Context


def seal(ctx: Context) -> Evidence:
    """Make and keep the files; return the part of the evidence that names them. A release without files has none."""
    artifacts = ctx.journal.artifacts()
    if not artifacts:
        return {}
    kept = [ctx.artifacts.put(name, data) for name, data in _files(ctx, artifacts).items()]
    return {"attachments": {file.filename: {"sha256": file.sha256, "size": file.size} for file in kept}}


def attachments(ctx: Context) -> tuple[Artifact, ...]:
    """Return what is kept beside the release's files, to be put where people look for it."""
    return provenance.attached(ctx.journal.evidence(StepName.CHECK))


def _files(ctx: Context, artifacts: tuple[Artifact, ...]) -> Mapping[str, bytes]:
    locks = _locks(ctx)
    origin = provenance.Origin(
        repository=ctx.project.remote_url or ctx.project.repository,
        commit=ctx.release_commit,
        job=ctx.job.id,
        locks={path: hashlib.sha256(data).hexdigest() for path, data in locks.items()},
        builds=ctx.journal.how_built(),
    )
    files = {
        provenance.SBOM: sbom(ctx.plan, artifacts, _metadata(ctx, artifacts), locks),
        provenance.STATEMENT: provenance.statement(ctx.plan, artifacts, origin, ctx.builder),
    }
    digests = {artifact.filename: artifact.sha256 for artifact in artifacts}
    digests |= {name: hashlib.sha256(data).hexdigest() for name, data in files.items()}
    files[provenance.SUMS] = provenance.sums(digests)
    if ctx.signer:
        files |= {name + provenance.SIGNATURE: ctx.signer.sign(files[name]) for name in provenance.SIGNED}
    return files


def _locks(ctx: Context) -> Mapping[str, bytes]:
    """Return the lock files of what was built: those in the root, and those that the release itself edits."""
    edited = (edit.path for edit in ctx.plan.edits if edit.path.rpartition("/")[2] in LOCKS)
    version.ensure(ctx)
    return ctx.git.read(ctx.release_commit, tuple(dict.fromkeys((*LOCKS, *edited))))


def _metadata(ctx: Context, artifacts: tuple[Artifact, ...]) -> str:
    """Return the metadata of the first wheel; empty where there is none."""
    for artifact in artifacts:
        if artifact.filename.endswith(".whl"):
            with ctx.artifacts.open(artifact) as file:
                return requirements(file)
    return ""
