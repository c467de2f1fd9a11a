"""What each purchase has brought."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
loses = {"archived answers": "evidence"}


def upgrade() -> None:
    """Create the evidence archive."""
    op.create_table(
        "evidence",
        sa.Column("purchase_id", sa.Text(), nullable=False),
        sa.Column("body", sa.LargeBinary(), nullable=False),
        sa.Column("archived_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("purchase_id", name="pk_evidence"),
        sa.ForeignKeyConstraint(
            ["purchase_id"], ["purchases.purchase_id"], name="fk_evidence_purchase_id"
        ),
    )
    op.create_index("ix_evidence_archived_at", "evidence", ["archived_at"])


def downgrade() -> None:
    """Drop the evidence archive."""
    op.drop_table("evidence")
