"""A release's bill of materials: CycloneDX 1.6, as JSON.

Serial number and time follow from the plan, so that a repetition gives the same bytes.
"""

import uuid
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from releasd.core.crates import ENDING
from releasd.core.sbomparts import Part, headers, parts_of
from releasd.model import Artifact, Plan

if TYPE_CHECKING:
    from cyclonedx.model.component import Component

_SERIALS = uuid.UUID("6a0b7c39-5d0e-5f0a-9d53-6f2f6c1f7b11")  # of releasd; made once, never changed


def sbom(plan: Plan, artifacts: Sequence[Artifact], metadata: str, locks: Mapping[str, bytes]) -> bytes:
    """Return the bill of materials of a release; `metadata` is a wheel's, `locks` are lock files by path."""
    from cyclonedx.model.bom import Bom, BomMetaData  # noqa: PLC0415 - 0.1 s that only a release needs
    from cyclonedx.output.json import JsonV1Dot6  # noqa: PLC0415

    parts = parts_of(plan.distribution, metadata, locks)
    root = _root(plan, artifacts, metadata)
    made = {part.ref: _component(part) for part in parts.parts}
    bom = Bom(
        serial_number=uuid.uuid5(_SERIALS, f"{plan.project}/{plan.tag}/{plan.commit}"),
        metadata=BomMetaData(component=root, timestamp=plan.planned_at),
        components=made.values(),
    )
    bom.register_dependency(root, [made[ref] for ref in parts.direct])
    for part in parts.parts:
        bom.register_dependency(made[part.ref], [made[ref] for ref in part.depends])
    return (JsonV1Dot6(bom).output_as_string(indent=2) + "\n").encode()


def _root(plan: Plan, artifacts: Sequence[Artifact], metadata: str) -> "Component":
    from cyclonedx.model import HashAlgorithm, HashType  # noqa: PLC0415
    from cyclonedx.model.component import Component, ComponentType  # noqa: PLC0415
    from cyclonedx.model.license import LicenseExpression  # noqa: PLC0415
    from packageurl import PackageURL  # noqa: PLC0415

    fields = headers(metadata)
    licence = fields.get("License-Expression")
    files = [
        Component(
            name=artifact.filename,
            type=ComponentType.FILE,
            bom_ref=f"file:{artifact.filename}",
            hashes=[HashType(alg=HashAlgorithm.SHA_256, content=artifact.sha256)],
        )
        for artifact in artifacts
    ]
    is_rust = all(artifact.filename.endswith(ENDING) for artifact in artifacts)
    kind, version = ("cargo", plan.version) if is_rust else ("pypi", plan.pep440)
    return Component(
        name=plan.distribution,
        version=version,
        type=ComponentType.LIBRARY,
        bom_ref="release",
        purl=PackageURL(type=kind, name=plan.distribution, version=version),
        description=fields.get("Summary"),
        licenses=[LicenseExpression(licence)] if licence else (),
        components=files,
    )


def _component(part: Part) -> "Component":
    from cyclonedx.model import HashAlgorithm, HashType  # noqa: PLC0415
    from cyclonedx.model.component import Component, ComponentType  # noqa: PLC0415
    from packageurl import PackageURL  # noqa: PLC0415

    return Component(
        name=part.name,
        version=part.version,
        type=ComponentType.LIBRARY,
        bom_ref=part.ref,
        purl=PackageURL(type=part.kind, name=part.name, version=part.version),
        hashes=[HashType(alg=HashAlgorithm.SHA_256, content=part.sha256)] if part.sha256 else (),
    )
