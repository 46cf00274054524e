"""A process that dies at any named point, in miniature: the next attempt completes one release.

tests/fault does the same to the whole daemon with SIGKILL; here each point takes a second and not ten.
"""

import pytest

from releasd.engine.executor import execute
from releasd.engine.reconcile import reconcile, take_push
from releasd.model import JobState, PushHint
from releasd.steps.faultpoints import POINTS
from support.lab import OWNER, Killed, Lab


def die_at(lab: Lab, point: str) -> None:
    """Have the process "die" there, once."""

    def die(reached: str) -> None:
        if reached == point:
            lab.at_fault = lambda _: None
            raise Killed(point)

    lab.at_fault = die


def go_on(lab: Lab) -> None:
    """Do what a daemon does from its start to its next attempt: take back, look, queue, claim, run."""
    lab.store.reclaim(lab.clock.now(), except_owner=OWNER + "2", all_others=True)
    tip = lab.main()
    take_push(
        lab.world, lab.project, PushHint(repository="demo", ref="refs/heads/main", old=None, new=tip, source="x"), tip
    )
    for job in reconcile(lab.world, free=2).claimed:
        execute(lab.world, job)


@pytest.mark.parametrize("point", POINTS)
def test_dying_there_costs_nothing(lab: Lab, point: str) -> None:
    """One job, one tag, one copy of each file, one announcement or a repetition of it with the same key."""
    lab.configure(webhooks=("chat",), forge="main", mail=("team",))
    lab.push()
    die_at(lab, point)
    with pytest.raises(Killed):
        go_on(lab)
    go_on(lab)
    (job,) = lab.store.jobs("demo")
    assert job.state is JobState.SUCCEEDED, job.reason
    assert lab.tags() == {"v1.0.0", "v1.1.0"}
    assert len(lab.index.uploads) == 1
    assert len({(name, key, body) for name, body, key in lab.notifier.told}) == 1
    assert len(set(lab.mailer.sent)) == 1
    attached = len(lab.built("1.1.0")) + 3  # what is in it, where it comes from, and the digests of all
    done = tuple(lab.forge.done.count(each) for each in ("create", "upload", "publish"))
    assert done == (1, attached, 1), "the page is made once, and each file attached once"
    assert lab.private_refs() == []
    lab.assert_released(job, "1.1.0")
    builds = [task for task in lab.host.tasks if "RELEASD_VERSION" in task.env]
    assert len(builds) == (2 if point == "build.adopted" else 1)
