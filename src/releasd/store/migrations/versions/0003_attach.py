"""A build may be left running for the next daemon to attach to, and its success says how it was made."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    """Apply."""
    op.add_column("build", sa.Column("task", sa.String(), nullable=True))
    op.add_column("build", sa.Column("log_start", sa.BigInteger(), nullable=True))
    op.add_column("build", sa.Column("evidence", sa.Text(), server_default="{}", nullable=False))
