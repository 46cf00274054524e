"""The nine steps, in order, each with the reason why it stands where it stands (DESIGN.md §2)."""

from collections.abc import Mapping

from releasd.model import StepName
from releasd.steps import announce, build, check, preflight, publish, sync, tag, verify, version
from releasd.steps.context import Step

STEPS: Mapping[StepName, Step] = {
    StepName.PREFLIGHT: preflight,  # everything that could fail later and can be known now
    StepName.SYNC: sync,  # the newest state of the branch, in the daemon's own clone
    StepName.VERSION: version,  # the release commit, under a private ref: what is built is what is tagged
    StepName.BUILD: build,  # from that commit alone; a failure leaves no trace in public
    StepName.CHECK: check,  # nobody sees a file before it is known to be good
    StepName.TAG: tag,  # the claim of the version; the point of no return
    StepName.PUBLISH: publish,  # after the claim, so that nobody else can publish this version
    StepName.VERIFY: verify,  # the index serves exactly the bytes that were built
    StepName.ANNOUNCE: announce,  # last: only what is really there is announced
}
