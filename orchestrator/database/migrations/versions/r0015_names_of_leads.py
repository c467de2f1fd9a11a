"""Leads are found by the name of the person together with the company."""

import sqlalchemy as sa
from alembic import op

revision = "0015"
down_revision = "0014"
loses: dict[str, str] = {}


def upgrade() -> None:
    """Add the columns, which the next import fills in, and their indexes.

    A process of the version before can go on reading and writing.
    """
    for name in ("name_at_company", "name_at_domain"):
        op.add_column("leads", sa.Column(name, sa.Text()))
        op.create_index(f"ix_leads_{name}", "leads", [name])


def downgrade() -> None:
    """Drop the columns."""
    for name in ("name_at_company", "name_at_domain"):
        op.drop_index(f"ix_leads_{name}", "leads")
        op.drop_column("leads", name)
