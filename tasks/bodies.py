"""The bodies of the Celery tasks: two by which other services ask for work, two that wake workers.

`send_task("emasai.enrich", kwargs={"companies": [...]})` and
`send_task("emasai.run_pipeline", kwargs={"lead_ids": [...]})`, on the queue `pipeline`.
Arguments are bounded by the same types as HTTP's. What is refused is raised as `TaskRefused`,
logged (`task.refused`) and counted.
"""

from collections.abc import Mapping
from functools import partial
from typing import Annotated, Any, Final, TypeVar
from uuid import UUID

import structlog
from celery import Task
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from orchestrator.celery_app import app, settings
from orchestrator.dispatch import submit
from orchestrator.infra.bounds import (
    MAX_ITEMS,
    CostMicros,
    IdempotencyKey,
    Tenant,
    Until,
    complaint_of,
    path_of,
)
from orchestrator.infra.counters import REFUSED
from orchestrator.jobs import JobKind, KeyReused, Lane, NewJob
from orchestrator.leadfile import checked_mention
from orchestrator.messaging import refuse
from orchestrator.messaging.app import TASK_ENRICH, TASK_RUN_PIPELINE, TASK_TICK, TASK_WORK
from tasks.runtime import worker

log = structlog.get_logger(__name__)


class TaskRefused(ValueError):
    """A task whose arguments are not accepted, for *reason*; nothing was begun."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class _Common(BaseModel):
    """What both tasks take beside their items."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    tenant: Tenant = settings.tenant
    idempotency_key: IdempotencyKey | None = None
    max_cost_micros: CostMicros | None = None
    deadline: Until | None = None


ModelT = TypeVar("ModelT", bound=_Common)


class _Enrich(_Common):
    companies: Annotated[list[object], Field(min_length=1, max_length=MAX_ITEMS)]


class _RunPipeline(_Common):
    lead_ids: Annotated[list[UUID], Field(min_length=1, max_length=MAX_ITEMS)]


#: Order of the arguments where a caller sends them without their names.
_OPTIONS: Final = ("tenant", "idempotency_key", "max_cost_micros", "deadline")


@app.task(name=TASK_ENRICH, shared=False, bind=True, typing=False, throws=(TaskRefused,))
def enrich(self: Task[Any, Any], /, *args: object, **kwargs: object) -> None:
    """Accept a job that enriches companies.

    Arguments, by name or in this order: `companies` (names, or objects with `company`, and with
    `website` and `country` if they are known), and as options `tenant`, `idempotency_key`,
    `max_cost_micros` (what the job may spend), `deadline` (ISO 8601 with its zone; what has not
    begun by then fails).

    Idempotent: while the same list is being worked on, asking again changes nothing; nor for
    a day with the same key, and then other work under it is refused.
    """
    asked = _read(self, _Enrich, ("companies", *_OPTIONS), args, kwargs)
    _accept(self, JobKind.ENRICH, _mentions(self, asked.companies), asked)


@app.task(name=TASK_RUN_PIPELINE, shared=False, bind=True, typing=False, throws=(TaskRefused,))
def run_pipeline(self: Task[Any, Any], /, *args: object, **kwargs: object) -> None:
    """Accept a job that runs stored leads through the agents.

    Arguments: `lead_ids` (UUIDs), and the options of `emasai.enrich`. Idempotent as that is.
    """
    asked = _read(self, _RunPipeline, ("lead_ids", *_OPTIONS), args, kwargs)
    _accept(self, JobKind.PIPELINE, tuple(map(str, asked.lead_ids)), asked)


@app.task(name=TASK_WORK, shared=False, typing=False)
def work(*args: object, **kwargs: object) -> None:
    """Have work of the lane `lane` taken up; returns at once, so that no thread waits.

    Idempotent: without work, or without free capacity, nothing happens.
    Retries: none by Celery; every worker looks for work each second.
    """
    lane = kwargs.get("lane", args[0] if args else None)
    if not (isinstance(lane, str) and lane in set(Lane)):
        refuse("unknown lane")
        return
    runtime = worker()
    if runtime.parts is not None:
        runtime.soon(runtime.parts.worker.runner.wake, Lane(lane))


@app.task(name=TASK_TICK, shared=False, typing=False)
def tick(*_: object, **__: object) -> None:
    """Enqueue every company that is due; takes no arguments, and ignores any.

    Idempotent: whatever ticks, and how often, each company is enqueued once a period.
    """
    runtime = worker()
    if runtime.parts is not None:
        runtime.call(runtime.parts.worker.scheduler.tick(partial(submit, runtime.parts)))


def _read(
    task: Task[Any, Any],
    model: type[ModelT],
    names: tuple[str, ...],
    args: tuple[object, ...],
    kwargs: Mapping[str, object],
) -> ModelT:
    """Return the arguments of *task* as *model* has them."""
    if len(args) > len(names):
        raise _refusal(task, f"takes {len(names)} arguments at most: {', '.join(names)}")
    given = dict(zip(names, args, strict=False))
    if twice := sorted(given.keys() & kwargs.keys()):
        raise _refusal(task, f"{twice[0]} is given twice; give it once")
    try:
        return model.model_validate({**given, **kwargs})
    except ValidationError as error:
        raise _refusal(task, _problem(error, names)) from None


def _mentions(task: Task[Any, Any], companies: list[object]) -> tuple[str, ...]:
    """Return the companies as a job keeps them."""
    found = []
    for number, each in enumerate(companies):
        try:
            mention = checked_mention(each)
        except ValueError as error:
            raise _refusal(task, f"companies[{number}] {error}") from None
        found.append(mention.text)
    return tuple(found)


def _accept(task: Task[Any, Any], kind: JobKind, items: tuple[str, ...], asked: _Common) -> None:
    runtime = worker()
    if runtime.parts is None:
        return
    new = NewJob(
        kind,
        items,
        asked.tenant,
        max_cost_micros=asked.max_cost_micros,
        deadline=asked.deadline,
    )
    try:
        runtime.call(submit(runtime.parts, new, idempotency_key=asked.idempotency_key))
    except KeyReused as error:
        raise _refusal(task, str(error)) from None


def _problem(error: ValidationError, names: tuple[str, ...]) -> str:
    """Return the first of the problems as a sentence that names the argument, never its value."""
    fault = error.errors(include_input=False, include_url=False)[0]
    if fault["type"] == "extra_forbidden":
        # The name is the caller's, and may be anything.
        return f"has an unknown argument; it takes {', '.join(names)}"
    return f"{path_of(fault['loc'])} {complaint_of(fault)}"


def _refusal(task: Task[Any, Any], reason: str) -> TaskRefused:
    # No warning: of those, only so many a minute are written, and each sender looks for its own.
    log.info("task.refused", task=task.name, task_id=task.request.id, reason=reason)
    worker().count(f"{REFUSED}{task.name}")
    return TaskRefused(f"{task.name}: {reason}")
