"""The tables. Migrations build them; a test compares the two.

Leads hold personal data: deleting one deletes the conclusions about it. The ledger knows companies
only, no persons, and its rows never change (triggers refuse it). Column types behave alike on
SQLite and PostgreSQL.
"""

from datetime import UTC, datetime
from enum import StrEnum
from typing import Final

from sqlalchemy import (
    JSON,
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    Date,
    DateTime,
    Dialect,
    Float,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    PrimaryKeyConstraint,
    String,
    Subquery,
    Table,
    Text,
    TypeDecorator,
    UniqueConstraint,
    Uuid,
    false,
    func,
    select,
    text,
)


class Instant(TypeDecorator[datetime]):
    """An aware UTC datetime. SQLite forgets time zones, PostgreSQL answers in the session's."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Refuse a naive datetime, whose instant is unknown."""
        del dialect
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError("an instant needs a time zone")
        return value.astimezone(UTC)

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Return the instant in UTC."""
        del dialect
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


class Prose(TypeDecorator[str]):
    """Text from people and files. PostgreSQL cannot store NUL, so none is stored."""

    impl = Text
    cache_ok = True

    def process_bind_param(self, value: str | None, dialect: Dialect) -> str | None:
        """Replace NUL by the replacement character, on both databases alike."""
        del dialect
        return None if value is None else value.replace("\0", "\N{REPLACEMENT CHARACTER}")


class PurchaseOutcome(StrEnum):
    """The result of a purchase."""

    FOUND = "found"
    NOT_FOUND = "not_found"
    AMBIGUOUS = "ambiguous"
    FAILED = "failed"
    """Charged, and the answer cannot be read."""
    UNCERTAIN = "uncertain"
    """Sent, and its answer was lost: it may have been charged or not."""
    NOT_CHARGED = "not_charged"
    """Entered as uncertain, and known since to have cost nothing."""
    LOST = "lost"
    """What earlier versions wrote for UNCERTAIN; only read."""


#: Outcomes whose cost may or may not be on the seller's bill.
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
    Column("email", Prose, nullable=False),  # "" where the lead has none
    Column("website", Prose),
    Column("country", Prose),
    Column("city", Prose),
    Column("phone", Prose),
    Column("source", Prose),
    Column("notes", Prose),
    Column("imported_at", Instant, nullable=False),
    # Raised by every change of what the gateway answers about the lead; so is an opportunity's.
    Column("version", BigInteger, nullable=False, server_default="1"),
    Column("estado", String(16), nullable=False, server_default="nuevo"),
    Column("changed_at", Instant),
    # By what a person is recognized (`orchestrator.leads.same`). NULL in the first one: not known
    # yet, as of a lead that another version has stored.
    Column("name_at_company", Prose, index=True),
    Column("name_at_domain", Prose, index=True),
    Index(None, "imported_at", "id"),
    # lower(trim(email)), as PostgreSQL writes it.
    Index("ix_leads_email", text("lower(TRIM(BOTH FROM email))")),
)

# One row for each agent, version of its rules and `basis` (what identifies the evidence):
# judging the same again confirms the row instead of adding one. What was decided never changes, and
# goes only with its lead (triggers refuse anything else).
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
    Column("version", BigInteger, nullable=False, server_default="1"),
    Column("estado", String(16), nullable=False, server_default="nueva"),
    Column("changed_at", Instant),
    CheckConstraint("score BETWEEN 0 AND 100", name="score"),
    CheckConstraint("probability BETWEEN 0 AND 1", name="probability"),
    Index(None, "created_at"),
)

# The states that opportunities went through, the first without an earlier one. Rows never change,
# and go only with their opportunity (triggers refuse anything else).
opportunity_moves: Final = Table(
    "opportunity_moves",
    metadata,
    Column("opportunity_id", Uuid, ForeignKey("opportunities.id", ondelete="CASCADE")),
    # Of the opportunity, as the move has left it.
    Column("version", BigInteger),
    Column("before", String(16)),
    Column("after", String(16), nullable=False),
    Column("moved_by", Prose),
    Column("why", Prose),
    Column("moved_at", Instant, nullable=False),
    PrimaryKeyConstraint("opportunity_id", "version"),
)

# Versions of deleted leads and opportunities, by their cache keys: a row that comes back under the
# same id continues from there, so that no old version is taken for a new one.
deleted_versions: Final = Table(
    "deleted_versions",
    metadata,
    Column("key", String(64), primary_key=True),
    Column("version", BigInteger, nullable=False),
    Column("deleted_at", Instant, nullable=False),
)

# What was erased about persons, and when, as a proof: how many rows, and nothing about whom. Rows
# never change (triggers refuse it).
erasures: Final = Table(
    "erasures",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("leads", Integer, nullable=False),
    Column("decisions", Integer, nullable=False),
    Column("opportunities", Integer, nullable=False),
    Column("hand_overs", Integer, nullable=False),
    Column("archived_answers", Integer, nullable=False),
    Column("erased_at", Instant, nullable=False),
)

# Writes whose cached copies may not have been dropped yet: the new version of each key. Written in
# the transaction of the change, removed when the cache has been told.
cache_outbox: Final = Table(
    "cache_outbox",
    metadata,
    Column("token", String(32), primary_key=True),
    Column("versions", JSON, nullable=False),
    Column("due_at", Instant, nullable=False),
    Index(None, "due_at"),
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

# The outcomes of purchases that were entered as uncertain, where they became known: the answer came
# late, or the purchase was not charged. The entries themselves never change.
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


def _settled_purchases() -> Subquery:
    resolved = ("outcome", "cost_micros", "estimated")
    columns = [column for column in purchases.c if column.name not in resolved]
    as_known = [
        func.coalesce(resolutions.c[name], purchases.c[name]).label(name) for name in resolved
    ]
    joined = purchases.outerjoin(resolutions, resolutions.c.purchase_id == purchases.c.purchase_id)
    return select(*columns, *as_known).select_from(joined).subquery("settled")


#: The ledger as it is read: purchases with their resolutions.
settled: Final = _settled_purchases()

# Reuse of purchases: how many lookups each has answered since, and how (`hit`, `coalesced`, ...).
# No foreign key: a count may be written before its purchase is.
servings: Final = Table(
    "servings",
    metadata,
    Column("purchase_id", Prose, primary_key=True),
    Column("source", String(16), primary_key=True),
    Column("served", BigInteger, nullable=False),
    Column("saved_micros", BigInteger, nullable=False),
)

# The answers of purchases, packed. Pruned after EMASAI_EVIDENCE_DAYS, unlike the ledger.
evidence: Final = Table(
    "evidence",
    metadata,
    Column("purchase_id", Prose, ForeignKey("purchases.purchase_id"), primary_key=True),
    Column("body", LargeBinary, nullable=False),
    Column("archived_at", Instant, nullable=False),
    Index(None, "archived_at"),
)

# The outbox: written with each opportunity, and delivered by the worker that claims a row. `body`
# is what the receiver gets, byte by byte; `due_at` of a claimed row is when the claim lapses.
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

# Name assignments: the companies that have a name; `refined` where the key is not the name's own,
# so that the name is shared. Rows are only added. The first of a name and domain stays.
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

# Decisions of people about companies. Never changed (triggers refuse it).
identity_decisions: Final = Table(
    "identity_decisions",
    metadata,
    # Numbered by the program, under a lock: people refer to it, and a failure leaves no gap.
    Column("number", Integer, primary_key=True, autoincrement=False),
    Column("kind", String(16), nullable=False),
    Column("subject", Prose, nullable=False),
    Column("target", Prose),
    Column("decided_by", Prose, nullable=False),
    Column("why", Prose, nullable=False),
    Column("decided_at", Instant, nullable=False),
)

# Companies that are looked at again, and their last runs. `job_id` is the unfinished run's.
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
