"""Stored leads, decisions and opportunities, each with exactly one effect; the outbox, its relay.

The sales agent is told of each opportunity at least once: the transaction that creates it writes
its outbox row.
"""

from .models import (
    ImportReport,
    LeadFilter,
    LeadStatus,
    Opportunity,
    Recorded,
    StoredDecision,
    UnknownLead,
    drafting,
    lead_key,
    opportunity_id,
    opportunity_key,
)
from .outbox import HandOver, HandOverState, Outbox
from .relay import OutboxRelay, Webhook, open_webhook
from .store import LeadStore

__all__ = [
    "HandOver",
    "HandOverState",
    "ImportReport",
    "LeadFilter",
    "LeadStatus",
    "LeadStore",
    "Opportunity",
    "Outbox",
    "OutboxRelay",
    "Recorded",
    "StoredDecision",
    "UnknownLead",
    "Webhook",
    "drafting",
    "lead_key",
    "open_webhook",
    "opportunity_id",
    "opportunity_key",
]
