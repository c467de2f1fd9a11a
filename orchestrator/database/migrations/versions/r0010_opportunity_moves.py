"""The states that opportunities went through. Rows go only with their opportunity."""

import sqlalchemy as sa
from alembic import op

from orchestrator.database.migrations.versions.r0001_leads_and_ledger import drop_append_only

revision = "0010"
down_revision = "0009"
loses = {
    "moves of opportunities": (
        "opportunity_moves WHERE before IS NOT NULL OR moved_by IS NOT NULL OR why IS NOT NULL"
    )
}

_REFUSAL = "opportunity_moves is append-only"
# A cascade deletes the opportunity before its moves.
_HAS_ITS_OPPORTUNITY = "EXISTS (SELECT 1 FROM opportunities WHERE id = OLD.opportunity_id)"


def upgrade() -> None:
    """Create the table; each stored opportunity has begun as `nueva`, what followed is not known.

    A process of the version before can go on writing; the moves that it makes are not in the table.
    """
    op.create_table(
        "opportunity_moves",
        sa.Column("opportunity_id", sa.Uuid(), nullable=False),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.Column("before", sa.String(16)),
        sa.Column("after", sa.String(16), nullable=False),
        sa.Column("moved_by", sa.Text()),
        sa.Column("why", sa.Text()),
        sa.Column("moved_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["opportunity_id"],
            ["opportunities.id"],
            name="fk_opportunity_moves_opportunity_id",
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("opportunity_id", "version", name="pk_opportunity_moves"),
    )
    op.execute(
        "INSERT INTO opportunity_moves (opportunity_id, version, after, moved_at) "
        "SELECT id, 1, 'nueva', created_at FROM opportunities"
    )
    if op.get_bind().dialect.name == "sqlite":
        _refuse_on_sqlite()
    else:
        _refuse_on_postgresql()


def downgrade() -> None:
    """Drop the table of moves."""
    drop_append_only("opportunity_moves")


def _refuse_on_sqlite() -> None:
    for change, condition in (("UPDATE", ""), ("DELETE", f"WHEN {_HAS_ITS_OPPORTUNITY} ")):
        op.execute(
            f"CREATE TRIGGER opportunity_moves_refuse_{change.lower()} "
            f"BEFORE {change} ON opportunity_moves FOR EACH ROW {condition}"
            f"BEGIN SELECT RAISE(ABORT, '{_REFUSAL}'); END"
        )


def _refuse_on_postgresql() -> None:
    op.execute(
        "CREATE FUNCTION opportunity_moves_refuse_change() RETURNS trigger LANGUAGE plpgsql AS "
        f"$$ BEGIN IF TG_OP = 'DELETE' THEN IF NOT {_HAS_ITS_OPPORTUNITY} "
        f"THEN RETURN OLD; END IF; END IF; RAISE EXCEPTION '{_REFUSAL}'; END $$"
    )
    # `emasai db upgrade` knows by the first one's name that the application may only add rows.
    for name, change in (
        ("change", "UPDATE OR DELETE ON opportunity_moves FOR EACH ROW"),
        ("truncate", "TRUNCATE ON opportunity_moves FOR EACH STATEMENT"),
    ):
        op.execute(
            f"CREATE TRIGGER opportunity_moves_refuse_{name} BEFORE {change} "
            "EXECUTE FUNCTION opportunity_moves_refuse_change()"
        )
