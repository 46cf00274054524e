"""What the engine and the steps need from the outside world, as Protocols without library types.

Every method that waits has a time limit of its own. Errors are those of errors.py: `Transient` where the same call
may succeed later, `Permanent` where it will not.
"""

from releasd.ports.announcing import Forge, ForgeFile, ForgeRelease, Mailer, Notifier, WantedRelease
from releasd.ports.common import Clock, Outputs, ShouldStop, Sink, Supervisor
from releasd.ports.git import Git, History
from releasd.ports.hosts import Cache, Host, Hosts, Objects, Output, Probe, Task, TaskResult
from releasd.ports.journal import ArtifactStore, Journal
from releasd.ports.publishing import Addressed, Index, Secret, Secrets, ServedFile, Signer
from releasd.ports.watching import Listing

__all__ = [
    "Addressed",
    "ArtifactStore",
    "Cache",
    "Clock",
    "Forge",
    "ForgeFile",
    "ForgeRelease",
    "Git",
    "History",
    "Host",
    "Hosts",
    "Index",
    "Journal",
    "Listing",
    "Mailer",
    "Notifier",
    "Objects",
    "Output",
    "Outputs",
    "Probe",
    "Secret",
    "Secrets",
    "ServedFile",
    "ShouldStop",
    "Signer",
    "Sink",
    "Supervisor",
    "Task",
    "TaskResult",
    "WantedRelease",
]
