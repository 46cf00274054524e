"""What a release consists of, for its notes: commits, and of squash commits what they hold."""

from collections.abc import Iterator, Sequence

from releasd.core import rules
from releasd.core.conventional import ParsedCommit
from releasd.core.reverts import Revert
from releasd.core.rules import Verdicts
from releasd.model import Bump, Commit, Part, Verdict

LISTED = 5_000  # commits that notes name, the newest; they count the others: nobody reads more, and no forge shows them


def contents(commits: Sequence[Commit], verdicts: Sequence[Verdict]) -> Iterator[tuple[Commit, ParsedCommit, bool]]:
    """Yield all that came since the last release, newest commit first, and whether each asks for a release.

    A squash commit comes once for each commit that it holds; what cancels does not come. `[skip release]` hides nothing
    here, as in semantic-release.
    """
    own = verdicts if isinstance(verdicts, Verdicts) else rules.verdicts(commits, ())
    judged = (
        own.judged()
        if own is verdicts
        else ((*each[:2], verdict) for each, verdict in zip(own.judged(), verdicts, strict=True))
    )
    for place, (commit, message, verdict) in enumerate(judged):
        if place in own.dropped:
            continue
        if verdict.parts:
            for part in verdict.parts:
                yield commit, _unpacked(part), part.bump is not Bump.NONE
        else:
            yield commit, message, verdict.bump is not Bump.NONE
            yield from ((commit, part, False) for part in message.parts if part.breaking and not message.merge)


def _unpacked(part: Part) -> ParsedCommit:
    return ParsedCommit(
        header=part.subject,
        type=part.type,
        scope=part.scope,
        subject=part.subject,
        breaking=bool(part.breaking_notes),
        breaking_notes=part.breaking_notes,
        references=part.references,
        revert=Revert(part.subject, "") if part.revert else None,
    )
