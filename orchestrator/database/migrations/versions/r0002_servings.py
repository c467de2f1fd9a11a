"""How often each purchase has served since; the ledger by job, and with the seller's ids."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
loses = {
    "counts of reuse": "servings",
    "run ids of purchases": "purchases WHERE run_id IS NOT NULL",
}


def upgrade() -> None:
    """Create the table of servings; let purchases be found by job, and name their runs."""
    op.create_table(
        "servings",
        sa.Column("purchase_id", sa.Text(), nullable=False),
        sa.Column("source", sa.String(16), nullable=False),
        sa.Column("served", sa.BigInteger(), nullable=False),
        sa.Column("saved_micros", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("purchase_id", "source", name="pk_servings"),
    )
    op.add_column("purchases", sa.Column("run_id", sa.Text(), nullable=True))
    op.create_index("ix_purchases_job_id", "purchases", ["job_id"])


def downgrade() -> None:
    """Drop the table, the column and the index."""
    op.drop_index("ix_purchases_job_id", "purchases")
    op.drop_column("purchases", "run_id")
    op.drop_table("servings")
