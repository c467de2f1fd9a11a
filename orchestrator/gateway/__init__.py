"""Leads and opportunities as the platform's other services see them: versioned rows, cached.

Reads go through the cache of the documented keys, writes invalidate it (`orchestrator.fence`).
"""

from .comparison import COMPARED, DIVERGED, Comparison
from .dashboard import DashboardMetrics, dashboard_metrics
from .models import (
    Author,
    LeadListFilter,
    LeadRecord,
    LeadState,
    MoveRefused,
    NewOpportunity,
    NotStored,
    OpportunityExists,
    OpportunityHistory,
    OpportunityListFilter,
    OpportunityRecord,
    OpportunityState,
    PageCursor,
    VersionMismatch,
)
from .persons import KeptLead, Persons, RowCounts
from .records import Read, Records

__all__ = [
    "COMPARED",
    "DIVERGED",
    "Author",
    "Comparison",
    "DashboardMetrics",
    "KeptLead",
    "LeadListFilter",
    "LeadRecord",
    "LeadState",
    "MoveRefused",
    "NewOpportunity",
    "NotStored",
    "OpportunityExists",
    "OpportunityHistory",
    "OpportunityListFilter",
    "OpportunityRecord",
    "OpportunityState",
    "PageCursor",
    "Persons",
    "Read",
    "Records",
    "RowCounts",
    "VersionMismatch",
    "dashboard_metrics",
]
