"""The door that the platform documents in Spanish: one lead in, one job out."""

from datetime import timedelta
from http import HTTPStatus
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Body, Query, Request, Response

from orchestrator.app import Runtime
from orchestrator.dispatch import submit
from orchestrator.jobs import JobKind, Lane, NewJob, Origin

from .answers import LeadAnswer, url_of
from .dependencies import CallerOfRequest, IdempotencyKey, RuntimeOfApp, TermsInAddress
from .errors import documented, not_found
from .examples import LEAD_EXAMPLES
from .idempotency import keyed_request, replayed_job
from .limits import MAX_WAIT_S
from .reading import ReadLeads, read_leads
from .requests import BodyRoute, LeadReference, LeadRequest, Limits, cells_of
from .waiting import ended_within

router = APIRouter(prefix="/api/v1/orchestrator", tags=["orchestrator"], route_class=BodyRoute)


@router.post(
    "/enriquecer-lead",
    summary="Enrich and judge one lead",
    status_code=HTTPStatus.ACCEPTED,
    response_model_exclude_unset=True,
    responses={HTTPStatus.OK: {"model": LeadAnswer, "description": "Judged within `wait_s`"}}
    | documented(
        HTTPStatus.BAD_REQUEST,
        HTTPStatus.UNAUTHORIZED,
        HTTPStatus.FORBIDDEN,
        HTTPStatus.NOT_FOUND,
        HTTPStatus.CONFLICT,
        HTTPStatus.GONE,
        HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
        HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
        HTTPStatus.UNPROCESSABLE_ENTITY,
        HTTPStatus.SERVICE_UNAVAILABLE,
    ),
)
async def enrich_lead(
    wanted: Annotated[LeadRequest, Body(openapi_examples=LEAD_EXAMPLES)],
    address: TermsInAddress,
    runtime: RuntimeOfApp,
    caller: CallerOfRequest,
    request: Request,
    response: Response,
    *,
    idempotency_key: IdempotencyKey = None,
    wait_s: Annotated[
        float,
        Query(
            ge=0, le=MAX_WAIT_S, allow_inf_nan=False, description="Seconds to wait for the result."
        ),
    ] = 0,
) -> LeadAnswer:
    """Accept a lead, stored (by its id) or whole (with Spanish or English names).

    A whole lead is stored first: the same person at the same company is the same lead.

    With `wait_s`, a lead that is judged in time is answered with 200 and its `result`. Otherwise
    the answer is 202: the work goes on, nothing of it is bought twice, and `url` says how far it
    is. Asking for the same lead meanwhile leads to the same job. `Idempotency-Key` and limits work
    as for `POST /api/v1/jobs`.
    """
    limits = Limits.of(wanted, address)
    tenant = caller.tenant_of(limits.tenant, runtime.settings.tenant)
    if isinstance(wanted, LeadReference):
        read, lead_id = ReadLeads(), str(wanted.lead_id)
    else:
        read = await read_leads([cells_of(wanted)])
        lead_id = read.ids[0]
    async with keyed_request(runtime, request, tenant, idempotency_key) as keyed:
        job = await replayed_job(runtime, keyed, response)
        if job is None:
            limits.check_not_passed()
            if isinstance(wanted, LeadReference):
                await _check_known(wanted.lead_id, runtime)
            for leads in read.leads():
                await runtime.leads.store.import_leads(leads)
            new = NewJob(
                JobKind.PIPELINE,
                (lead_id,),
                tenant,
                max_cost_micros=limits.max_cost_micros,
                lane=Lane.INTERACTIVE,
                origin=Origin.API,
                deadline=limits.deadline,
                buy_again=limits.buy_again,
            )
            job = await submit(runtime, new, idempotency_key=None if keyed is None else keyed.key)
    url = response.headers["Location"] = url_of(job.job_id)
    answer = LeadAnswer(job_id=job.job_id, lead_id=lead_id, estado="aceptado", url=url)
    if read.warnings:
        answer = answer.model_copy(update={"warnings": read.warnings})
    if not wait_s:
        return answer
    ended = await ended_within(runtime, job, timedelta(seconds=wait_s))
    if ended is None:
        return answer
    response.status_code = HTTPStatus.OK
    results = [result async for _, result in runtime.jobs.results.rows(ended)]
    return answer.model_copy(
        update={"estado": "terminado", "result": results[0] if results else None}
    )


async def _check_known(lead_id: UUID, runtime: Runtime) -> None:
    if lead_id not in await runtime.leads.store.leads([lead_id]):
        raise not_found("unknown_lead", f"There is no lead {lead_id}; send the whole lead.")
