"""Packs for build hosts: what one commit's files need and a host lacks, without history."""

import re
from collections.abc import Iterator, Sequence

from releasd.adapters.git.stream import Streaming

MOST_HAVES = 64  # commits of a host's list that are looked at
_FULL = re.compile(r"[0-9a-f]{40}")
# Over a network a small pack is worth some time; a whole one is rather sent soon, for searching costs seconds.
_WHOLE = ("-c", "pack.compression=1", "-c", "pack.window=0")


class Packing(Streaming):
    """The part of a repository that hands objects out."""

    def pack(self, commit: str, have: Sequence[str]) -> Iterator[bytes]:
        """Yield a thin pack of `commit` and those of its files that are not in the commits `have`.

        Those in `have` that are unknown here are passed over: a host may say what it likes. Raises `GitError`.
        """
        known = self._commits_among(have)
        options = () if known else _WHOLE
        args = ("pack-objects", "--revs", "--thin", "--shallow", "--delta-base-offset", "--stdout", "-q")
        # Without their parents: a host has the files of these commits, and none of those before.
        lines = [f"--shallow {each}" for each in (commit, *known)] + [commit, "--not", *known]
        requests = (f"{line}\n".encode() for line in lines)
        return self._stream(*options, *args, action=f"pack {commit}", requests=requests)

    def _commits_among(self, names: Sequence[str]) -> tuple[str, ...]:
        asked = [name for name in names[:MOST_HAVES] if _FULL.fullmatch(name)]
        if not asked:
            return ()
        out = self._git(
            "cat-file",
            "--batch-check=%(objectname) %(objecttype)",
            action="look for commits",
            stdin="".join(f"{name}\n" for name in asked).encode(),
        )
        answers = (line.partition(" ") for line in out.decode("ascii", "replace").splitlines())
        return tuple(name for name, _, kind in answers if kind == "commit")
