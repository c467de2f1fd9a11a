"""What became of purchases that were entered as uncertain, append-only."""

import sqlalchemy as sa
from alembic import op

from orchestrator.database.migrations.versions.r0001_leads_and_ledger import (
    drop_append_only,
    make_append_only,
)

revision = "0008"
down_revision = "0007"
loses = {"resolutions of uncertain purchases": "resolutions"}


def upgrade() -> None:
    """Create the table of resolutions."""
    op.create_table(
        "resolutions",
        sa.Column("purchase_id", sa.Text(), nullable=False),
        sa.Column("outcome", sa.Text(), nullable=False),
        sa.Column("cost_micros", sa.BigInteger(), nullable=False),
        sa.Column("estimated", sa.Boolean(), nullable=False),
        sa.Column("resolved_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("purchase_id", name="pk_resolutions"),
        sa.ForeignKeyConstraint(
            ["purchase_id"],
            ["purchases.purchase_id"],
            name="fk_resolutions_purchase_id",
        ),
        sa.CheckConstraint("cost_micros >= 0", name="ck_resolutions_cost_micros"),
    )
    make_append_only("resolutions")


def downgrade() -> None:
    """Drop the table of resolutions."""
    drop_append_only("resolutions")
