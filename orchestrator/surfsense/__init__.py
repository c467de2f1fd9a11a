"""Buying evidence from SurfSense: the client, what its answers mean, and what goes wrong.

Decisions are pure (`verdict`, `wire`, `evidence`, `retry_after`), `http` and `client` do
the I/O, `sandbox` is a stand-in for the service in a process of its own.
"""

from orchestrator.surfsense.client import SurfSenseClient
from orchestrator.surfsense.errors import (
    AccessDenied,
    AnswerLost,
    EnrichmentError,
    MalformedAnswer,
    PermanentEnrichmentError,
    RateLimited,
    RequestRejected,
    ServiceUnavailable,
    TransientEnrichmentError,
)
from orchestrator.surfsense.evidence import evidence_from
from orchestrator.surfsense.failure_record import from_record, to_record
from orchestrator.surfsense.http import open_http
from orchestrator.surfsense.verdict import Ambiguous, Answer, Found, NotFound

__all__ = [
    "AccessDenied",
    "Ambiguous",
    "Answer",
    "AnswerLost",
    "EnrichmentError",
    "Found",
    "MalformedAnswer",
    "NotFound",
    "PermanentEnrichmentError",
    "RateLimited",
    "RequestRejected",
    "ServiceUnavailable",
    "SurfSenseClient",
    "TransientEnrichmentError",
    "evidence_from",
    "from_record",
    "open_http",
    "to_record",
]
