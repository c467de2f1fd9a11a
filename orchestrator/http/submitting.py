"""Takes work over HTTP: jobs of companies or leads, uploads, and the documented Spanish endpoint.

What an `Idempotency-Key` does stands at `requests.Call`.
"""

from collections.abc import Sequence
from dataclasses import fields
from datetime import timedelta
from http import HTTPStatus
from typing import Annotated, Any, Literal
from uuid import UUID, uuid4

from fastapi import APIRouter, Body, Depends, Query
from fastapi.routing import APIRoute
from pydantic import BaseModel, Field
from starlette.routing import Match
from starlette.types import Scope

from orchestrator.app import Runtime
from orchestrator.dispatch import submit, submit_stream, wait_for
from orchestrator.infra.background import Turns
from orchestrator.jobs import (
    Job,
    JobKind,
    JobState,
    Origin,
)
from orchestrator.leadfile import FOR_ENRICHMENT

from .bodies import JOBS_PATH, MAX_WAIT_S, NDJSON, is_upload, media_type_of
from .errors import BODY_ERRORS, Refusal, Refused, documented, field_fault, invalid_request
from .jobs import url_of
from .reading import (
    LISTED_WARNINGS,
    FileQuery,
    ReadLeads,
    UploadedCompanies,
    known_persons,
    opened,
    read_companies,
    read_leads,
    spooled,
    turn,
)
from .requests import (
    JOB_EXAMPLES,
    LEAD_EXAMPLES,
    REPLAYED,
    UPLOAD_BODIES,
    BodyRoute,
    CallOfRequest,
    EnrichRequest,
    JobRequest,
    LeadReference,
    LeadRequest,
    PipelineRequest,
    TermsInAddress,
    cells_of,
    check_time_is_left,
)


class _UploadRoute(APIRoute):
    """Takes the requests whose body is an upload; the others are for the route of JSON bodies."""

    def matches(self, scope: Scope) -> tuple[Match, Scope]:
        """Match by the type of the body, too."""
        match, child = super().matches(scope)
        is_ours = match is Match.FULL and is_upload(scope)
        return (match, child) if is_ours else (Match.NONE, {})


_jobs = APIRouter(prefix=JOBS_PATH, tags=["jobs"], route_class=BodyRoute)
_uploads = APIRouter(prefix=JOBS_PATH, route_class=_UploadRoute)
_spanish = APIRouter(prefix="/api/v1/orchestrator", tags=["orchestrator"], route_class=BodyRoute)


class JobAccepted(BaseModel):
    """Work that will be done. `existing` says that equal work was under way already."""

    job_id: str
    state: JobState
    total: int
    url: str
    existing: bool
    warnings: list[str] = Field(
        default=[], description="What was left out of the leads and why; absent without any."
    )


def accepted(job: Job, warnings: list[str], *, existing: bool) -> JobAccepted:
    """Return the answer to a request that became *job*."""
    optional = {"warnings": warnings} if warnings else {}
    return JobAccepted(
        job_id=job.job_id,
        state=job.state,
        total=job.total,
        url=url_of(job.job_id),
        existing=existing,
        **optional,
    )


class LeadAnswer(BaseModel):
    """A lead that will be judged (`aceptado`), or was while the caller waited (`terminado`).

    `result` is there with the latter, as the job's results have it; null if its job was
    cancelled before the lead was judged.
    """

    job_id: str
    lead_id: str
    estado: Literal["aceptado", "terminado"]
    url: str
    result: dict[str, Any] | None = None
    warnings: list[str] = Field(
        default=[], description="What was left out of the lead and why; absent without any."
    )


@_jobs.post(
    "",
    summary="Ask for work",
    status_code=HTTPStatus.ACCEPTED,
    response_model_exclude_unset=True,
    responses=documented(*BODY_ERRORS),
    openapi_extra={"requestBody": {"content": UPLOAD_BODIES}},
)
async def accept_job(
    wanted: Annotated[JobRequest, Body(openapi_examples=JOB_EXAMPLES)],
    file: Annotated[FileQuery, Depends()],
    address: TermsInAddress,
    call: CallOfRequest,
) -> JobAccepted:
    """Accept a job durably and answer at once.

    The same `Idempotency-Key` with the same request leads to the same job for a day, finished
    or not, and the answer has the header `Idempotent-Replayed: true`. With another request it is
    refused with 422, and with 409 while the first request is in flight.

    Limits may stand in the body or in the address; where both say something they must agree.

    `enrich` looks companies up; `pipeline` runs leads past the agents, stored ones by their
    ids or by a filter, or whole ones, which are stored first: the same person at the same
    company is the same lead, however often it is sent.

    A file of up to a million companies is uploaded as for `POST /leads/import`, with the same
    parameters for its columns; as `application/x-ndjson`, lines may also be mere names. Each row
    is an item; one without a usable company fails, and `warnings` says why.
    """
    _check_no_file(file)
    terms, runtime = call.terms(wanted, address), call.runtime
    async with call.keyed(terms.tenant) as keyed:
        if before := await call.job_before(keyed):
            job, note = before
            call.response.headers["Location"] = url_of(job.job_id)
            return accepted(job, note.get("warnings", []), existing=True)
        check_time_is_left(terms)
        items, warnings = await _items(wanted, runtime)
        job_id = uuid4().hex
        new = terms.new_job(
            runtime, JobKind(wanted.kind), items, origin=Origin.API, about=_about(wanted)
        )
        job = await submit(
            runtime, new, job_id=job_id, idempotency_key=keyed.key if keyed else None
        )
        if keyed is not None:
            await keyed.settled({"warnings": warnings}, job_id=job.job_id)
    call.response.headers["Location"] = url_of(job.job_id)
    return accepted(job, warnings, existing=job.job_id != job_id)


def _check_no_file(file: FileQuery) -> None:
    given = [each.name for each in fields(file) if getattr(file, each.name) is not None]
    if given:
        faults = [field_fault((name,), "is for an uploaded file; remove it") for name in given]
        raise Refused(invalid_request(faults))


async def _items(
    wanted: EnrichRequest | PipelineRequest, runtime: Runtime
) -> tuple[tuple[str, ...], list[str]]:
    """Return the items of the job, and the warnings about them."""
    if isinstance(wanted, EnrichRequest):
        found = await read_companies(wanted.companies)
        return tuple(found.mentions), found.warnings
    if wanted.filter is not None:
        chosen = await runtime.leads.store.select_ids(
            wanted.filter, runtime.leads.pipeline.versions
        )
        return await _texts(chosen), []
    if wanted.leads is None:
        return tuple(wanted.lead_ids or ()), []
    read = await read_leads(wanted.leads, within="leads")
    ids: list[UUID] = []
    for leads in read.leads():
        imported = await runtime.leads.store.import_leads(leads)
        read.warnings += known_persons(leads, imported, within="leads", first=len(ids))
        ids += imported.ids
    return await _texts(ids), read.warnings[:LISTED_WARNINGS]


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


@_uploads.post(
    "",
    status_code=HTTPStatus.ACCEPTED,
    response_model_exclude_unset=True,
    include_in_schema=False,  # documented with the JSON form, at the same address
)
async def accept_upload(
    wanted: Annotated[FileQuery, Depends()], address: TermsInAddress, call: CallOfRequest
) -> JobAccepted:
    """Accept the companies of a file of up to a million rows.

    An idempotency key works as for a JSON body. The upload is still read to its end: only
    there it shows whether it is the same request.
    """
    terms, runtime = call.terms(None, address), call.runtime
    job_id = uuid4().hex
    new = terms.new_job(runtime, JobKind.ENRICH, origin=Origin.API)
    is_json = media_type_of(call.request.scope) == NDJSON
    async with call.keyed(terms.tenant, is_read=False) as keyed:
        is_known = keyed is not None and not keyed.key.lease
        if not is_known:
            check_time_is_left(terms)
        spool = await spooled(call.request)
        async with turn(call.request):
            file = await opened(spool, wanted, FOR_ENRICHMENT, is_json=is_json)
            companies = UploadedCompanies(file)
            mentions = companies.mentions()
            job = await submit_stream(
                runtime, new, mentions, job_id=job_id, idempotency_key=keyed.key if keyed else None
            )
    if is_known:
        call.response.headers[REPLAYED] = "true"
    call.response.headers["Location"] = url_of(job.job_id)
    return accepted(job, companies.warnings, existing=job.job_id != job_id)


WaitS = Annotated[
    float,
    Query(ge=0, le=MAX_WAIT_S, allow_inf_nan=False, description="Seconds to wait for the result."),
]


@_spanish.post(
    "/enriquecer-lead",
    summary="Enrich and judge one lead",
    status_code=HTTPStatus.ACCEPTED,
    response_model_exclude_unset=True,
    responses={HTTPStatus.OK: {"model": LeadAnswer, "description": "Judged within `wait_s`"}}
    | documented(HTTPStatus.NOT_FOUND, HTTPStatus.GONE, *BODY_ERRORS),
)
async def enrich_lead(
    wanted: Annotated[LeadRequest, Body(openapi_examples=LEAD_EXAMPLES)],
    address: TermsInAddress,
    call: CallOfRequest,
    *,
    wait_s: WaitS = 0,
) -> LeadAnswer:
    """Accept a lead, stored (by its id) or whole (with Spanish or English names).

    A whole lead is stored first: the same person at the same company is the same lead.

    With `wait_s`, a lead that is judged in time is answered with 200 and its `result`. Otherwise
    the answer is 202: the work goes on, nothing of it is bought twice, and `url` says how far it
    is. Asking for the same lead meanwhile leads to the same job. `Idempotency-Key` and limits work
    as for `POST /api/v1/jobs`.
    """
    terms, runtime = call.terms(wanted, address), call.runtime
    if isinstance(wanted, LeadReference):
        read, ids = ReadLeads(), [wanted.lead_id]
    else:
        read, ids = await read_leads([cells_of(wanted)]), []
    store, whole = runtime.leads.store, [lead for leads in read.leads() for lead in leads]
    async with call.keyed(terms.tenant) as keyed:
        if before := await call.job_before(keyed):
            job, _ = before
            ids += await store.recognize(whole)
        else:
            check_time_is_left(terms)
            if isinstance(wanted, LeadReference):
                await _check_known(wanted.lead_id, runtime)
            imported = await store.import_leads(whole)
            read.warnings += known_persons(whole, imported)
            ids += imported.ids
            items = tuple(map(str, ids))
            new = terms.new_job(runtime, JobKind.PIPELINE, items, origin=Origin.API)
            job = await submit(runtime, new, idempotency_key=keyed.key if keyed else None)
    url = call.response.headers["Location"] = url_of(job.job_id)
    answer = LeadAnswer(job_id=job.job_id, lead_id=str(ids[0]), estado="aceptado", url=url)
    if read.warnings:
        answer = answer.model_copy(update={"warnings": read.warnings})
    if not wait_s:
        return answer
    ended = await wait_for(runtime, job, timedelta(seconds=wait_s))
    if ended is None:
        return answer
    call.response.status_code = HTTPStatus.OK
    results = [result async for _, result in runtime.jobs.results.rows(ended)]
    return answer.model_copy(
        update={"estado": "terminado", "result": results[0] if results else None}
    )


async def _check_known(lead_id: UUID, runtime: Runtime) -> None:
    if lead_id not in await runtime.leads.store.leads([lead_id]):
        message = f"There is no lead {lead_id}; send the whole lead."
        raise Refused(Refusal("unknown_lead", message))


router = APIRouter()
for _part in (_uploads, _jobs, _spanish):
    router.include_router(_part)
