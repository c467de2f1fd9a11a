"""What SurfSense's workspace API answers about runs, read leniently."""

from datetime import UTC, datetime
from enum import StrEnum
from typing import Annotated, Any

import orjson
from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    StringConstraints,
    TypeAdapter,
)

#: Error of a run that was under way when its server started anew. Only almost an end: another
#: process of the server may still be at work, and makes a success of it, which is charged.
INTERRUPTED = "Interrupted by server restart"

_PREFIX = "run_"


class RunStatus(StrEnum):
    """How far a run is."""

    RUNNING = "running"
    SUCCESS = "success"
    ERROR = "error"
    CANCELLED = "cancelled"


def _with_prefix(run_id: str) -> str:
    return run_id if run_id.startswith(_PREFIX) else _PREFIX + run_id


def _aware(instant: datetime) -> datetime:
    return instant.replace(tzinfo=UTC) if instant.tzinfo is None else instant.astimezone(UTC)


# It becomes part of a path, so it must not lead elsewhere. Not `\w`: a hundred times any letter
# that there is would be a pattern of 10 MB.
_RunId = Annotated[
    str, StringConstraints(pattern=r"^[0-9A-Za-z_-]{1,100}$"), AfterValidator(_with_prefix)
]


class _Wire(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")


class Started(_Wire):
    """The answer to an accepted POST."""

    run_id: _RunId


class RunRow(_Wire):
    """A run as the list has it. `id` always has its prefix; `created_at` is in UTC."""

    id: _RunId
    status: RunStatus
    created_at: Annotated[datetime, AfterValidator(_aware)]
    error: str | None = None

    @property
    def is_interrupted(self) -> bool:
        """Whether a restart of the server ended it, perhaps for the time being."""
        return self.status is RunStatus.ERROR and (self.error or "").startswith(INTERRUPTED)

    @property
    def may_be_charged(self) -> bool:
        """Whether it was charged, or may still come to be."""
        return self.status in {RunStatus.RUNNING, RunStatus.SUCCESS} or self.is_interrupted


class Run(RunRow):
    """A run with its request and its result."""

    cost_micros: Annotated[int, Field(ge=0)] | None = None
    input: dict[str, Any] | None = None
    output_text: str | None = None

    def items(self) -> list[dict[str, Any]]:
        """Return the result's items.

        Raises:
            ValueError: The result is not lines of JSON objects.
        """
        # Not `splitlines`: the text is not escaped, and a value may contain U+2028.
        lines = (self.output_text or "").split("\n")
        items = [orjson.loads(line) for line in lines if line.strip()]
        if not all(isinstance(item, dict) for item in items):
            raise ValueError("an item is not a JSON object")
        return items


RUN_LIST: TypeAdapter[list[RunRow]] = TypeAdapter(list[RunRow])
