"""The platform's agents: pure judgement, no I/O, no clock, no logging.

An agent looks at a `Case` and returns a `Decision`. Who fetches evidence, stores
decisions or retries is the orchestrator's business; nothing here imports it.
"""

from agents.case import (
    Case,
    Claim,
    ClaimField,
    Decision,
    Evidence,
    Lead,
    Localized,
    Money,
    OpportunityDraft,
    Verdict,
)
from agents.protocol import Agent, Pipeline

__all__ = [
    "Agent",
    "Case",
    "Claim",
    "ClaimField",
    "Decision",
    "Evidence",
    "Lead",
    "Localized",
    "Money",
    "OpportunityDraft",
    "Pipeline",
    "Verdict",
]
