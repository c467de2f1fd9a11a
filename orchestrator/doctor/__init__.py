"""Examines an installation and reports each fault with its fix; changes and buys nothing.

Each check asks one service; the functions that judge its answers are pure. No finding quotes a
password, a key or a payload.
"""

from orchestrator.doctor.examine import examine
from orchestrator.doctor.finding import Finding, Level

__all__ = ["Finding", "Level", "examine"]
