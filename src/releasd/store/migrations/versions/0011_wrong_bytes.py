"""Which wrong bytes a file had when it was read last, so that they are an alarm again once they were right."""

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"

# Until now the same wrong bytes were told once for all time: what was alarmed last is taken for what is there.
_AS_ALARMED = """
UPDATE index_file SET wrong = (
  SELECT found FROM index_alarm
  WHERE kind = 'bytes' AND index_alarm.project = index_file.project AND index_alarm."index" = index_file."index"
    AND index_alarm.distribution = index_file.distribution AND index_alarm.filename = index_file.filename
  ORDER BY id DESC LIMIT 1)
"""


def upgrade() -> None:
    """Apply."""
    op.add_column("index_file", sa.Column("wrong", sa.String(64), nullable=True))
    op.execute(_AS_ALARMED)
