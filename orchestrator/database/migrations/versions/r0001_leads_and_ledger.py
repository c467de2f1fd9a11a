"""Leads, decisions, opportunities and the append-only ledger of purchases."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
loses = {
    "leads": "leads",
    "decisions about leads": "decisions",
    "opportunities": "opportunities",
    "purchases in the ledger": "purchases",
}


def upgrade() -> None:
    """Create the first four tables."""
    _create_leads()
    _create_decisions()
    _create_opportunities()
    _create_purchases()
    make_append_only("purchases")


def downgrade() -> None:
    """Drop all tables."""
    for table in ("opportunities", "decisions", "leads"):
        op.drop_table(table)
    drop_append_only("purchases")


def _create_leads() -> None:
    op.create_table(
        "leads",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("company", sa.Text(), nullable=False),
        sa.Column("contact", sa.Text(), nullable=False),
        sa.Column("email", sa.Text(), nullable=False),
        sa.Column("website", sa.Text()),
        sa.Column("country", sa.Text()),
        sa.Column("phone", sa.Text()),
        sa.Column("source", sa.Text()),
        sa.Column("notes", sa.Text()),
        sa.Column("imported_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_leads"),
    )


def _create_decisions() -> None:
    op.create_table(
        "decisions",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("lead_id", sa.Uuid(), nullable=False),
        sa.Column("agent", sa.Text(), nullable=False),
        sa.Column("version", sa.Text(), nullable=False),
        sa.Column("basis", sa.Text(), nullable=False),
        sa.Column("company_key", sa.Text(), nullable=False),
        sa.Column("verdict", sa.String(16), nullable=False),
        sa.Column("code", sa.Text(), nullable=False),
        sa.Column("reason_en", sa.Text(), nullable=False),
        sa.Column("reason_es", sa.Text(), nullable=False),
        sa.Column("score", sa.Integer()),
        sa.Column("draft", sa.JSON()),
        sa.Column("details", sa.JSON(), nullable=False),
        sa.Column("simulated", sa.Boolean(), nullable=False),
        sa.Column("decided_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("confirmed_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_decisions"),
        sa.ForeignKeyConstraint(
            ["lead_id"], ["leads.id"], name="fk_decisions_lead_id", ondelete="CASCADE"
        ),
        sa.UniqueConstraint("lead_id", "agent", "version", "basis", name="uq_decisions_lead_id"),
        sa.CheckConstraint("score BETWEEN 0 AND 100", name=op.f("ck_decisions_score")),
    )
    op.create_index("ix_decisions_company_key", "decisions", ["company_key"])


def _create_opportunities() -> None:
    op.create_table(
        "opportunities",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("lead_id", sa.Uuid(), nullable=False),
        sa.Column("company_key", sa.Text(), nullable=False),
        sa.Column("score", sa.Integer(), nullable=False),
        sa.Column("value_amount", sa.BigInteger(), nullable=False),
        sa.Column("value_currency", sa.String(3), nullable=False),
        sa.Column("probability", sa.Float(), nullable=False),
        sa.Column("next_step_en", sa.Text(), nullable=False),
        sa.Column("next_step_es", sa.Text(), nullable=False),
        sa.Column("simulated", sa.Boolean(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_opportunities"),
        sa.ForeignKeyConstraint(
            ["lead_id"], ["leads.id"], name="fk_opportunities_lead_id", ondelete="CASCADE"
        ),
        sa.UniqueConstraint("lead_id", name="uq_opportunities_lead_id"),
        sa.CheckConstraint("score BETWEEN 0 AND 100", name=op.f("ck_opportunities_score")),
        sa.CheckConstraint(
            "probability BETWEEN 0 AND 1", name=op.f("ck_opportunities_probability")
        ),
    )
    op.create_index("ix_opportunities_created_at", "opportunities", ["created_at"])


def _create_purchases() -> None:
    op.create_table(
        "purchases",
        sa.Column("purchase_id", sa.Text(), nullable=False),
        sa.Column("company_key", sa.Text(), nullable=False),
        sa.Column("company", sa.Text(), nullable=False),
        sa.Column("job_id", sa.Text()),
        sa.Column("tenant", sa.Text(), nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("protocol", sa.Text(), nullable=False),
        sa.Column("outcome", sa.Text(), nullable=False),
        sa.Column("cost_micros", sa.BigInteger(), nullable=False),
        sa.Column("estimated", sa.Boolean(), nullable=False),
        sa.Column("started_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("settled_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("settled_day", sa.Date(), nullable=False),
        sa.Column("recorded_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("purchase_id", name="pk_purchases"),
        sa.CheckConstraint("cost_micros >= 0", name=op.f("ck_purchases_cost_micros")),
    )
    op.create_index("ix_purchases_company_key", "purchases", ["company_key"])
    op.create_index("ix_purchases_settled_day", "purchases", ["settled_day"])


def make_append_only(table: str) -> None:
    """Add triggers to *table* that refuse changes and deletions."""
    refusal = f"{table} is append-only"
    if op.get_bind().dialect.name == "sqlite":
        for change in ("UPDATE", "DELETE"):
            op.execute(
                f"CREATE TRIGGER {table}_refuse_{change.lower()} BEFORE {change} ON {table} "
                f"BEGIN SELECT RAISE(ABORT, '{refusal}'); END"
            )
        return
    op.execute(
        f"CREATE FUNCTION {table}_refuse_change() RETURNS trigger LANGUAGE plpgsql AS "
        f"$$ BEGIN RAISE EXCEPTION '{refusal}'; END $$"
    )
    op.execute(
        f"CREATE TRIGGER {table}_refuse_change BEFORE UPDATE OR DELETE OR TRUNCATE ON {table} "
        f"FOR EACH STATEMENT EXECUTE FUNCTION {table}_refuse_change()"
    )


def drop_append_only(table: str) -> None:
    """Drop *table* with what refuses its changes."""
    op.drop_table(table)
    if op.get_bind().dialect.name == "postgresql":
        op.execute(f"DROP FUNCTION {table}_refuse_change")
