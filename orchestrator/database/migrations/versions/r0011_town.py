"""The town of a lead's company, which tells it from others of its name."""

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"
loses = {"towns of leads": "leads WHERE city IS NOT NULL"}


def upgrade() -> None:
    """Add the column; of stored leads, no town is known.

    A process of the version before can go on reading and writing.
    """
    op.add_column("leads", sa.Column("city", sa.Text()))


def downgrade() -> None:
    """Drop the column."""
    op.drop_column("leads", "city")
