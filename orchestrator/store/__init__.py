"""Leads in, decisions and opportunities out, each with exactly one effect."""

from .judgement import opportunity_id
from .lead_store import LeadStore
from .models import (
    ImportReport,
    Opportunity,
    Recorded,
    StoreCounts,
    StoredDecision,
    UnknownLead,
)
from .selection import LeadFilter, LeadStatus

__all__ = [
    "ImportReport",
    "LeadFilter",
    "LeadStatus",
    "LeadStore",
    "Opportunity",
    "Recorded",
    "StoreCounts",
    "StoredDecision",
    "UnknownLead",
    "opportunity_id",
]
