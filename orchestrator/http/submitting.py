"""Takes work over HTTP: jobs of companies or leads, uploads, and the documented Spanish endpoint.

With an `Idempotency-Key` the identity of a request is what was sent, not what was found by it. A
repeated request is answered as the first one, with the header `Idempotent-Replayed`, and with 409
while that one is in flight. Another request with the same key is refused with 422.
"""

import contextlib
import hashlib
from collections.abc import AsyncIterator, Sequence
from dataclasses import fields, replace
from datetime import timedelta
from http import HTTPStatus
from typing import Annotated, Any, Final, Literal
from urllib.parse import parse_qsl
from uuid import UUID, uuid4

import orjson
from fastapi import APIRouter, Body, Depends, Query, Request, Response
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
    KeyedRequest,
    Origin,
)
from orchestrator.leadfile import FOR_ENRICHMENT

from .bodies import JOBS_PATH, MAX_WAIT_S, NDJSON, digest_of, is_upload, media_type_of
from .errors import BODY_ERRORS, Refused, documented, field_fault, invalid_request, not_found
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
    UPLOAD_BODIES,
    BodyRoute,
    CallerOfRequest,
    EnrichRequest,
    IdempotencyKey,
    JobRequest,
    LeadReference,
    LeadRequest,
    PipelineRequest,
    RuntimeOfApp,
    TermsInAddress,
    cells_of,
    check_time_is_left,
    terms_of,
)

REPLAYED: Final = "Idempotent-Replayed"
#: How long a caller waits for the answer changes nothing of the request.
_NOT_COUNTED: Final = frozenset({"wait_s"})


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

    A file of up to a million companies is uploaded as for `POST /leads/import`, with the same
    parameters for its columns; as `application/x-ndjson`, lines may also be mere names. Each row
    is an item; one without a usable company fails, and `warnings` says why.
    """
    _check_no_file(file)
    terms = terms_of(wanted, address)
    tenant = caller.tenant_of(terms.tenant, runtime.settings.tenant)
    terms = replace(terms, tenant=tenant)
    async with keyed_request(runtime, request, tenant, idempotency_key) as keyed:
        before = await replayed_job(runtime, keyed, response)
        if keyed is not None and keyed.replay is not None and before is not None:
            response.headers["Location"] = url_of(before.job_id)
            return accepted(before, keyed.replay.note.get("warnings", []), existing=True)
        check_time_is_left(terms)
        items, warnings = await _items(wanted, runtime)
        job_id = uuid4().hex
        new = terms.new_job(
            runtime, JobKind(wanted.kind), items, origin=Origin.API, about=_about(wanted)
        )
        request_key = None if keyed is None else keyed.key
        job = await submit(runtime, new, job_id=job_id, idempotency_key=request_key)
        if keyed is not None:
            await keyed.settled({"warnings": warnings}, job_id=job.job_id)
    response.headers["Location"] = url_of(job.job_id)
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
        chosen = await runtime.leads.store.chosen(wanted.filter, runtime.leads.pipeline.versions)
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
    request: Request,
    wanted: Annotated[FileQuery, Depends()],
    address: TermsInAddress,
    runtime: RuntimeOfApp,
    caller: CallerOfRequest,
    response: Response,
    *,
    idempotency_key: IdempotencyKey = None,
) -> JobAccepted:
    """Accept the companies of a file of up to a million rows.

    An idempotency key works as for a JSON body. The upload is still read to its end: only
    there it shows whether it is the same request.
    """
    terms = terms_of(None, address)
    tenant = caller.tenant_of(terms.tenant, runtime.settings.tenant)
    terms = replace(terms, tenant=tenant)
    job_id = uuid4().hex
    new = terms.new_job(runtime, JobKind.ENRICH, origin=Origin.API)
    is_json = media_type_of(request.scope) == NDJSON
    async with keyed_request(runtime, request, tenant, idempotency_key, is_read=False) as keyed:
        is_known = keyed is not None and not keyed.key.lease
        if not is_known:
            check_time_is_left(terms)
        request_key = None if keyed is None else keyed.key
        spool = await spooled(request)
        async with turn(request):
            file = await opened(spool, wanted, FOR_ENRICHMENT, is_json=is_json)
            companies = UploadedCompanies(file)
            mentions = companies.mentions()
            job = await submit_stream(
                runtime, new, mentions, job_id=job_id, idempotency_key=request_key
            )
    if is_known:
        response.headers[REPLAYED] = "true"
    response.headers["Location"] = url_of(job.job_id)
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
    runtime: RuntimeOfApp,
    caller: CallerOfRequest,
    request: Request,
    response: Response,
    *,
    idempotency_key: IdempotencyKey = None,
    wait_s: WaitS = 0,
) -> LeadAnswer:
    """Accept a lead, stored (by its id) or whole (with Spanish or English names).

    A whole lead is stored first: the same person at the same company is the same lead.

    With `wait_s`, a lead that is judged in time is answered with 200 and its `result`. Otherwise
    the answer is 202: the work goes on, nothing of it is bought twice, and `url` says how far it
    is. Asking for the same lead meanwhile leads to the same job. `Idempotency-Key` and limits work
    as for `POST /api/v1/jobs`.
    """
    terms = terms_of(wanted, address)
    tenant = caller.tenant_of(terms.tenant, runtime.settings.tenant)
    terms = replace(terms, tenant=tenant)
    if isinstance(wanted, LeadReference):
        read, ids = ReadLeads(), [wanted.lead_id]
    else:
        read, ids = await read_leads([cells_of(wanted)]), []
    store, whole = runtime.leads.store, [lead for leads in read.leads() for lead in leads]
    async with keyed_request(runtime, request, tenant, idempotency_key) as keyed:
        job = await replayed_job(runtime, keyed, response)
        if job is None:
            check_time_is_left(terms)
            if isinstance(wanted, LeadReference):
                await _check_known(wanted.lead_id, runtime)
            imported = await store.import_leads(whole)
            read.warnings += known_persons(whole, imported)
            ids += imported.ids
            items = tuple(map(str, ids))
            new = terms.new_job(runtime, JobKind.PIPELINE, items, origin=Origin.API)
            job = await submit(runtime, new, idempotency_key=None if keyed is None else keyed.key)
        else:
            ids += await store.recognize(whole)
    url = response.headers["Location"] = url_of(job.job_id)
    answer = LeadAnswer(job_id=job.job_id, lead_id=str(ids[0]), estado="aceptado", url=url)
    if read.warnings:
        answer = answer.model_copy(update={"warnings": read.warnings})
    if not wait_s:
        return answer
    ended = await wait_for(runtime, job, timedelta(seconds=wait_s))
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


@contextlib.asynccontextmanager
async def keyed_request(
    runtime: Runtime, request: Request, tenant: str, key: str | None, *, is_read: bool = True
) -> AsyncIterator[KeyedRequest | None]:
    """Hold *key* while the request is answered; None without a key.

    Args:
        runtime: The core.
        request: What was sent.
        tenant: For whom work is done.
        key: As the caller has chosen it.
        is_read: Whether the body has been read; the identity of an upload shows at its end.

    Raises:
        KeyReused: The key was used for another request.
        KeyInFlight: The first request with the key is being answered.
    """
    if key is None:
        yield None
        return
    digest = _digest(request) if is_read else None
    async with runtime.jobs.idempotency.request(tenant, key, digest) as keyed:
        yield keyed


async def replayed_job(
    runtime: Runtime, keyed: KeyedRequest | None, response: Response
) -> Job | None:
    """Return the job that a repeated request became; None for a request that is new."""
    if keyed is None or keyed.replay is None or keyed.replay.job_id is None:
        return None
    job = await runtime.jobs.records.job(keyed.replay.job_id)
    if job is not None:
        response.headers[REPLAYED] = "true"
    return job


def _digest(request: Request) -> str:
    query = parse_qsl(request.url.query, keep_blank_values=True)
    counted = sorted(pair for pair in query if pair[0] not in _NOT_COUNTED)
    sent = [request.method, request.url.path, counted, digest_of(request)]
    return hashlib.sha256(orjson.dumps(sent)).hexdigest()


router = APIRouter()
for _part in (_uploads, _jobs, _spanish):
    router.include_router(_part)
