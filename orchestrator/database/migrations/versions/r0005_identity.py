"""Which companies go by a name, and what people decided about it, append-only."""

import sqlalchemy as sa
from alembic import op

from orchestrator.database.migrations.versions.r0001_leads_and_ledger import (
    drop_append_only,
    make_append_only,
)

revision = "0005"
down_revision = "0004"
loses = {
    "name assignments": "identity_claims",
    "decisions about companies": "identity_decisions",
}


def upgrade() -> None:
    """Create the tables of claims and of decisions."""
    op.create_table(
        "identity_claims",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("name_key", sa.Text(), nullable=False),
        sa.Column("domain", sa.Text(), nullable=False),
        sa.Column("company_key", sa.Text(), nullable=False),
        sa.Column("company", sa.Text(), nullable=False),
        sa.Column("country", sa.String(2)),
        sa.Column("legal_form", sa.Text()),
        sa.Column("refined", sa.Boolean(), nullable=False),
        sa.Column("claimed_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_identity_claims"),
        sa.UniqueConstraint("name_key", "domain", name="uq_identity_claims_name_key"),
    )
    op.create_index("ix_identity_claims_company_key", "identity_claims", ["company_key"])
    op.create_index("ix_identity_claims_domain", "identity_claims", ["domain"])
    op.create_index("ix_identity_claims_refined", "identity_claims", ["refined", "id"])
    op.create_table(
        "identity_decisions",
        sa.Column("number", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("kind", sa.String(16), nullable=False),
        sa.Column("subject", sa.Text(), nullable=False),
        sa.Column("target", sa.Text()),
        sa.Column("decided_by", sa.Text(), nullable=False),
        sa.Column("why", sa.Text(), nullable=False),
        sa.Column("decided_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("number", name="pk_identity_decisions"),
    )
    make_append_only("identity_decisions")


def downgrade() -> None:
    """Drop both tables."""
    op.drop_table("identity_claims")
    drop_append_only("identity_decisions")
