"""The door that the platform documents in Spanish: one lead in, one job out."""

from datetime import timedelta
from http import HTTPStatus
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Body, Query, Response

from orchestrator.bootstrap import Runtime
from orchestrator.dispatch import submit
from orchestrator.jobs import JobKind, Lane, NewJob, Origin

from .answers import LeadAnswer, url_of
from .dependencies import RuntimeOfApp
from .errors import documented, not_found
from .examples import LEAD_EXAMPLES
from .limits import MAX_WAIT_S
from .reading import read_leads
from .requests import LeadReference, LeadRequest
from .waiting import ended_within

router = APIRouter(prefix="/api/v1/orchestrator", tags=["orchestrator"])


@router.post(
    "/enriquecer-lead",
    summary="Enrich and judge one lead",
    status_code=HTTPStatus.ACCEPTED,
    response_model_exclude_unset=True,
    responses={HTTPStatus.OK: {"model": LeadAnswer, "description": "Judged within `wait_s`"}}
    | documented(
        HTTPStatus.BAD_REQUEST,
        HTTPStatus.UNAUTHORIZED,
        HTTPStatus.NOT_FOUND,
        HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
        HTTPStatus.UNPROCESSABLE_ENTITY,
        HTTPStatus.SERVICE_UNAVAILABLE,
    ),
)
async def enrich_lead(
    wanted: Annotated[LeadRequest, Body(openapi_examples=LEAD_EXAMPLES)],
    runtime: RuntimeOfApp,
    response: Response,
    *,
    wait_s: Annotated[
        float, Query(ge=0, le=MAX_WAIT_S, description="Seconds to wait for the result.")
    ] = 0,
) -> LeadAnswer:
    """Accept a lead, stored (by its id) or whole (with Spanish or English names).

    A whole lead is stored first: the same person at the same company is the same lead.

    With `wait_s`, a lead that is judged in time is answered with 200 and its `result`. Otherwise
    the answer is 202: the work goes on, nothing of it is bought twice, and `url` says how far it
    is. Asking for the same lead meanwhile leads to the same job.
    """
    warnings: list[str] = []
    if isinstance(wanted, LeadReference):
        lead_id = await _known(wanted.lead_id, runtime)
    else:
        read = read_leads([wanted])
        await runtime.store.import_leads(read.leads)
        lead_id, warnings = read.leads[0].id, read.warnings
    new = NewJob(
        JobKind.PIPELINE,
        (str(lead_id),),
        runtime.settings.tenant,
        lane=Lane.INTERACTIVE,
        origin=Origin.API,
    )
    job = await submit(runtime, new)
    url = response.headers["Location"] = url_of(job.job_id)
    answer = LeadAnswer(job_id=job.job_id, lead_id=str(lead_id), estado="aceptado", url=url)
    if warnings:
        answer = answer.model_copy(update={"warnings": warnings})
    if not wait_s:
        return answer
    ended = await ended_within(runtime, job, timedelta(seconds=wait_s))
    if ended is None:
        return answer
    response.status_code = HTTPStatus.OK
    results = [result async for _, result in runtime.results.rows(ended)]
    return answer.model_copy(
        update={"estado": "terminado", "result": results[0] if results else None}
    )


async def _known(lead_id: UUID, runtime: Runtime) -> UUID:
    if lead_id not in await runtime.store.leads([lead_id]):
        raise not_found("unknown_lead", f"There is no lead {lead_id}; send the whole lead.")
    return lead_id
