"""The outbox: opportunities that the sales agent has yet to receive."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
loses = {"hand-overs": "handovers"}


def upgrade() -> None:
    """Create the outbox."""
    op.create_table(
        "handovers",
        sa.Column("event_id", sa.Uuid(), nullable=False),
        sa.Column("opportunity_id", sa.Uuid(), nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        sa.Column("state", sa.String(16), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("due_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("token", sa.String(32), nullable=True),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("delivered_at", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("event_id", name="pk_handovers"),
        sa.ForeignKeyConstraint(
            ["opportunity_id"],
            ["opportunities.id"],
            name="fk_handovers_opportunity_id",
            ondelete="CASCADE",
        ),
        sa.UniqueConstraint("opportunity_id", name="uq_handovers_opportunity_id"),
    )
    op.create_index("ix_handovers_state", "handovers", ["state", "due_at"])


def downgrade() -> None:
    """Drop the outbox."""
    op.drop_table("handovers")
