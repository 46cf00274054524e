"""What the operator wrote of a project, as the engine sees it."""

from pathlib import Path

import pytest

from releasd import config
from releasd.app.world import registered


@pytest.mark.parametrize(("required", "seen"), [(True, "/etc/signers"), (False, None)])
def test_signers_count_only_where_signatures_are_required(required: bool, seen: str | None) -> None:  # noqa: FBT001
    """With the rule switched off the list may stay in the file, and nothing is asked of a commit."""
    policy = config.Policy(require_signed_commits=required, allowed_signers=Path("/etc/signers"))
    assert registered("demo", config.Project(repository="/demo.git", policy=policy)).allowed_signers == seen
