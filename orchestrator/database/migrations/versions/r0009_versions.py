"""Versions and states of leads and opportunities, and the outbox of their cached copies."""

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"
loses = {
    "versions and states of leads": "leads WHERE version > 1",
    "versions and states of opportunities": "opportunities WHERE version > 1",
    "versions of what was deleted": "deleted_versions",
    "repairs of cached copies": "cache_outbox",
}

_FIRST_STATES = {"leads": "nuevo", "opportunities": "nueva"}


def upgrade() -> None:
    """Add the columns and the tables; a process of the version before can go on writing."""
    for table, first in _FIRST_STATES.items():
        columns = (
            sa.Column("version", sa.BigInteger(), nullable=False, server_default="1"),
            sa.Column("estado", sa.String(16), nullable=False, server_default=first),
            sa.Column("changed_at", sa.DateTime(timezone=True)),
        )
        for column in columns:
            op.add_column(table, column)
    op.create_index("ix_leads_imported_at", "leads", ["imported_at", "id"])
    op.create_table(
        "deleted_versions",
        sa.Column("key", sa.String(64), nullable=False),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.Column("deleted_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("key", name="pk_deleted_versions"),
    )
    op.create_table(
        "cache_outbox",
        sa.Column("token", sa.String(32), nullable=False),
        sa.Column("versions", sa.JSON(), nullable=False),
        sa.Column("due_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("token", name="pk_cache_outbox"),
    )
    op.create_index("ix_cache_outbox_due_at", "cache_outbox", ["due_at"])
    _set_states()


def downgrade() -> None:
    """Drop the columns and the tables."""
    op.drop_table("cache_outbox")
    op.drop_table("deleted_versions")
    op.drop_index("ix_leads_imported_at", "leads")
    for table in _FIRST_STATES:
        for column in ("changed_at", "estado", "version"):
            op.drop_column(table, column)


def _set_states() -> None:
    """Give stored leads the state that their decisions and opportunities say."""
    op.execute(
        "UPDATE leads SET estado = 'oportunidad' WHERE id IN (SELECT lead_id FROM opportunities)"
    )
    op.execute(
        "UPDATE leads SET estado = 'descartado' WHERE estado = 'nuevo' "
        "AND id IN (SELECT lead_id FROM decisions WHERE verdict = 'discard')"
    )
