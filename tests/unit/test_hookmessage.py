"""The hook's line of JSON is believed only where it is well formed."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from releasd.core.hookmessage import MAX_LINE, parse_message
from releasd.errors import UsageError
from releasd.model import PushHint

GOOD: dict[str, Any] = {
    "v": 1,
    "repository": "/srv/git/project.git",
    "ref": "refs/heads/main",
    "old": "1" * 40,
    "new": "a" * 40,
    "options": ["bump=minor"],
    "source": "post-receive",
}


def line(**changes: Any) -> bytes:
    """Return the good message with some fields changed; None leaves a field out."""
    return json.dumps({key: value for key, value in (GOOD | changes).items() if value is not None}).encode()


def test_a_message_becomes_a_hint_with_the_kernels_uid() -> None:
    """Every field arrives; the uid is the one handed in, never one that the sender names."""
    assert parse_message(line(uid=0), 1000) == PushHint(
        repository="/srv/git/project.git",
        ref="refs/heads/main",
        old="1" * 40,
        new="a" * 40,
        source="hook",
        uid=1000,
        options=("bump=minor",),
    )


def test_an_unknown_old_value_is_none() -> None:
    """All zeros means a new branch, or a client that does not know."""
    assert parse_message(line(old="0" * 40), 1).old is None


@pytest.mark.parametrize(
    ("ref", "remote", "branch"),
    [
        ("refs/remotes/origin/main", "origin", "refs/heads/main"),
        ("refs/remotes/origin/release/1.x", None, "refs/heads/release/1.x"),
        ("refs/remotes/team/fork/main", "team/fork", "refs/heads/main"),
        ("refs/remotes/origin/main", "other", "refs/heads/main"),
    ],
)
def test_a_remote_tracking_ref_stands_for_the_remotes_branch(ref: str, remote: str | None, branch: str) -> None:
    """The client's hook sees refs/remotes/…; the daemon releases branches."""
    hint = parse_message(line(ref=ref, remote=remote, source="reference-transaction"), 1, source="spool")
    assert (hint.ref, hint.source) == (branch, "spool")


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        (b"", "truncated"),
        (b"hello", "malformed"),
        (b"[]", "object"),
        (b"\x00\xff\xfe", "malformed"),
        (b"[" * 60_000, "object"),
        (b'{"v":1,"x":' + b"[" * 60_000, "recursion"),
        (line(repository="\udcff"), "surrogate"),
        (line(v=2), "version 2"),
        (line(v="1"), "int"),
        (line(repository=None), "repository"),
        (line(repository="project.git"), "absolute"),
        (line(repository="/a\0b"), "NUL"),
        (line(ref="refs/tags/v1"), "refs/heads/"),
        (line(ref="main"), "refs/heads/"),
        (line(ref="refs/heads/"), "valid"),
        (line(ref="refs/heads/a..b"), "valid"),
        (line(ref="refs/heads/a b"), "valid"),
        (line(ref="refs/heads/../../config"), "valid"),
        (line(ref="refs/remotes/origin"), "no branch"),
        (line(new="a" * 39), "object name"),
        (line(new="A" * 40), "object name"),
        (line(old="--exec=x"), "object name"),
        (line(new="0" * 40), "deleted"),
        (line(options="bump=minor"), "array"),
        (line(options=[1]), "str"),
        (line(source="operator"), "enum"),
        (line(options=["x" * MAX_LINE]), "longer"),
    ],
)
def test_what_is_no_message_is_refused_with_its_reason(text: bytes, problem: str) -> None:
    """Whatever anyone sends ends in one clear error that tells what to do."""
    with pytest.raises(UsageError, match=problem) as caught:
        parse_message(text, 1)
    assert "hook install" in caught.value.advice


@given(st.binary(max_size=300))
def test_no_bytes_at_all_raise_anything_else(text: bytes) -> None:
    """The intake answers a UsageError; any other error would be a fault of ours."""
    with pytest.raises(UsageError):
        parse_message(text, 1)
