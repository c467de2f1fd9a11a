"""Stored leads, decisions and opportunities, each with exactly one effect; the outbox, its relay.

The sales agent is told of each opportunity at least once: the transaction that creates it writes
its outbox row.
"""

from .models import (
    Imported,
    ImportReport,
    LeadChanged,
    LeadFilter,
    LeadStatus,
    OnConflict,
    Opportunity,
    Recorded,
    StoredDecision,
    drafting,
    lead_key,
    opportunity_id,
    opportunity_key,
)
from .outbox import HandOver, HandOverState, Outbox, OutboxRelay, Webhook, open_webhook
from .store import LeadStore
from .versions import Move, add_moves, next_versions, supersede_decisions

__all__ = [
    "HandOver",
    "HandOverState",
    "ImportReport",
    "Imported",
    "LeadChanged",
    "LeadFilter",
    "LeadStatus",
    "LeadStore",
    "Move",
    "OnConflict",
    "Opportunity",
    "Outbox",
    "OutboxRelay",
    "Recorded",
    "StoredDecision",
    "Webhook",
    "add_moves",
    "drafting",
    "lead_key",
    "next_versions",
    "open_webhook",
    "opportunity_id",
    "opportunity_key",
    "supersede_decisions",
]
