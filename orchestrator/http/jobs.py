"""Jobs over HTTP: ask for work, and see how far it is."""

from collections.abc import Sequence
from http import HTTPStatus
from typing import Annotated
from uuid import UUID, uuid4

from fastapi import APIRouter, Body, Query, Request, Response

from orchestrator.app import Runtime
from orchestrator.dispatch import submit
from orchestrator.infra.background import Turns
from orchestrator.jobs import JobKind, NewJob, Origin, lane_of

from .answers import JOBS_PATH, JobAccepted, JobStatus, NumberedResult, accepted, url_of
from .dependencies import CallerOfRequest, IdempotencyKey, RuntimeOfApp, TermsInAddress
from .errors import documented
from .examples import JOB_EXAMPLES, UPLOAD_BODIES
from .finding import found_job
from .idempotency import keyed_request, replayed_job
from .limits import MAX_RESULTS
from .reading import read_companies, read_leads
from .requests import BodyRoute, EnrichRequest, JobRequest, Limits, PipelineRequest

router = APIRouter(prefix=JOBS_PATH, tags=["jobs"], route_class=BodyRoute)


@router.post(
    "",
    summary="Ask for work",
    status_code=HTTPStatus.ACCEPTED,
    response_model_exclude_unset=True,
    responses=documented(
        HTTPStatus.BAD_REQUEST,
        HTTPStatus.UNAUTHORIZED,
        HTTPStatus.FORBIDDEN,
        HTTPStatus.CONFLICT,
        HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
        HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
        HTTPStatus.UNPROCESSABLE_ENTITY,
        HTTPStatus.SERVICE_UNAVAILABLE,
    ),
    openapi_extra={"requestBody": {"content": UPLOAD_BODIES}},
)
async def accept_job(
    wanted: Annotated[JobRequest, Body(openapi_examples=JOB_EXAMPLES)],
    address: TermsInAddress,
    runtime: RuntimeOfApp,
    caller: CallerOfRequest,
    request: Request,
    response: Response,
    *,
    idempotency_key: IdempotencyKey = None,
) -> JobAccepted:
    """Accept a job durably and answer at once.

    The same `Idempotency-Key` with the same request leads to the same job for a day, finished
    or not, and the answer has the header `Idempotent-Replayed: true`. With another request it is
    refused with 422, and with 409 while the first request is in flight.

    Limits may stand in the body or in the address; where both say something they must agree.

    `enrich` looks companies up; `pipeline` runs leads past the agents, stored ones by their
    ids or by a filter, or whole ones, which are stored first: the same person at the same
    company is the same lead, however often it is sent.

    A list of up to a million companies is uploaded as `text/csv` (with a column `company` or
    `empresa`) or `application/x-ndjson` (a company a line); it is read as it comes, and accepted
    as a whole or not at all. Names that cannot be used get a result that says why.
    """
    limits = Limits.of(wanted, address)
    tenant = caller.tenant_of(limits.tenant, runtime.settings.tenant)
    async with keyed_request(runtime, request, tenant, idempotency_key) as keyed:
        before = await replayed_job(runtime, keyed, response)
        if keyed is not None and keyed.replay is not None and before is not None:
            response.headers["Location"] = url_of(before.job_id)
            return accepted(before, keyed.replay.note.get("warnings", []), existing=True)
        limits.check_not_passed()
        items, warnings = await _items(wanted, runtime)
        job_id = uuid4().hex
        new = NewJob(
            kind=JobKind(wanted.kind),
            items=items,
            tenant=tenant,
            max_cost_micros=limits.max_cost_micros,
            lane=lane_of(len(items)),
            origin=Origin.API,
            deadline=limits.deadline,
            buy_again=limits.buy_again,
            about=_about(wanted),
            policy=runtime.leads.policy_version if isinstance(wanted, PipelineRequest) else None,
        )
        request_key = None if keyed is None else keyed.key
        job = await submit(runtime, new, job_id=job_id, idempotency_key=request_key)
        if keyed is not None:
            await keyed.settled({"warnings": warnings}, job_id=job.job_id)
    response.headers["Location"] = url_of(job.job_id)
    return accepted(job, warnings, existing=job.job_id != job_id)


async def _items(
    wanted: EnrichRequest | PipelineRequest, runtime: Runtime
) -> tuple[tuple[str, ...], list[str]]:
    """Return the items of the job, and the warnings about them."""
    if isinstance(wanted, EnrichRequest):
        found = await read_companies(wanted.companies)
        return tuple(found.mentions), found.warnings
    if wanted.filter is not None:
        chosen = await runtime.leads.store.chosen(wanted.filter, runtime.leads.pipeline.versions)
        return await _texts(chosen), []
    if wanted.leads is None:
        return tuple(wanted.lead_ids or ()), []
    read = await read_leads(wanted.leads, within="leads")
    for leads in read.leads():
        await runtime.leads.store.import_leads(leads)
    return tuple(read.ids), read.warnings


async def _texts(ids: Sequence[UUID]) -> tuple[str, ...]:
    """Return *ids* as items of a job, in bounded steps."""
    turns, texts = Turns(), []
    for each in ids:
        texts.append(str(each))
        await turns.give()
    return tuple(texts)


def _about(wanted: EnrichRequest | PipelineRequest) -> str | None:
    if isinstance(wanted, EnrichRequest) or wanted.filter is None:
        return None
    return wanted.filter.about


@router.get(
    "/{job_id}",
    summary="See how far a job is",
    response_model_exclude_unset=True,
    responses=documented(
        HTTPStatus.UNAUTHORIZED,
        HTTPStatus.FORBIDDEN,
        HTTPStatus.NOT_FOUND,
        HTTPStatus.CONFLICT,
        HTTPStatus.UNPROCESSABLE_ENTITY,
        HTTPStatus.SERVICE_UNAVAILABLE,
    ),
)
async def show_job(
    job_id: str,
    runtime: RuntimeOfApp,
    caller: CallerOfRequest,
    *,
    results: Annotated[bool, Query(description="Whether to list results, too.")] = False,
    offset: Annotated[int, Query(ge=0, description="Number of the first item.")] = 0,
    limit: Annotated[int, Query(ge=1, le=MAX_RESULTS, description="Items of this page.")] = 100,
) -> JobStatus:
    """Return the state and the tally of a job and, if asked for, a page of its results.

    Results come in the order of the request; an item that is not done yet is left out.
    """
    job = await found_job(runtime, caller, job_id)
    status = JobStatus.of(job, runtime.clock())
    if not results:
        return status
    stop = min(offset + limit, job.total)
    page = runtime.jobs.results.rows(job, start=offset, stop=stop)
    listed = [NumberedResult(number=number, result=result) async for number, result in page]
    return status.model_copy(
        update={"results": listed, "next_offset": stop if stop < job.total else None}
    )
