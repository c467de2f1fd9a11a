"""Buying evidence from SurfSense: both protocols, what answers mean, and what goes wrong.

`Seller` is the port; `EnrichSeller` and `WorkspaceSeller` speak SurfSense's two protocols over
`http`; `pace` says when a purchase may leave. What is decided about answers is pure:
`evidence`, `runs`, `verbs`, and the functions of `seller`.
"""

from orchestrator.surfsense.account import SurfSenseAccount, Workspace
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
    SourceRefused,
    TransientEnrichmentError,
    from_record,
    to_record,
)
from orchestrator.surfsense.evidence import evidence_from, is_simulated
from orchestrator.surfsense.http import Http, Reply, SendGuard, guarded, open_http, send_guard
from orchestrator.surfsense.pace import Breaker, Pace, PaceState, Rate, Turn
from orchestrator.surfsense.seller import (
    Accepted,
    Ambiguous,
    Answer,
    EnrichSeller,
    Found,
    NotFound,
    Seller,
    retry_after_s,
)
from orchestrator.surfsense.workspace import RunTimeouts, WorkspaceApi, WorkspaceSeller

__all__ = [
    "Accepted",
    "AccessDenied",
    "Ambiguous",
    "Answer",
    "AnswerLost",
    "Breaker",
    "EnrichSeller",
    "EnrichmentError",
    "Found",
    "Http",
    "MalformedAnswer",
    "NotFound",
    "NotSent",
    "Pace",
    "PaceState",
    "PermanentEnrichmentError",
    "Rate",
    "RateLimited",
    "Reply",
    "RequestRejected",
    "RunInterrupted",
    "RunTimeouts",
    "RunUnknown",
    "Seller",
    "SendGuard",
    "ServiceUnavailable",
    "SourceRefused",
    "SurfSenseAccount",
    "TransientEnrichmentError",
    "Turn",
    "Workspace",
    "WorkspaceApi",
    "WorkspaceSeller",
    "evidence_from",
    "from_record",
    "guarded",
    "is_simulated",
    "open_http",
    "retry_after_s",
    "send_guard",
    "to_record",
]
