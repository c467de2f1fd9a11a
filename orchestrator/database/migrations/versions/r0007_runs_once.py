"""A run of SurfSense is in the ledger once, whichever purchase reports it."""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
loses: dict[str, str] = {}


def upgrade() -> None:
    """Make run ids unique, but for those that an older version has entered twice: they stay."""
    purchases = sa.table("purchases", sa.column("run_id"))
    run_id = purchases.c.run_id
    twice = sa.select(run_id).group_by(run_id).having(sa.func.count(run_id) > 1)
    doubled = op.get_bind().scalars(twice).all()
    unless = sa.column("run_id").not_in(doubled) if doubled else None
    op.create_index(
        *("ix_purchases_run_id", "purchases", ["run_id"]),
        unique=True,
        sqlite_where=unless,
        postgresql_where=unless,
    )


def downgrade() -> None:
    """Drop the index."""
    op.drop_index("ix_purchases_run_id", "purchases")
