"""A job may wait for a person's approval."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    """Apply."""
    op.add_column("job", sa.Column("approved", sa.Boolean(), nullable=False, server_default=sa.false()))
