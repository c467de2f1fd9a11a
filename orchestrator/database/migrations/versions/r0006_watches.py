"""What is looked at again, and which purchases were made so."""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
loses = {
    "watches": "watches",
    "marks of refreshes": "purchases WHERE refresh",
}


def upgrade() -> None:
    """Create the table of watches; mark refreshes in the ledger."""
    op.create_table(
        "watches",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("kind", sa.String(16), nullable=False),
        sa.Column("tenant", sa.Text(), nullable=False),
        sa.Column("company_key", sa.Text(), nullable=False),
        sa.Column("company", sa.Text(), nullable=False),
        sa.Column("every_s", sa.BigInteger(), nullable=False),
        sa.Column("paused", sa.Boolean(), nullable=False),
        sa.Column("next_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("job_id", sa.Text(), nullable=True),
        sa.Column("rejudge", sa.Boolean(), nullable=False),
        sa.Column("digest", sa.Text(), nullable=True),
        sa.Column("ran_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("outcome", sa.Text(), nullable=True),
        sa.Column("spent_micros", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_watches"),
        sa.CheckConstraint("every_s > 0", name="ck_watches_every_s"),
    )
    op.create_index("ix_watches_tenant", "watches", ["tenant"])
    op.add_column(
        "purchases",
        sa.Column("refresh", sa.Boolean(), server_default=sa.false(), nullable=False),
    )


def downgrade() -> None:
    """Drop the table and the column."""
    op.drop_column("purchases", "refresh")
    op.drop_table("watches")
