"""The tables. Migrations build them; a test holds the two against each other.

Leads hold personal data: erasing one erases what was concluded about it. The ledger knows
companies only, no persons, and its rows are never changed (triggers refuse it).
"""

from enum import StrEnum
from typing import Final

from sqlalchemy import (
    JSON,
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    Date,
    Float,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Subquery,
    Table,
    UniqueConstraint,
    Uuid,
    false,
    func,
    select,
)

from .types import Instant, Prose


class PurchaseOutcome(StrEnum):
    """What the money brought."""

    FOUND = "found"
    NOT_FOUND = "not_found"
    AMBIGUOUS = "ambiguous"
    FAILED = "failed"
    """Charged, and the answer cannot be read."""
    UNCERTAIN = "uncertain"
    """Sent, and its answer was lost: nobody can know whether it was charged."""
    NOT_CHARGED = "not_charged"
    """Was entered as uncertain, and turned out to have cost nothing."""
    LOST = "lost"
    """As earlier versions have entered what is uncertain; never written any more."""


#: Outcomes whose cost may be on the seller's bill or not.
UNCERTAIN: Final = frozenset({PurchaseOutcome.UNCERTAIN, PurchaseOutcome.LOST})


metadata: Final = MetaData(
    naming_convention={
        "pk": "pk_%(table_name)s",
        "fk": "fk_%(table_name)s_%(column_0_name)s",
        "uq": "uq_%(table_name)s_%(column_0_name)s",
        "ix": "ix_%(table_name)s_%(column_0_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
    }
)

leads: Final = Table(
    "leads",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("company", Prose, nullable=False),
    Column("contact", Prose, nullable=False),
    Column("email", Prose, nullable=False),
    Column("website", Prose),
    Column("country", Prose),
    Column("phone", Prose),
    Column("source", Prose),
    Column("notes", Prose),
    Column("imported_at", Instant, nullable=False),
)

# One row for each agent, version of its rules and `basis` (what identifies the evidence):
# judging the same again confirms the row instead of adding one.
decisions: Final = Table(
    "decisions",
    metadata,
    # SQLite numbers rows by itself only where the type is exactly INTEGER (64 bits there).
    Column("id", BigInteger().with_variant(Integer, "sqlite"), primary_key=True),
    Column("lead_id", Uuid, ForeignKey("leads.id", ondelete="CASCADE"), nullable=False),
    Column("agent", Prose, nullable=False),
    Column("version", Prose, nullable=False),
    Column("basis", Prose, nullable=False),
    Column("company_key", Prose, nullable=False),
    Column("verdict", String(16), nullable=False),
    Column("code", Prose, nullable=False),
    Column("reason_en", Prose, nullable=False),
    Column("reason_es", Prose, nullable=False),
    Column("score", Integer),
    Column("draft", JSON(none_as_null=True)),
    Column("details", JSON, nullable=False),
    Column("simulated", Boolean, nullable=False),
    Column("decided_at", Instant, nullable=False),
    Column("confirmed_at", Instant, nullable=False),
    UniqueConstraint("lead_id", "agent", "version", "basis"),
    CheckConstraint("score BETWEEN 0 AND 100", name="score"),
    Index(None, "company_key"),
)

opportunities: Final = Table(
    "opportunities",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column(
        "lead_id", Uuid, ForeignKey("leads.id", ondelete="CASCADE"), nullable=False, unique=True
    ),
    Column("company_key", Prose, nullable=False),
    Column("score", Integer, nullable=False),
    Column("value_amount", BigInteger, nullable=False),
    Column("value_currency", String(3), nullable=False),
    Column("probability", Float, nullable=False),
    Column("next_step_en", Prose, nullable=False),
    Column("next_step_es", Prose, nullable=False),
    Column("simulated", Boolean, nullable=False),
    Column("created_at", Instant, nullable=False),
    CheckConstraint("score BETWEEN 0 AND 100", name="score"),
    CheckConstraint("probability BETWEEN 0 AND 1", name="probability"),
    Index(None, "created_at"),
)

# The ledger. `settled_day` is the UTC day of `settled_at`: stored, so that both databases
# group by it alike and with an index.
purchases: Final = Table(
    "purchases",
    metadata,
    Column("purchase_id", Prose, primary_key=True),
    Column("company_key", Prose, nullable=False),
    Column("company", Prose, nullable=False),
    Column("job_id", Prose),
    Column("tenant", Prose, nullable=False),
    Column("source", Prose, nullable=False),
    Column("protocol", Prose, nullable=False),
    Column("outcome", Prose, nullable=False),
    Column("run_id", Prose),
    Column("cost_micros", BigInteger, nullable=False),
    Column("estimated", Boolean, nullable=False),
    Column("started_at", Instant, nullable=False),
    Column("settled_at", Instant, nullable=False),
    Column("settled_day", Date, nullable=False),
    Column("recorded_at", Instant, nullable=False),
    Column("refresh", Boolean, nullable=False, server_default=false()),
    CheckConstraint("cost_micros >= 0", name="cost_micros"),
    Index(None, "company_key"),
    Index(None, "job_id"),
    Index(None, "settled_day"),
    Index(None, "run_id", unique=True),
)

# What became of purchases that were entered as uncertain, where it was learned after all: their
# answers came late, or they turned out not to be charged. The entries themselves never change.
resolutions: Final = Table(
    "resolutions",
    metadata,
    Column("purchase_id", Prose, ForeignKey("purchases.purchase_id"), primary_key=True),
    Column("outcome", Prose, nullable=False),
    Column("cost_micros", BigInteger, nullable=False),
    Column("estimated", Boolean, nullable=False),
    Column("resolved_at", Instant, nullable=False),
    CheckConstraint("cost_micros >= 0", name="cost_micros"),
)


def _settled() -> Subquery:
    resolved = ("outcome", "cost_micros", "estimated")
    columns = [column for column in purchases.c if column.name not in resolved]
    as_known = [
        func.coalesce(resolutions.c[name], purchases.c[name]).label(name) for name in resolved
    ]
    joined = purchases.outerjoin(resolutions, resolutions.c.purchase_id == purchases.c.purchase_id)
    return select(*columns, *as_known).select_from(joined).subquery("settled")


#: The ledger as it is known today: purchases, with their resolutions where there are some.
settled: Final = _settled()

# Counts beside the ledger, whose rows never change: how many lookups a purchase has answered
# since, and how (`hit`, `coalesced`, ...). No foreign key: they may be written before it is.
servings: Final = Table(
    "servings",
    metadata,
    Column("purchase_id", Prose, primary_key=True),
    Column("source", String(16), primary_key=True),
    Column("served", BigInteger, nullable=False),
    Column("saved_micros", BigInteger, nullable=False),
)

# What purchases have brought, packed. Not part of the ledger, which is for ever: this is
# dropped when it has been kept long enough.
evidence: Final = Table(
    "evidence",
    metadata,
    Column("purchase_id", Prose, ForeignKey("purchases.purchase_id"), primary_key=True),
    Column("body", LargeBinary, nullable=False),
    Column("archived_at", Instant, nullable=False),
    Index(None, "archived_at"),
)

# The outbox: written with each opportunity, and worked off by whoever claims a row. `body` is
# what the receiver gets, byte by byte; `due_at` of a claimed row is when the claim lapses.
handovers: Final = Table(
    "handovers",
    metadata,
    Column("event_id", Uuid, primary_key=True),
    Column(
        "opportunity_id",
        Uuid,
        ForeignKey("opportunities.id", ondelete="CASCADE"),
        nullable=False,
        unique=True,
    ),
    Column("body", Prose, nullable=False),
    Column("state", String(16), nullable=False),
    Column("attempts", Integer, nullable=False),
    Column("due_at", Instant, nullable=False),
    Column("token", String(32)),
    Column("reason", Prose),
    Column("created_at", Instant, nullable=False),
    Column("delivered_at", Instant),
    Index(None, "state", "due_at"),
)

# Which companies go by a name: `refined` where the key is not the name's own, so that the name
# is shared. Rows are only added. The first of a name and domain stays.
identity_claims: Final = Table(
    "identity_claims",
    metadata,
    Column("id", BigInteger().with_variant(Integer, "sqlite"), primary_key=True),
    Column("name_key", Prose, nullable=False),
    Column("domain", Prose, nullable=False),
    Column("company_key", Prose, nullable=False),
    Column("company", Prose, nullable=False),
    Column("country", String(2)),
    Column("legal_form", Prose),
    Column("refined", Boolean, nullable=False),
    Column("claimed_at", Instant, nullable=False),
    UniqueConstraint("name_key", "domain"),
    Index(None, "company_key"),
    Index(None, "domain"),
    Index(None, "refined", "id"),
)

# Who decided what about which company is which, and why. Never changed (triggers refuse it).
identity_decisions: Final = Table(
    "identity_decisions",
    metadata,
    # Numbered by us, under a lock: people refer to them, and a number that failed leaves no gap.
    Column("number", Integer, primary_key=True, autoincrement=False),
    Column("kind", String(16), nullable=False),
    Column("subject", Prose, nullable=False),
    Column("target", Prose),
    Column("decided_by", Prose, nullable=False),
    Column("why", Prose, nullable=False),
    Column("decided_at", Instant, nullable=False),
)

# What is looked at again, and how that went. `job_id` is the run that is not finished.
watches: Final = Table(
    "watches",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("kind", String(16), nullable=False),
    Column("tenant", Prose, nullable=False),
    Column("company_key", Prose, nullable=False),
    Column("company", Prose, nullable=False),
    Column("every_s", BigInteger, nullable=False),
    Column("paused", Boolean, nullable=False),
    Column("next_at", Instant, nullable=False),
    Column("created_at", Instant, nullable=False),
    Column("job_id", Prose),
    Column("rejudge", Boolean, nullable=False),
    Column("digest", Prose),
    Column("ran_at", Instant),
    Column("outcome", Prose),
    Column("spent_micros", BigInteger, nullable=False),
    CheckConstraint("every_s > 0", name="every_s"),
    Index(None, "tenant"),
)
