"""Past releases, judged: which release each follows, what is predicted, and why it differs."""

import pytest

from releasd.core.ancestry import History, Node
from releasd.core.channel import next_on_channel
from releasd.core.replay import Replayed, pairs, releases_in, replayed, without_release_commit
from releasd.core.semver import parse_semver
from releasd.model import Bump, Commit, ProjectConfig

CONFIG = ProjectConfig()


def _name(number: int) -> str:
    return f"{number:040x}"


def _replay(*history: tuple[str, *tuple[str, ...]], config: ProjectConfig = CONFIG) -> list[Replayed]:
    """Judge a straight history, oldest first: each commit a message and its tags."""
    messages = [message for message, *_ in history]
    tags = [(tag, _name(at), at) for at, (_, *named) in enumerate(history) for tag in named]
    nodes = [Node(_name(at), (_name(at - 1),) if at else (), at) for at in range(len(history) - 1, -1, -1)]
    found = releases_in(tags, config.tag_format)
    graph = History(nodes, (past.commit for past in found))
    return [
        replayed(pair, [_commit(messages, graph.name(number)) for number in pair.commits], config)
        for pair in pairs(graph, found)
    ]


def _commit(messages: list[str], name: str) -> Commit:
    return Commit(id=name, message=messages[int(name, 16)])


def _shown(judged: list[Replayed]) -> list[tuple[str | None, str, str | None, bool]]:
    return [(each.base and each.base.tag, each.to.tag, each.predicted, each.agree) for each in judged]


def test_releases_that_follow_the_rules_agree() -> None:
    """Feature, repair and breaking change give what was released, oldest release first."""
    judged = _replay(
        ("feat: a", "v0.1.0"), ("fix: b", "v0.1.1"), ("docs: c",), ("feat: d", "v0.2.0"), ("feat!: e", "v1.0.0")
    )
    assert _shown(judged) == [
        (None, "v0.1.0", "0.1.0", True),
        ("v0.1.0", "v0.1.1", "0.1.1", True),
        ("v0.1.1", "v0.2.0", "0.2.0", True),
        ("v0.2.0", "v1.0.0", "1.0.0", True),
    ]
    assert [each.commits for each in judged] == [1, 1, 2, 1]


def test_tags_that_are_no_version_are_left_out() -> None:
    """Neither a short number nor a leading zero nor another form starts or ends a range."""
    judged = _replay(("feat: a", "v0.1.0"), ("feat: b", "v0.2", "release", "v0.2.01"), ("fix: c", "v0.2.0"))
    assert _shown(judged) == [(None, "v0.1.0", "0.1.0", True), ("v0.1.0", "v0.2.0", "0.2.0", True)]


def test_the_highest_ancestor_is_followed_though_a_lower_one_is_nearer() -> None:
    """As semantic-release: the highest version counts, not the nearest tag."""
    judged = _replay(("feat: a", "v2.0.0"), ("fix: b", "v1.0.0"), ("fix: c", "v2.0.1"))
    assert _shown(judged)[2] == ("v2.0.0", "v2.0.1", "2.0.1", True)
    assert judged[1].why.startswith("v2.0.0 is its ancestor and not below it")


def test_two_tags_on_one_commit_follow_each_other_by_version() -> None:
    """The higher one comes from the lower one and has no commits of its own."""
    judged = _replay(("feat: a", "v0.2.0", "v0.1.0"))
    assert _shown(judged) == [(None, "v0.1.0", "0.1.0", True), ("v0.1.0", "v0.2.0", None, False)]
    assert "no commits between the two" in judged[1].why


def test_a_stable_release_does_not_follow_its_own_pre_releases() -> None:
    """Pre-releases are judged on their channel, from the stable release or from each other; stable ones on main."""
    judged = _replay(
        ("feat: a", "v1.0.0"),
        ("fix: b", "v1.0.1-beta.1"),
        ("feat: c", "v1.1.0-beta.1"),
        ("fix: d", "v1.1.0-beta.2"),
        ("fix: e", "v1.1.0-rc.1"),
        ("docs: f", "v1.1.0"),
    )
    assert _shown(judged)[1:] == [
        ("v1.0.0", "v1.0.1-beta.1", "1.0.1-beta.1", True),
        ("v1.0.1-beta.1", "v1.1.0-beta.1", "1.1.0-beta.1", True),
        ("v1.1.0-beta.1", "v1.1.0-beta.2", "1.1.0-beta.2", True),
        ("v1.0.0", "v1.1.0-rc.1", "1.1.0-rc.1", True),
        ("v1.0.0", "v1.1.0", "1.1.0", True),
    ]


def test_the_release_commit_carries_no_bump_whatever_its_notes_say() -> None:
    """A release commit quotes breaking changes of others; it counts as a commit and asks for nothing."""
    release = "chore(release): 0.1.1 [skip ci]\n\nBREAKING CHANGE: quoted from the notes"
    judged = _replay(("feat: a", "v0.1.0"), ("fix: b",), (release, "v0.1.1"))
    assert (judged[1].predicted, judged[1].commits) == ("0.1.1", 2)


@pytest.mark.parametrize(
    ("message", "left"),
    [
        ("bump: version 1.2.2 → 1.2.3", 0),
        ("feat!: v1.2.3", 0),
        ("Release 1.2.3.", 0),
        ("feat: move to 11.2.3", 1),
        ("feat: move to 1.2.34", 1),
        ("feat: move to 1.2.3.4", 1),
        ("feat: without a release commit", 1),
    ],
)
def test_a_release_commit_is_the_tagged_one_that_names_the_version(message: str, left: int) -> None:
    """Tools word it differently, and all of them name the version; a tagged feature counts."""
    (to,) = releases_in([("v1.2.3", _name(0), 0)], "v{version}")
    assert len(without_release_commit(to, [Commit(id=_name(0), message=message)])) == left


@pytest.mark.parametrize(
    ("message", "tag", "why"),
    [
        ("feat: x", "v1.0.1", "predicted minor, was patch: feat: x (0000000) asks for minor"),
        ("fix: x", "v1.1.0", "predicted patch, was minor: fix: x (0000000) asks for patch, and nothing asks for minor"),
        ("docs: x", "v1.0.1", "predicted no release, was patch: the only commit does not ask for one (docs 1)"),
        ("fix: x", "v1.0.7", "predicted patch, was 1.0.7, which no single bump of v1.0.0 gives"),
        (
            "feat: x",
            "v1.1.0-rc.3",
            "predicted 1.1.0-rc.1, was 1.1.0-rc.3: feat: x (0000000) asks for minor after v1.0.0",
        ),
    ],
)
def test_a_difference_is_explained_in_one_sentence(message: str, tag: str, why: str) -> None:
    """The sentence names what was predicted, what was, and the commit that decided."""
    judged = _replay(("feat: a", "v1.0.0"), (message, tag))
    assert judged[1].why.startswith(why)


def test_a_first_release_is_the_configured_one() -> None:
    """Where the first tag is another version, the sentence names the key that sets it."""
    assert "initial_version" in _replay(("feat: a", "v1.0.0"))[0].why
    assert _replay(("feat: a", "v1.0.0"), config=ProjectConfig(initial_version="1.0.0"))[0].agree


def test_hostile_text_stays_on_one_line_of_the_sentence() -> None:
    """Terminal and bidirectional controls of a message do not get into the explanation."""
    judged = _replay(("feat: a", "v1.0.0"), ("feat: \x1b[31mred\u202e evil", "v1.0.1"))
    assert judged[1].why.isprintable()


@pytest.mark.parametrize(
    ("last", "highest", "bump", "following"),
    [
        (None, None, Bump.MINOR, "0.1.0-beta.1"),
        ("1.0.0", "1.0.0", Bump.MINOR, "1.1.0-beta.1"),
        ("1.1.0-beta.1", "1.1.0-beta.1", Bump.PATCH, "1.1.0-beta.2"),
        ("1.1.0-beta.1", "1.1.0-beta.1", Bump.MINOR, "1.1.0-beta.2"),
        ("1.1.0-beta.1", "1.1.0-beta.1", Bump.MAJOR, "2.0.0-beta.1"),
        ("1.0.1-beta.1", "1.0.1-beta.1", Bump.MINOR, "1.1.0-beta.1"),
        ("2.0.0-beta.3", "2.0.0-beta.3", Bump.MAJOR, "2.0.0-beta.4"),
        ("1.0.0-beta", "1.0.0-beta", Bump.PATCH, "1.0.0-beta.1"),
    ],
)
def test_the_next_pre_release_is_semantic_releases(
    last: str | None, highest: str | None, bump: Bump, following: str
) -> None:
    """versioning-facts.md §2.1, item 8, measured there on the real tool."""
    versions = [parse_semver(each) if each else None for each in (last, highest)]
    assert next_on_channel(versions[0], versions[1], bump, "beta", "0.1.0") == following
