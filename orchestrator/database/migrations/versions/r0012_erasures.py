"""What was erased about persons, and when: counts without personal data, append-only."""

import sqlalchemy as sa
from alembic import op

from orchestrator.database.migrations.versions.r0001_leads_and_ledger import (
    drop_append_only,
    make_append_only,
)

revision = "0012"
down_revision = "0011"
loses = {"records of erasures": "erasures"}


def upgrade() -> None:
    """Create the table of erasures.

    A process of the version before can go on reading and writing.
    """
    counts = ("leads", "decisions", "opportunities", "hand_overs", "archived_answers")
    op.create_table(
        "erasures",
        sa.Column("id", sa.Uuid(), nullable=False),
        *(sa.Column(name, sa.Integer(), nullable=False) for name in counts),
        sa.Column("erased_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_erasures"),
    )
    make_append_only("erasures")


def downgrade() -> None:
    """Drop the table of erasures."""
    drop_append_only("erasures")
