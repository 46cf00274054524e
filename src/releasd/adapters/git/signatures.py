"""SSH signatures of commits, judged by git's exit status alone.

git 2.39 prints "Good signature" for a key that nobody allowed as well, and exits with 1 (publishing-facts.md §5).
"""

from pathlib import Path

from releasd.adapters.git.read import Reading
from releasd.errors import GitError

_FIELDS = ("%an <%ae>", "%s", "%GF", "%GS")


def ssh_options(*settings: str) -> tuple[str, ...]:
    """Return git's options for SSH signatures and no others, with these settings besides.

    Git goes by the kind of signature that it finds. A PGP or X.509 one would be judged by whatever keys the daemon's
    user happens to know, so the programs for those are taken away.
    """
    fixed = (
        "gpg.format=ssh",
        "gpg.ssh.program=ssh-keygen",
        "gpg.program=false",
        "gpg.openpgp.program=false",
        "gpg.x509.program=false",
    )
    return tuple(part for setting in (*fixed, *settings) for part in ("-c", setting))


class Signatures(Reading):
    """The part of the port that asks who signed."""

    def check_signature(self, commit: str, *, allowed: Path, revoked: Path | None) -> None:
        """Raise `GitError` unless the commit has an SSH signature by one of the `allowed` signers, none `revoked`.

        An entry with `valid-before` counts for what was committed until then, by the commit's own date, which its maker
        can choose: a stolen key belongs into `revoked`.
        """
        for file, key in ((allowed, "allowed_signers"), (revoked, "revoked_signers")):
            if file is not None and not file.is_file():
                raise GitError(f"{key} names {file}, which is not there", advice=f"ls -l {file}")
        options = ssh_options(f"gpg.ssh.allowedSignersFile={allowed}", f"gpg.ssh.revocationFile={revoked or ''}")
        answer = self._ask(*options, "verify-commit", self._existing(commit), action="verify a signature")
        if answer.status != 0:
            raise self._untrusted(commit, allowed, options)

    def _untrusted(self, commit: str, allowed: Path, options: tuple[str, ...]) -> GitError:
        """Say whose commit it is and what is wrong with it; git's words here inform, and decide nothing."""
        form = f"--format={'%x00'.join(_FIELDS)}"
        asked = (*options, "log", "-1", "--no-show-signature", form, "--end-of-options", commit, "--")
        shown = self._ask(*asked, action="read a commit")
        author, subject, key, signer = shown.stdout.decode(errors="replace").rstrip("\n").split("\0")
        what = f"the commit {commit[:12]} by {author} ({subject})"
        if self._has_signature(commit):
            by = f"{signer} with the key {key}" if signer else f"the key {key}" if key else "a key that cannot be read"
            return GitError(
                f"{what} is signed by {by}, which {allowed} does not allow, or no longer, or its contents were changed",
                advice=f"if that key is to be trusted, add its line to {allowed}; if not, find out who pushed",
            )
        return GitError(
            f"{what} is not signed, and this project releases signed commits only",
            advice="sign it and push again: git -c gpg.format=ssh commit --amend --no-edit -S",
        )

    def _has_signature(self, commit: str) -> bool:
        head = self._git("cat-file", "commit", commit, action="read a commit").partition(b"\n\n")[0]
        return any(line.startswith((b"gpgsig ", b"gpgsig-sha256 ")) for line in head.split(b"\n"))
