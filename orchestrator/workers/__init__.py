"""Worker processes as such: whether one still does its work, and which there are.

What they work on is no business of this package.
"""

from orchestrator.workers.heartbeat import Heartbeat, Workers, WorkerSelf, WorkerState
from orchestrator.workers.stall import Look, Stall, StallClock
from orchestrator.workers.watchdog import Watchdog

__all__ = [
    "Heartbeat",
    "Look",
    "Stall",
    "StallClock",
    "Watchdog",
    "WorkerSelf",
    "WorkerState",
    "Workers",
]
