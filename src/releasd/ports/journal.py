"""What one job remembers: its journal, and the files that it built."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import BinaryIO, Protocol

from releasd.core.schedule import Placement
from releasd.errors import ReleasdError
from releasd.model import Artifact, DeliveryRecord, Evidence, FileState, LeftRunning, StepName, TargetRecord


class ArtifactStore(Protocol):
    """Built files by digest, kept on disk until retention removes them."""

    def put(self, filename: str, data: bytes) -> Artifact:
        """Keep these bytes, durably, and return them as a file without a build."""
        ...

    def adopt(self, path: Path, sha256: str) -> None:
        """Move the file in, durably, under its own name. Raises `Permanent` when its bytes do not have that digest."""
        ...

    def has(self, artifact: Artifact) -> bool:
        """Return whether the file is there with exactly the sealed bytes."""
        ...

    def path(self, artifact: Artifact) -> Path:
        """Return where the file is."""
        ...

    def open(self, artifact: Artifact) -> BinaryIO:
        """Open the file for reading."""
        ...


class Journal(Protocol):
    """One claimed job's memory. Every call is guarded by the claim's token and raises `Fenced` once it is lost."""

    def fence(self) -> None:
        """Raise `Fenced` unless the claim still holds. Called right before each outside effect."""
        ...

    def evidence(self, step: StepName) -> Evidence:
        """Return what an earlier step of this job recorded; empty when it has not succeeded."""
        ...

    def artifacts(self) -> tuple[Artifact, ...]:
        """Return the sealed artifacts."""
        ...

    def how_built(self) -> Mapping[str, Evidence]:
        """Return what is known of how each build that ended well ran, by its name."""
        ...

    def built(self) -> Mapping[str, str]:
        """Return the builds of this job that ended well, each with its host. Their files may be sealed as another's."""
        ...

    def build_begun(self, build: str, hosts: Mapping[str, int], labels: Sequence[str]) -> Placement:
        """Take a slot of one of `hosts` (name to slots) when it is this build's turn; until then say why it waits.

        To be asked again until it has one. A slot that it holds already, it keeps.
        """
        ...

    def build_kept(self, build: str, left: LeftRunning, *, leash: float) -> None:
        """Record, before the build begins on the host whose slot it has, where a later attempt finds it.

        Its slot stays taken for `leash` seconds after this attempt, for so long the host lets it run.
        """
        ...

    def build_log_moved(self, build: str, by: int) -> None:
        """Note that so many bytes of the build's log are no output of it (less than zero: that output is not there)."""
        ...

    def left_running(self, build: str) -> LeftRunning | None:
        """Return where an earlier attempt of this job began the build and did not see its end."""
        ...

    def build_attached(self, build: str) -> None:
        """Record that the build still runs, and that this attempt has it now. It takes its slot back."""
        ...

    def build_left(self, build: str) -> None:
        """Wait for a slot no longer; one that the build holds is given back, for it runs nowhere."""
        ...

    def hosts_out(self) -> Mapping[str, str]:
        """Return the hosts that take nothing new, being drained or quarantined, and why."""
        ...

    def host_lost(self, host: str, why: str) -> None:
        """Record that a host went away or cannot build: it is quarantined until a look at it succeeds."""
        ...

    def build_sealed(self, build: str, host: str, artifacts: Sequence[Artifact], *, evidence: Evidence) -> None:
        """Record, in one transaction, that the build ended well, how, and that these are its files for ever.

        Raises `Conflict` when another build left one of these names with other bytes; the same bytes are fine.
        """
        ...

    def build_failed(self, build: str, host: str, why: str) -> None:
        """Record that the build ended badly on this host, or could not be begun there."""
        ...

    def part_lost(self, part: str, host: str, why: str) -> Sequence[str]:
        """Count that the host failed in the middle of a build, a gate or a trial; return each time one did, as text."""
        ...

    def own_push(self, commit: str, *, on: str) -> None:
        """Remember a commit that is about to be pushed by this job, so that it does not release itself.

        `on` is the commit that the release was planned for.
        """
        ...

    def deliveries(self, index: str) -> Mapping[str, DeliveryRecord]:
        """Return how far each file has come on a destination, by name."""
        ...

    def deliver(self, index: str, position: int, artifacts: Sequence[Artifact], *, closes: bool) -> None:
        """Record that these files are to go to that destination, the `position`-th of the plan, unless it is known.

        `closes`: it takes no file of a release that is older than 14 days.
        """
        ...

    def delivered(self, index: str, filenames: Sequence[str], state: FileState) -> None:
        """Record that files came that far; what is further already stays so."""
        ...

    def delivery_failed(self, index: str, problems: Mapping[str, str]) -> None:
        """Record what each file's last upload met, by name."""
        ...

    def proof(self, index: str) -> Evidence | None:
        """Return how a destination was proven to serve everything, None while it was not."""
        ...

    def proven(self, index: str, evidence: Evidence) -> None:
        """Record that a destination serves everything: each file verified, and it installs."""
        ...

    def announcements(self) -> Mapping[str, TargetRecord]:
        """Return whom this job told, or tried to, by target."""
        ...

    def announced(self, target: str, evidence: Evidence) -> None:
        """Record that the target was told."""
        ...

    def announce_failed(self, target: str, error: ReleasdError) -> None:
        """Record that the target was not told, or that nobody knows; when it is due again follows from the error."""
        ...

    def audit_head(self) -> str:
        """Return the audit chain's head, to be witnessed by the tag."""
        ...
