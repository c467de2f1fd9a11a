"""What is done with one item of a job: a company is enriched, a lead goes past the agents."""

from orchestrator.pipeline.company import CompanyHandler
from orchestrator.pipeline.lead import LeadHandler
from orchestrator.pipeline.result import CompanyResult, ItemResult, ItemStatus, LeadResult

__all__ = [
    "CompanyHandler",
    "CompanyResult",
    "ItemResult",
    "ItemStatus",
    "LeadHandler",
    "LeadResult",
]
