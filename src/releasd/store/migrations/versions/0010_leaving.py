"""Where a branch still is while a push of our own is on its way: a look in between is no news."""

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"


def upgrade() -> None:
    """Apply."""
    op.add_column("branch_head", sa.Column("leaving", sa.String(), nullable=True))
