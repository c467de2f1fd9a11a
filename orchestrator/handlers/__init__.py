"""What is done with one item of a job: a company is enriched, a lead is judged by the agents."""

from orchestrator.handlers.company import CompanyHandler, CompanyIntake, RefreshHandler
from orchestrator.handlers.explanation import (
    BOUGHT_AGAIN,
    STILL_LOADING,
    FailedItem,
    FailureCount,
    Retry,
    list_failed_items,
    read_failed_items,
    retry_of,
)
from orchestrator.handlers.lead import LeadHandler, Rejudge
from orchestrator.handlers.result import (
    Change,
    CompanyResult,
    ItemResult,
    ItemStatus,
    LeadResult,
    RejudgedLead,
    ResultReader,
    evidence_key,
)

__all__ = [
    "BOUGHT_AGAIN",
    "STILL_LOADING",
    "Change",
    "CompanyHandler",
    "CompanyIntake",
    "CompanyResult",
    "FailedItem",
    "FailureCount",
    "ItemResult",
    "ItemStatus",
    "LeadHandler",
    "LeadResult",
    "RefreshHandler",
    "Rejudge",
    "RejudgedLead",
    "ResultReader",
    "Retry",
    "evidence_key",
    "list_failed_items",
    "read_failed_items",
    "retry_of",
]
