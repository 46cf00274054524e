"""SIGKILL at random moments of releases, the daemon started again each time: what is lost, doubled, or left over.

The fault tier (`make fault`) kills at every named point; this kills wherever the daemon happens to be.
"""

import random
import time
from collections.abc import Iterator

from benchmarks.figures import Figure
from benchmarks.place import place, push_feature
from support.gitrepo import git
from support.parts import eventually
from support.stage import OVER, Stage

KILLS = 30
SEED = 20261123
LATEST = 1.5  # seconds after READY at which it is killed at the latest; a release takes about as long
DOWN = 0.3  # how often a push comes while the daemon is down


def run() -> Iterator[Figure]:
    """Kill, count, and compare the repository's tags with the index."""
    with place() as stage:
        pushed = _torment(stage, random.Random(SEED))
        stage.wait_for(lambda job: job["state"] in OVER)
        eventually(lambda: not stage.leftovers(), "leftovers gone", timeout=30)
        left = len(stage.leftovers())
        tags = [tag for tag in stage.tags() if tag != "v1.0.0"]
        lost = sum(not git(stage.remote, "tag", "--contains", commit) for commit in pushed)
        uploads = [int(file["accepted"]) for file in stage.index.stats().values()]
    how = f"{KILLS} kills, seed {SEED}, {len(pushed)} pushes, {len(tags)} releases of {len(uploads)} files"
    peers = "Laminar lost all that ran or waited; Buildbot, Huey, DBOS repeat or lose what ran"
    yield Figure(what="SIGKILL: pushes lost", unit="", samples=(float(lost),), aim=0.0, peers=peers, how=how)
    doubled = sum(count - 1 for count in uploads) + abs(len(uploads) - 2 * len(tags))
    yield Figure(what="SIGKILL: files doubled or missing", unit="", samples=(float(doubled),), aim=0.0)
    yield Figure(what="SIGKILL: processes and folders left", unit="", samples=(float(left),), aim=0.0)


def _torment(stage: Stage, chance: random.Random) -> list[str]:
    """Kill the daemon again and again with a push whenever nothing is live; return the pushed commits."""
    pushed: list[str] = []
    stage.start()
    for _ in range(KILLS):
        if all(job["state"] in OVER for job in stage.jobs()):
            pushed.append(push_feature(stage))
        time.sleep(chance.uniform(0, LATEST))
        stage.daemon.kill()
        if chance.random() < DOWN:
            pushed.append(push_feature(stage))
        stage.start()
    return pushed
