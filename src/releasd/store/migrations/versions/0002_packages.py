"""Several packages and several branches of one repository."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"

_FRESH = "state = 'queued' AND NOT irrevocable"
_COPY = """
INSERT INTO branch_head (project, branch, "commit", at)
SELECT project, COALESCE(
    (SELECT substr(ref, 12) FROM push WHERE push.project = project_head.project AND ref LIKE 'refs/heads/%'
     ORDER BY id DESC LIMIT 1),
    (SELECT branch FROM job WHERE job.project = project_head.project ORDER BY id DESC LIMIT 1), 'main'
), "commit", at FROM project_head
"""
_LIVE_VERSION = "version IS NOT NULL AND state IN ('queued', 'running')"


def upgrade() -> None:
    """Apply."""
    op.add_column("job", sa.Column("package", sa.String(), nullable=False, server_default=""))
    _again("uq_job_one_fresh", ["project", "branch", "package"], _FRESH)
    _again("uq_job_one_live_version", ["project", "package", "version"], _LIVE_VERSION)
    _branch_head()


def _again(name: str, columns: list[str], where: str) -> None:
    op.drop_index(name, table_name="job")
    condition = sa.text(where)
    op.create_index(name, "job", columns, unique=True, sqlite_where=condition, postgresql_where=condition)


def _branch_head() -> None:
    op.create_table(
        "branch_head",
        sa.Column("project", sa.String(), nullable=False),
        sa.Column("branch", sa.String(), nullable=False),
        sa.Column("commit", sa.String(), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("project", "branch", name="pk_branch_head"),
    )
    op.execute(_COPY)
    op.drop_table("project_head")
