"""Leads in, decisions and opportunities out, each with exactly one effect; the outbox relay.

Each opportunity goes to the sales agent at least once: its outbox row is written by the
transaction that creates it.
"""

from orchestrator.leads.courier import Courier
from orchestrator.leads.judgement import opportunity_id
from orchestrator.leads.lead_store import LeadStore
from orchestrator.leads.models import (
    ImportReport,
    Opportunity,
    Recorded,
    StoreCounts,
    StoredDecision,
    UnknownLead,
)
from orchestrator.leads.outbox import HandOver, HandOverState, Outbox
from orchestrator.leads.selection import LeadFilter, LeadStatus
from orchestrator.leads.webhook import Webhook, open_webhook

__all__ = [
    "Courier",
    "HandOver",
    "HandOverState",
    "ImportReport",
    "LeadFilter",
    "LeadStatus",
    "LeadStore",
    "Opportunity",
    "Outbox",
    "Recorded",
    "StoreCounts",
    "StoredDecision",
    "UnknownLead",
    "Webhook",
    "open_webhook",
    "opportunity_id",
]
