"""Examines an installation and reports each fault with its fix; changes and buys nothing.

Each check asks one service; the functions that judge its answers are pure. No diagnosis quotes a
password, a key or a payload.
"""

from orchestrator.doctor.diagnosis import Diagnosis, Level
from orchestrator.doctor.examine import examine

__all__ = ["Diagnosis", "Level", "examine"]
