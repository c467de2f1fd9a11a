"""Examines an installation and names each fault with its fix; changes and buys nothing.

Judgement is pure and apart from the asking. No finding quotes a password, a key or a payload.
"""

from orchestrator.doctor.examine import examine
from orchestrator.doctor.finding import Finding, Level

__all__ = ["Finding", "Level", "examine"]
