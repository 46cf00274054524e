"""What is published beside a release's files so that others can check them: SHA256SUMS and an in-toto Statement.

Both are functions of the plan and of what the journal holds, without a clock: a repetition gives the same bytes.
Forms: sha256sum(1); in-toto Statement v1; SLSA provenance predicate v1 (slsa.dev/spec/v1.0/provenance).
"""

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC
from typing import Any

from releasd.errors import CheckFailed
from releasd.model import Artifact, BuildSpec, Evidence, Plan

SUMS = "SHA256SUMS"
STATEMENT = "provenance.intoto.json"
SBOM = "sbom.cdx.json"
SIGNATURE = ".sig"  # after the name of what is signed
SIGNED = (SUMS, STATEMENT)
NAMESPACE = "releasd"  # of the signatures, ssh-keygen -Y sign -n
STATEMENT_TYPE = "https://in-toto.io/Statement/v1"
PREDICATE_TYPE = "https://slsa.dev/provenance/v1"
BUILD_TYPE = "urn:releasd:build:v1"
_LINE = re.compile(r"([0-9a-f]{64}) [ *]([^/\x00-\x1f]+)")
_IMAGE = re.compile(r"(?P<name>[^@]+)@sha256:(?P<digest>[0-9a-f]{64})")
_USERINFO = re.compile(r"(?<=//)[^/@\s]*@")


@dataclass(frozen=True, slots=True, kw_only=True)
class Builder:
    """Who built: `id` is a URI that stands for this daemon and whoever runs it, `version` is releasd's."""

    id: str = "urn:releasd:builder"
    version: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Origin:
    """What a release was made of.

    `locks` are the digests of the lock files at `commit`, by path; `builds` is what is known of how each build ran.
    """

    repository: str
    commit: str
    job: int
    locks: Mapping[str, str]
    builds: Mapping[str, Evidence]


def sums(digests: Mapping[str, str]) -> bytes:
    """Return the text of SHA256SUMS for `{file name: sha256}`."""
    return "".join(f"{digests[name]}  {name}\n" for name in sorted(digests)).encode()


def read_sums(text: bytes) -> Mapping[str, str]:
    """Return `{file name: sha256}`. Raises `CheckFailed` for a line of another form, or a name that is there twice."""
    found: dict[str, str] = {}
    for number, line in enumerate(text.decode("utf-8", "replace").splitlines(), 1):
        match = _LINE.fullmatch(line)
        if match is None or match[2] in found:
            raise CheckFailed(f"{SUMS}: line {number} is not a digest and a name of its own")
        found[match[2]] = match[1]
    return found


def statement(plan: Plan, artifacts: Sequence[Artifact], origin: Origin, builder: Builder) -> bytes:
    """Return the provenance of a release's files as JSON."""
    return _json(
        {
            "_type": STATEMENT_TYPE,
            "subject": [{"name": a.filename, "digest": {"sha256": a.sha256}} for a in artifacts],
            "predicateType": PREDICATE_TYPE,
            "predicate": {
                "buildDefinition": {
                    "buildType": BUILD_TYPE,
                    "externalParameters": _external(plan, origin),
                    "internalParameters": _internal(plan, artifacts, origin),
                    "resolvedDependencies": [*_source(plan, origin), *_images(origin)],
                },
                "runDetails": {
                    "builder": {"id": builder.id, "version": {"releasd": builder.version}},
                    "metadata": {
                        "invocationId": f"{plan.project}/{origin.job}",
                        "startedOn": plan.planned_at.astimezone(UTC).isoformat().replace("+00:00", "Z"),
                    },
                },
            },
        }
    )


def subjects(text: bytes) -> Mapping[str, str]:
    """Return the `{file name: sha256}` that a statement is about. Raises `CheckFailed` unless it is one of ours."""
    try:
        document = json.loads(text)
        if (document["_type"], document["predicateType"]) != (STATEMENT_TYPE, PREDICATE_TYPE):
            raise CheckFailed(f"{STATEMENT} is no in-toto statement of SLSA provenance")
        return {subject["name"]: subject["digest"]["sha256"] for subject in document["subject"]}
    except (ValueError, KeyError, TypeError) as error:
        raise CheckFailed(f"{STATEMENT} cannot be read: {type(error).__name__}") from None


def source_commit(text: bytes) -> str:
    """Return the commit that a statement says the files were built from. Raises `CheckFailed` where it names none."""
    try:
        dependencies = json.loads(text)["predicate"]["buildDefinition"]["resolvedDependencies"]
        return str(next(d["digest"]["gitCommit"] for d in dependencies if "gitCommit" in d["digest"]))
    except (ValueError, KeyError, TypeError, StopIteration):
        raise CheckFailed(f"{STATEMENT} names no source commit") from None


def attached(evidence: Evidence) -> tuple[Artifact, ...]:
    """Return what is kept beside a release's files, from the evidence of its step `check`, by name."""
    files: Mapping[str, Any] = evidence.get("attachments", {})
    return tuple(
        Artifact(filename=name, sha256=files[name]["sha256"], size=files[name]["size"], build="", host="")
        for name in sorted(files)
    )


def public_url(address: str) -> str:
    """Return a repository's address as SLSA writes it, without a credential in it."""
    if address.startswith("/"):
        return f"git+file://{address}"
    if "://" not in address:  # host:path, as scp writes it
        host, _, path = address.partition(":")
        return f"git+ssh://{host}/{path.lstrip('/')}"
    return f"git+{_USERINFO.sub('', address)}"


def _external(plan: Plan, origin: Origin) -> dict[str, Any]:
    return {
        "repository": public_url(origin.repository),
        "ref": f"refs/tags/{plan.tag}",
        "project": plan.project,
        "distribution": plan.distribution,
        "version": plan.version,
        "builds": [_build(build) for build in plan.builds],
    }


def _build(build: BuildSpec) -> dict[str, Any]:
    return {
        "name": build.name,
        "run": build.run,
        "labels": list(build.labels),
        "tools": list(build.tools),
        "artifacts": list(build.artifacts),
        "env": dict(build.env),
    }


def _internal(plan: Plan, artifacts: Sequence[Artifact], origin: Origin) -> dict[str, Any]:
    built = {a.filename: {"build": a.build, "host": a.host} for a in artifacts}
    ran = {name: dict(origin.builds[name]) for name in sorted(origin.builds)}
    return {"branch": plan.branch, "plannedCommit": plan.commit, "files": built, "builds": ran}


def _source(plan: Plan, origin: Origin) -> Iterable[dict[str, Any]]:
    uri = public_url(origin.repository)
    yield {"uri": f"{uri}@refs/tags/{plan.tag}", "digest": {"gitCommit": origin.commit}}
    for path in sorted(origin.locks):
        yield {"uri": f"{uri}@{origin.commit}#{path}", "name": path, "digest": {"sha256": origin.locks[path]}}


def _images(origin: Origin) -> Iterable[dict[str, Any]]:
    """Yield the container images that builds ran in: by the registry's digest, else by the image's own id."""
    found: dict[str, str] = {}
    for ran in origin.builds.values():
        named = (str(ran.get("image_digests") or "").split() or [f"{ran.get('image')}@{ran.get('image_id')}"])[0]
        if match := _IMAGE.fullmatch(named):
            found[match["name"]] = match["digest"]
    for name in sorted(found):
        yield {"uri": f"oci:{name}", "digest": {"sha256": found[name]}}


def _json(value: Any) -> bytes:
    return (json.dumps(value, indent=2, sort_keys=True, ensure_ascii=False) + "\n").encode()
