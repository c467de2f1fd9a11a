"""Buying evidence from SurfSense: the client, what its answers mean, and what goes wrong.

`Seller` is the port; `EnrichSeller` and `RunSeller` speak SurfSense's two protocols. Decisions
are pure (`verdict`, `run_verdict`, `search`, `wire`, `run_wire`, `evidence`, `polling`,
`retry_after`); `http`, `client` and `workspace_api` do the I/O; `sandbox` is a stand-in for the
service in a process of its own.
"""

from orchestrator.surfsense.client import SurfSenseClient
from orchestrator.surfsense.enrich_seller import EnrichSeller
from orchestrator.surfsense.errors import (
    AccessDenied,
    AnswerLost,
    EnrichmentError,
    MalformedAnswer,
    NotSent,
    PermanentEnrichmentError,
    RateLimited,
    RequestRejected,
    RunInterrupted,
    RunUnknown,
    ServiceUnavailable,
    TransientEnrichmentError,
)
from orchestrator.surfsense.evidence import evidence_from, is_simulated
from orchestrator.surfsense.failure_record import from_record, to_record
from orchestrator.surfsense.http import open_http
from orchestrator.surfsense.opening import open_seller
from orchestrator.surfsense.permit import SendGuard, current_guard, guarded
from orchestrator.surfsense.polling import Rhythm
from orchestrator.surfsense.run_seller import Patience, RunSeller
from orchestrator.surfsense.seller import Accepted, Seller
from orchestrator.surfsense.verdict import Ambiguous, Answer, Found, NotFound
from orchestrator.surfsense.workspace_api import WorkspaceApi

__all__ = [
    "Accepted",
    "AccessDenied",
    "Ambiguous",
    "Answer",
    "AnswerLost",
    "EnrichSeller",
    "EnrichmentError",
    "Found",
    "MalformedAnswer",
    "NotFound",
    "NotSent",
    "Patience",
    "PermanentEnrichmentError",
    "RateLimited",
    "RequestRejected",
    "Rhythm",
    "RunInterrupted",
    "RunSeller",
    "RunUnknown",
    "Seller",
    "SendGuard",
    "ServiceUnavailable",
    "SurfSenseClient",
    "TransientEnrichmentError",
    "WorkspaceApi",
    "current_guard",
    "evidence_from",
    "from_record",
    "guarded",
    "is_simulated",
    "open_http",
    "open_seller",
    "to_record",
]
