"""Runs of SurfSense's workspace API: their wire models, and what an ended one means. Pure."""

import re
from collections.abc import Callable
from dataclasses import replace
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

from orchestrator.surfsense.errors import (
    EnrichmentError,
    MalformedAnswer,
    RequestRejected,
    RunInterrupted,
    ServiceUnavailable,
    SourceRefused,
    is_refused_by_source,
    one_line,
)
from orchestrator.surfsense.seller import Answer, NotFound, answer_in

#: Error of a run that was under way when its server restarted. It is not final: another process of
#: the server may still be at work on the run, and a late success is charged.
INTERRUPTED = "Interrupted by server restart"

_PREFIX = "run_"
#: An asynchronous run keeps only the text of its error, which may begin with a status.
_STATUS = re.compile(r"(4\d\d)\b:?\s*")
#: Statuses by which a *source* turned the scraper away for now, not SurfSense the request.
_FOR_NOW = frozenset({403, 408, 425, 429})


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


# It becomes part of a path, so it must not lead elsewhere. Not `\w`: repeated up to 100 times, it
# would compile to a pattern of 10 MB.
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
    def is_running(self) -> bool:
        """Whether it has not ended."""
        return self.status is RunStatus.RUNNING

    @property
    def is_interrupted(self) -> bool:
        """Whether a restart of the server ended it, perhaps not finally."""
        return self.status is RunStatus.ERROR and (self.error or "").startswith(INTERRUPTED)

    @property
    def may_be_charged(self) -> bool:
        """Whether it was charged, or may still be."""
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


RUN: TypeAdapter[Run] = TypeAdapter(Run)
RUN_LIST: TypeAdapter[list[RunRow]] = TypeAdapter(list[RunRow])


def verdict_on_run(
    run: Run,
    read: Callable[[list[dict[str, Any]], str], dict[str, Any]],
    *,
    company: str,
    cost_of: Callable[[list[dict[str, Any]]], int],
) -> Answer:
    """Return the answer of an ended *run*.

    Args:
        run: Of any status but running.
        read: Returns what items say about a company.
        company: The name as it was asked for.
        cost_of: Returns what items have cost whose run does not say so.

    Raises:
        EnrichmentError: Of the class that says what to do.
    """
    if run.status is not RunStatus.SUCCESS:
        raise _failure(run, company)
    try:
        items = run.items()
    except ValueError as error:
        unusable = MalformedAnswer(company, "the run's items")
        unusable.cost_micros = run.cost_micros
        raise unusable from error
    estimated = run.cost_micros is None
    if not items:  # Google did not let SurfSense in: nothing is known, and nothing charged
        return NotFound(run.cost_micros or 0, estimated)
    cost_micros = cost_of(items) if run.cost_micros is None else run.cost_micros
    answer = answer_in(read(items, company), cost_micros)
    return replace(answer, cost_micros=cost_micros, cost_estimated=estimated)


def _failure(run: Run, company: str) -> EnrichmentError:
    if run.status is RunStatus.CANCELLED:
        return ServiceUnavailable(company, "the run was cancelled")
    if run.is_interrupted:
        return RunInterrupted(company, run.id)
    text = one_line(run.error) or "it gave no reason"
    if is_refused_by_source(text):
        return SourceRefused(company, text)
    status = _STATUS.match(text)
    if status is None or int(status[1]) in _FOR_NOW:
        return ServiceUnavailable(company, f"the run failed: {text}")
    return RequestRejected(company, int(status[1]), text[status.end() :])
