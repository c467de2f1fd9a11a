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

__all__ = [
    "ImportReport",
    "LeadStore",
    "Opportunity",
    "Recorded",
    "StoreCounts",
    "StoredDecision",
    "UnknownLead",
    "opportunity_id",
]
