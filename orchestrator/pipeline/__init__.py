"""What is done with one item of a job: a company is enriched, a lead goes past the agents."""

from orchestrator.pipeline.companies import CompanyIntake
from orchestrator.pipeline.company import CompanyHandler
from orchestrator.pipeline.lead import LeadHandler
from orchestrator.pipeline.letters import (
    BOUGHT_AGAIN,
    Letter,
    LetterCount,
    Retry,
    letters_of,
    read_letters,
    retry_of,
)
from orchestrator.pipeline.reading import ResultReader
from orchestrator.pipeline.refresh import RefreshHandler
from orchestrator.pipeline.rejudging import Rejudge
from orchestrator.pipeline.result import (
    Change,
    CompanyResult,
    ItemResult,
    ItemStatus,
    LeadResult,
    RejudgedLead,
)
from orchestrator.pipeline.trouble import STILL_LOADING

__all__ = [
    "BOUGHT_AGAIN",
    "STILL_LOADING",
    "Change",
    "CompanyHandler",
    "CompanyIntake",
    "CompanyResult",
    "ItemResult",
    "ItemStatus",
    "LeadHandler",
    "LeadResult",
    "Letter",
    "LetterCount",
    "RefreshHandler",
    "Rejudge",
    "RejudgedLead",
    "ResultReader",
    "Retry",
    "letters_of",
    "read_letters",
    "retry_of",
]
