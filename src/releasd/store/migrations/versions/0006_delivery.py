"""How far each file has come on each destination."""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    """Apply."""
    op.create_table(
        "destination",
        sa.Column("job_id", sa.Integer(), nullable=False),
        sa.Column("index", sa.String(), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("proven_at", sa.BigInteger(), nullable=True),
        sa.Column("evidence", sa.Text(), server_default="{}", nullable=False),
        sa.Column("warned", sa.Integer(), server_default="0", nullable=False),
        sa.ForeignKeyConstraint(["job_id"], ["job.id"], name="fk_destination_job_id"),
        sa.PrimaryKeyConstraint("job_id", "index", name="pk_destination"),
        sa.UniqueConstraint("job_id", "position", name="uq_destination_position"),
    )
    op.create_table(
        "delivery",
        sa.Column("job_id", sa.Integer(), nullable=False),
        sa.Column("index", sa.String(), nullable=False),
        sa.Column("filename", sa.String(), nullable=False),
        sa.Column("sha256", sa.String(length=64), nullable=False),
        sa.Column("size", sa.BigInteger(), nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("error", sa.Text(), nullable=True),
        sa.Column("planned_at", sa.BigInteger(), nullable=False),
        sa.Column("uploaded_at", sa.BigInteger(), nullable=True),
        sa.Column("served_at", sa.BigInteger(), nullable=True),
        sa.Column("verified_at", sa.BigInteger(), nullable=True),
        sa.CheckConstraint(
            "(state = 'planned' AND uploaded_at IS NULL AND served_at IS NULL AND verified_at IS NULL) OR "
            "(state = 'uploaded' AND uploaded_at IS NOT NULL AND served_at IS NULL AND verified_at IS NULL) OR "
            "(state = 'served' AND served_at IS NOT NULL AND verified_at IS NULL) OR "
            "(state = 'verified' AND served_at IS NOT NULL AND verified_at IS NOT NULL)",
            name=op.f("ck_delivery_times"),
        ),
        sa.ForeignKeyConstraint(["job_id"], ["job.id"], name="fk_delivery_job_id"),
        sa.PrimaryKeyConstraint("job_id", "index", "filename", name="pk_delivery"),
    )
