"""What a release consists of, for its notes: commits, and of squash commits what they hold."""

from collections.abc import Iterable, Iterator, Sequence

from releasd.core.conventional import ParsedCommit, parse
from releasd.core.reverts import Revert
from releasd.core.rules import drop_reverted
from releasd.model import Bump, Commit, Part, Verdict


def contents(commits: Sequence[Commit], verdicts: Iterable[Verdict]) -> Iterator[tuple[Commit, ParsedCommit, bool]]:
    """Yield all that came since the last release, newest commit first, and whether each asks for a release.

    A squash commit comes once for each commit that it holds; what cancels does not come. `[skip release]` hides nothing
    here, as in semantic-release.
    """
    judged = {verdict.commit: verdict for verdict in verdicts}
    parsed = [(commit, parse(commit.message)) for commit in commits]
    dropped = drop_reverted(parsed)
    for commit, message in parsed:
        if commit.id in dropped:
            continue
        verdict = judged.get(commit.id)
        if verdict is not None and verdict.parts:
            for part in verdict.parts:
                yield commit, _unpacked(part), part.bump is not Bump.NONE
        else:
            yield commit, message, verdict is not None and verdict.bump is not Bump.NONE
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
