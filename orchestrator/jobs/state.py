"""Where a job is, and what may be asked of it there. Pure: Redis only compares and sets.

    accepted -> running -> done | expired
        |          |
        +--------> paused -> running
        |          |
        +----------+-------> cancelling -> cancelled

A job is `expired` instead of `done` if its deadline left items without work. `cancelling`
lasts until the workers have let go of what they had in hand. A paused or cancelled job whose
last items were in their hands, and end there, is `done` or `expired` all the same.
"""

from enum import StrEnum
from types import MappingProxyType
from typing import Final


class JobState(StrEnum):
    """Where a job is. Its tally says how far."""

    ACCEPTED = "accepted"
    RUNNING = "running"
    PAUSED = "paused"
    CANCELLING = "cancelling"
    CANCELLED = "cancelled"
    EXPIRED = "expired"
    DONE = "done"

    @property
    def is_final(self) -> bool:
        """Whether nothing of the job will ever run again."""
        return self in _FINAL

    @property
    def is_workable(self) -> bool:
        """Whether its items may begin."""
        return self in _WORKABLE


_FINAL: Final = frozenset({JobState.CANCELLED, JobState.EXPIRED, JobState.DONE})
_WORKABLE: Final = frozenset({JobState.ACCEPTED, JobState.RUNNING})


class Command(StrEnum):
    """What a person may ask of a job."""

    PAUSE = "pause"
    RESUME = "resume"
    CANCEL = "cancel"


_MOVES: Final = MappingProxyType(
    {
        Command.PAUSE: (_WORKABLE, JobState.PAUSED),
        Command.RESUME: (frozenset({JobState.PAUSED}), JobState.RUNNING),
        Command.CANCEL: (_WORKABLE | {JobState.PAUSED}, JobState.CANCELLING),
    }
)


def origins(command: Command) -> frozenset[JobState]:
    """Return the states in which *command* changes anything."""
    return _MOVES[command][0]


def target(command: Command) -> JobState:
    """Return the state that *command* leads to."""
    return _MOVES[command][1]
