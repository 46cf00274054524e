"""A breaking change that the project's rules would lose waits for a person, on a real store and real git."""

from dataclasses import replace

import pytest

from releasd.engine.operator import Operator
from releasd.errors import UsageError
from releasd.model import Bump, JobState
from support.lab import Lab, lab

__all__ = ["lab"]

RULES = '[[release_rules]]\ntype = "feat"\nbreaking = true\nrelease = "minor"\n'


def lost(lab: Lab) -> None:
    """Push a breaking change under rules that call it minor."""
    lab.push("feat!: drop the old way", {".releasd.toml": RULES, "more.txt": "x"})
    lab.enqueue()


def test_a_lost_breaking_change_waits_for_an_approval(lab: Lab) -> None:
    """Nothing runs and nothing is public; the reason names the commit and both ways on."""
    lost(lab)
    before = lab.main()

    job = lab.run()

    assert job.state is JobState.QUEUED
    assert "drop the old way" in job.reason
    assert f"releasd approve {job.id}" in job.reason
    assert "--bump major" in job.reason
    assert lab.store.claim("other", now=lab.clock.now(), lease=lab.world.lease) is None
    lab.assert_untouched(before)


def test_an_approved_job_releases_what_the_rules_say(lab: Lab) -> None:
    """After `approve` the same plan runs to its end."""
    lost(lab)
    waiting = lab.run()

    Operator(lab.world, lambda: None).approve(waiting.id)
    job = lab.run()

    assert job.state is JobState.SUCCEEDED
    assert job.plan is not None
    assert job.plan.bump is Bump.MINOR
    assert "job.approved" in [event.event for event in lab.store.events_after(0)]


def test_the_operators_own_bump_needs_no_approval(lab: Lab) -> None:
    """Who says how far to bump has looked."""
    lab.push("feat!: drop the old way", {".releasd.toml": RULES, "more.txt": "x"})
    lab.enqueue(bump=Bump.MAJOR)

    job = lab.run()

    assert job.state is JobState.SUCCEEDED
    assert job.plan is not None
    assert job.plan.bump is Bump.MAJOR


@pytest.mark.parametrize(("policy", "bump"), [("major", Bump.MAJOR), ("ignore", Bump.MINOR)])
def test_the_operators_policy_decides_without_asking(lab: Lab, policy: str, bump: Bump) -> None:
    """`major` follows the specification, `ignore` the project's rules."""
    lab.project = replace(lab.project, lost_breaking=policy)
    lab.world = replace(lab.world, projects={"demo": lab.project})
    lost(lab)

    job = lab.run()

    assert job.state is JobState.SUCCEEDED
    assert job.plan is not None
    assert job.plan.bump is bump


def test_only_a_waiting_job_can_be_approved(lab: Lab) -> None:
    """A job that is over is not approved."""
    done = lab.release()

    with pytest.raises(UsageError, match="waits for no approval"):
        Operator(lab.world, lambda: None).approve(done.id)
