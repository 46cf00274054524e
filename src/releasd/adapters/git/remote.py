"""Talking to the remote: what it has, fetching, and the one atomic push that claims a version.

The remote is the truth. A fetch makes this clone's tags equal to the remote's, moved and deleted ones included;
what releasd recorded of its own tags is in the journal and in ls-remote, never in a local ref.
"""

import re
from collections.abc import Mapping
from datetime import UTC, datetime

from releasd.adapters.git.failures import failure, remote_words, without_credentials
from releasd.adapters.git.run import Answer
from releasd.adapters.git.write import Writing
from releasd.errors import GitError, ReleasdError, Replan, Transient

_PUSH = ("push", "--porcelain", "--no-verify", "--no-follow-tags", "--no-recurse-submodules", "--signed=no")
_PROBE_REF = "refs/releasd/probe"
_MOVED = re.compile(r"stale info|non-fast-forward|fetch first|already exists|needs force|incorrect old value")
# what receive-pack says when it lost a race for a lock, and also when its disk is broken: the world is asked which
_UNCLEAR = re.compile(r"failed to update ref|failed to lock|cannot lock ref|transaction|atomic push fail")


class Remoting(Writing):
    """The half of the port that needs the remote."""

    def remote_refs(self, *patterns: str) -> Mapping[str, str]:
        """Return refs of the remote as `ls-remote` shows them now; peeled tags under `NAME^{}`."""
        peeled = (f"{pattern}^{{}}" for pattern in patterns)  # a full name does not match its own peeled line
        answer = self._reach("ls-remote", "--quiet", self.remote, *patterns, *peeled, action="list its refs")
        if answer.status:
            raise self._remote_failure("list its refs", answer.stderr)
        rows = (line.split("\t", 1) for line in answer.stdout.decode(errors="replace").splitlines())
        return {name: target for target, name in rows}

    def fetch(self, branch: str) -> str:
        """Fetch the branch, all others and all tags from the remote; return the branch's tip.

        Tags become what the remote has, see above. Raises `GitError` where the branch is missing, the remote is empty
        or its history cut off.
        """
        tracking = f"refs/remotes/origin/{branch}"
        answer = self._reach(
            "fetch",
            "--quiet",
            "--prune",
            "--no-tags",
            "--no-write-fetch-head",
            "--no-recurse-submodules",
            "--end-of-options",
            self.remote,
            f"+refs/heads/{branch}:{tracking}",
            "+refs/heads/*:refs/remotes/origin/*",  # what a branch may release depends on the others
            "+refs/tags/*:refs/tags/*",
            action=f"fetch {branch}",
        )
        if answer.status:
            raise self._fetch_failure(branch, answer.stderr)
        tip = self.resolve(tracking)
        if tip is None or self.is_shallow():  # of a shallow remote git takes nothing, and does not say so
            raise GitError(
                f"{self._remote_name()}: its history is shallow, so the last release cannot be known",
                advice="Run in the remote: git fetch --unshallow --tags",
            )
        return tip

    def _fetch_failure(self, branch: str, stderr: str) -> ReleasdError:
        if "couldn't find remote ref" in stderr and not self.remote_refs():
            return GitError(
                f"{self._remote_name()}: the repository has no commits", advice=f"Push a first one to {branch}."
            )
        return self._remote_failure(f"fetch {branch}", stderr)

    def can_push(self, branch: str) -> None:
        """Raise `Permanent` or `Transient` unless a push to `branch` would be accepted (a dry run).

        The remote is asked for a new ref nobody uses, so the answer does not depend on who pushed last. What its hooks
        would say cannot be known without pushing.
        """
        empty = self._git("hash-object", "-t", "tree", "-w", "--stdin", action="write a tree").decode().strip()
        probe = self._commit(empty, (), "releasd: may I push?", datetime.fromtimestamp(0, UTC))
        answer = self._reach(*_PUSH, "--dry-run", self.remote, f"{probe}:{_PROBE_REF}", action=f"push to {branch}")
        if answer.status:
            raise self._remote_failure(f"push to {branch}", answer.stderr)

    def push(self, updates: Mapping[str, str], *, expect: Mapping[str, str]) -> None:
        """Push `{remote ref: object}` in one atomic push.

        A ref in `expect` must still be at that value (empty: must not exist) and be an ancestor of what replaces it;
        any other ref must not exist yet, or hold the very same object. No answer in time is `Transient` and proves
        nothing: the caller looks at the remote.

        Raises:
            Replan: the remote refused because a ref moved or exists; it is named.
            GitError: the update is no fast-forward, or the remote declined, with its words.
            Transient: network, or the remote lost a race with itself.
        """
        for ref, old in expect.items():
            if old and not self.is_ancestor(old, updates[ref]):
                raise GitError(f"{self._remote_name()}: {updates[ref]} for {ref} is not a descendant of {old}")
        leases = [f"--force-with-lease={ref}:{expect.get(ref, '')}" for ref in updates]
        specs = [f"{target}:{ref}" for ref, target in updates.items()]
        answer = self._reach(*_PUSH, "--atomic", *leases, self.remote, *specs, action="push")
        if answer.status:
            raise self._push_failure(answer, updates, expect)

    def _push_failure(self, answer: Answer, updates: Mapping[str, str], expect: Mapping[str, str]) -> ReleasdError:
        rejected = _rejected(answer.stdout)
        moved = [ref for ref, why in rejected.items() if _MOVED.search(why)]
        declined = {ref: why for ref, why in rejected.items() if not _MOVED.search(why) and not _UNCLEAR.search(why)}
        if not moved and not declined and rejected:
            moved = self._moved(updates, expect)
            if not moved:
                return Transient(f"{self._remote_name()}: cannot push: {'; '.join(rejected.values())}")
        if moved:
            return Replan(f"{self._remote_name()}: {', '.join(moved)} changed on the remote meanwhile")
        if declined:
            return self._declined(declined, answer.stderr)
        return self._remote_failure("push", answer.stderr)

    def _moved(self, updates: Mapping[str, str], expect: Mapping[str, str]) -> list[str]:
        now = self.remote_refs(*updates)
        return [ref for ref in updates if now.get(ref, "") != expect.get(ref, "")]

    def _declined(self, declined: Mapping[str, str], stderr: str) -> ReleasdError:
        ref, why = next(iter(declined.items()))
        said = remote_words(stderr)
        if "unpack" in why:
            return self._remote_failure(f"push {ref}", stderr)
        return GitError(
            f"{self._remote_name()}: the remote declined {ref}: {why}{f': {said}' if said else ''}",
            advice="Let the daemon's user push there: see the remote's hooks and branch protection.",
        )

    def _reach(self, *args: str, action: str) -> Answer:
        return self._ask(*args, action=action, env=self._ssh())

    def _remote_failure(self, action: str, stderr: str) -> ReleasdError:
        return failure(action, self._remote_name(), stderr)

    def _remote_name(self) -> str:
        """Return the remote as a person knows it: its URL, without credentials."""
        known = self._ask("remote", "get-url", self.remote, action="read the configuration")
        return without_credentials(known.stdout.decode(errors="replace").strip() or self.remote)


def _rejected(porcelain: bytes) -> Mapping[str, str]:
    """Return `{ref: reason}` from lines `!<TAB>from:to<TAB>[rejected] (reason)`."""
    lines = porcelain.decode(errors="replace").splitlines()
    rows = (line.split("\t", 2)[1:] for line in lines if line.startswith("!\t"))
    return {spec.partition(":")[2]: why for spec, why in rows}
