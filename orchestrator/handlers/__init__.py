"""What is done with one item of a job: a company is enriched, a lead goes past the agents."""

from orchestrator.handlers.companies import CompanyIntake
from orchestrator.handlers.company import CompanyHandler
from orchestrator.handlers.failed_items import (
    BOUGHT_AGAIN,
    FailedItem,
    FailureCount,
    Retry,
    list_failed_items,
    read_failed_items,
    retry_of,
)
from orchestrator.handlers.lead import LeadHandler
from orchestrator.handlers.reading import ResultReader
from orchestrator.handlers.refresh import RefreshHandler
from orchestrator.handlers.rejudging import Rejudge
from orchestrator.handlers.result import (
    Change,
    CompanyResult,
    ItemResult,
    ItemStatus,
    LeadResult,
    RejudgedLead,
)
from orchestrator.handlers.trouble import STILL_LOADING

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
    "list_failed_items",
    "read_failed_items",
    "retry_of",
]
