"""What is done with one item of a job: a company is enriched, a lead is judged by the agents."""

from orchestrator.handlers.company import CompanyHandler as CompanyHandler
from orchestrator.handlers.company import CompanyIntake as CompanyIntake
from orchestrator.handlers.company import RefreshHandler as RefreshHandler
from orchestrator.handlers.explanation import BOUGHT_AGAIN as BOUGHT_AGAIN
from orchestrator.handlers.explanation import STILL_LOADING as STILL_LOADING
from orchestrator.handlers.explanation import FailedItem as FailedItem
from orchestrator.handlers.explanation import FailureCount as FailureCount
from orchestrator.handlers.explanation import Retry as Retry
from orchestrator.handlers.explanation import list_failed_items as list_failed_items
from orchestrator.handlers.explanation import read_failed_items as read_failed_items
from orchestrator.handlers.explanation import retry_of as retry_of
from orchestrator.handlers.lead import LeadHandler as LeadHandler
from orchestrator.handlers.lead import Rejudge as Rejudge
from orchestrator.handlers.result import Change as Change
from orchestrator.handlers.result import CompanyResult as CompanyResult
from orchestrator.handlers.result import ItemResult as ItemResult
from orchestrator.handlers.result import ItemStatus as ItemStatus
from orchestrator.handlers.result import LeadResult as LeadResult
from orchestrator.handlers.result import RejudgedLead as RejudgedLead
from orchestrator.handlers.result import ResultReader as ResultReader
from orchestrator.handlers.result import evidence_key as evidence_key
