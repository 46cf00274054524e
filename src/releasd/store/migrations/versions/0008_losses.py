"""How often in a row a host lost builds, and each time that a build was lost, so that neither goes on for ever."""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"


def upgrade() -> None:
    """Apply."""
    op.add_column("build", sa.Column("losses", sa.Text(), server_default="[]", nullable=False))
    op.add_column("host_state", sa.Column("losses", sa.Integer(), server_default="0", nullable=False))
