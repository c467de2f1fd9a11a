"""The documented tasks by which other services ask for work.

`send_task("emasai.enrich", kwargs={"companies": [...]})` and
`send_task("emasai.run_pipeline", kwargs={"lead_ids": [...]})`, on the queue `pipeline`.
"""

from orchestrator.celery_app import app, settings
from orchestrator.dispatch import submit
from orchestrator.jobs import JobKind, NewJob
from orchestrator.leadfile import mention_in
from orchestrator.names import TASK_ENRICH, TASK_RUN_PIPELINE
from tasks.runtime import worker


@app.task(name=TASK_ENRICH, shared=False)
def enrich(
    companies: list[str | dict[str, str]],
    tenant: str = settings.tenant,
    idempotency_key: str | None = None,
) -> None:
    """Accept a job that enriches *companies*: names, or objects with `website` and `country`, too.

    Idempotent: while the same list is being worked on, asking again changes nothing; nor for
    `EMASAI_IDEMPOTENCY_TTL_S` with the same *idempotency_key*, and then other work under it is
    refused.
    """
    _accept(NewJob(JobKind.ENRICH, _mentions(companies), tenant), idempotency_key)


@app.task(name=TASK_RUN_PIPELINE, shared=False)
def run_pipeline(
    lead_ids: list[str], tenant: str = settings.tenant, idempotency_key: str | None = None
) -> None:
    """Accept a job that runs the stored leads of *lead_ids* through the agents.

    Idempotent as `emasai.enrich` is.
    """
    _accept(NewJob(JobKind.PIPELINE, _texts("lead_ids", lead_ids), tenant), idempotency_key)


def _mentions(given: object) -> tuple[str, ...]:
    """Return the companies of a list as it came over the wire.

    Raises:
        ValueError: It is something else.
    """
    if not isinstance(given, list):
        raise ValueError("companies must be a list of texts or objects")  # noqa: TRY004
    try:
        return tuple(mention_in(each).text for each in given)
    except ValueError as error:
        raise ValueError(f"one of companies {error}") from None


def _texts(name: str, given: object) -> tuple[str, ...]:
    """Return a list of texts as it came over the wire.

    Raises:
        ValueError: It is something else; a bare text would become a job of its letters.
    """
    if not isinstance(given, list) or not all(isinstance(each, str) for each in given):
        raise ValueError(f"{name} must be a list of texts")
    return tuple(given)


def _accept(new: NewJob, key: object) -> None:
    if key is not None and not (isinstance(key, str) and key):
        raise ValueError("idempotency_key must be a text that is not empty")
    runtime = worker()
    if runtime.parts is not None:
        runtime.call(submit(runtime.parts, new, idempotency_key=key))
