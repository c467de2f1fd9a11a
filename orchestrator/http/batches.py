"""Big lists over HTTP: uploaded as they are read, and their results streamed back."""

import csv
from collections.abc import AsyncIterator
from http import HTTPStatus
from io import StringIO
from typing import Annotated, Any, Final
from uuid import uuid4

import orjson
from fastapi import APIRouter, Header, Query, Request, Response
from fastapi.responses import StreamingResponse
from fastapi.routing import APIRoute
from starlette.requests import ClientDisconnect
from starlette.routing import Match
from starlette.types import Scope

from orchestrator.app import Runtime
from orchestrator.dispatch import submit_stream
from orchestrator.jobs import Job, JobKind, NewJob, Origin
from orchestrator.leadfile.cells import guard_parts

from .answers import JOBS_PATH, JobAccepted, accepted, url_of
from .dependencies import CallerOfRequest, IdempotencyKey, RuntimeOfApp, TermsInAddress
from .errors import Refusal, Refused, documented
from .finding import found_job
from .idempotency import REPLAYED, keyed_request
from .requests import Limits
from .security import is_upload, media_type_of
from .uploads import CSV, NDJSON, mentions_in


class _UploadRoute(APIRoute):
    """Takes the requests whose body is an upload; the others are for the route of JSON bodies."""

    def matches(self, scope: Scope) -> tuple[Match, Scope]:
        """Match by the type of the body, too."""
        match, child = super().matches(scope)
        is_ours = match is Match.FULL and is_upload(scope)
        return (match, child) if is_ours else (Match.NONE, {})


router = APIRouter(prefix=JOBS_PATH, tags=["jobs"])
uploads = APIRouter(prefix=JOBS_PATH, route_class=_UploadRoute)

_GONE = Refusal(
    HTTPStatus.BAD_REQUEST,
    "broken_off",
    "The upload broke off; nothing was accepted, send it again.",
)


@uploads.post(
    "",
    status_code=HTTPStatus.ACCEPTED,
    response_model_exclude_unset=True,
    include_in_schema=False,  # documented with the JSON form, at the same address
)
async def accept_upload(
    request: Request,
    address: TermsInAddress,
    runtime: RuntimeOfApp,
    caller: CallerOfRequest,
    response: Response,
    *,
    idempotency_key: IdempotencyKey = None,
) -> JobAccepted:
    """Accept the companies of a CSV or NDJSON upload of up to a million rows.

    An idempotency key works as for a JSON body. The upload is read to its end all the same:
    whether it is the same request shows there.
    """
    limits = Limits.of(None, address)
    tenant = caller.tenant_of(limits.tenant, runtime.settings.tenant)
    job_id = uuid4().hex
    new = NewJob(
        JobKind.ENRICH,
        (),
        tenant,
        max_cost_micros=limits.max_cost_micros,
        origin=Origin.API,
        deadline=limits.deadline,
        buy_again=limits.buy_again,
    )
    mentions = mentions_in(request.stream(), media_type_of(request.scope))
    async with keyed_request(runtime, request, tenant, idempotency_key, is_read=False) as keyed:
        is_known = keyed is not None and not keyed.key.lease
        if not is_known:
            limits.check_not_passed()
        request_key = None if keyed is None else keyed.key
        try:
            job = await submit_stream(
                runtime, new, mentions, job_id=job_id, idempotency_key=request_key
            )
        except ClientDisconnect:
            raise Refused(_GONE) from None
    if is_known:
        response.headers[REPLAYED] = "true"
    response.headers["Location"] = url_of(job.job_id)
    return accepted(job, [], existing=job.job_id != job_id)


@router.get(
    "/{job_id}/results",
    summary="Read all results of a job",
    response_class=StreamingResponse,
    responses={
        **documented(
            HTTPStatus.UNAUTHORIZED,
            HTTPStatus.FORBIDDEN,
            HTTPStatus.NOT_FOUND,
            HTTPStatus.CONFLICT,
            HTTPStatus.UNPROCESSABLE_ENTITY,
            HTTPStatus.SERVICE_UNAVAILABLE,
        ),
        HTTPStatus.OK.value: {
            "description": "One result a line, in the order of the request.",
            "content": {NDJSON: {"example": '{"number": 0, "result": {...}}'}, CSV: {}},
        },
    },
)
async def stream_results(
    job_id: str,
    runtime: RuntimeOfApp,
    caller: CallerOfRequest,
    *,
    accept: Annotated[str, Header(description="`text/csv`, or NDJSON.")] = NDJSON,
    offset: Annotated[int, Query(ge=0, description="Number of the first row.")] = 0,
    evidence: Annotated[bool, Query(description="Whether to add evidence (NDJSON).")] = True,
) -> StreamingResponse:
    """Stream the results of a job in the order of its rows, of any number, as they are there.

    A row that is not done yet is left out. NDJSON has a numbered result a line; CSV, with the
    header `Accept: text/csv`, has no evidence.
    """
    job = await found_job(runtime, caller, job_id)
    if accept.split(";")[0].strip().lower() == CSV:
        lines, media_type = _csv(runtime, job, offset), f"{CSV}; charset=utf-8"
    else:
        lines, media_type = _ndjson(runtime, job, offset, with_evidence=evidence), NDJSON
    return StreamingResponse(_together(lines), media_type=media_type)


async def _ndjson(
    runtime: Runtime, job: Job, offset: int, *, with_evidence: bool
) -> AsyncIterator[bytes]:
    async for number, result in runtime.jobs.results.rows(
        job, start=offset, with_evidence=with_evidence
    ):
        yield orjson.dumps({"number": number, "result": result}) + b"\n"


_COLUMNS: Final = (
    *("status", "company", "company_key", "code", "reason", "source", "found", "as_of"),
    *("cost_micros", "saved_micros", "uncertain_micros", "simulated", "purchase_id"),
    *("website", "country"),
    *("lead_id", "opportunity_id", "viable", "score"),
)


async def _csv(runtime: Runtime, job: Job, offset: int) -> AsyncIterator[bytes]:
    language = runtime.settings.language
    yield _line(["number", *_COLUMNS])
    async for number, result in runtime.jobs.results.rows(job, start=offset, with_evidence=False):
        reason = (result.get("reason") or {}).get(language)
        yield _line([number, *({**result, "reason": reason}.get(name) for name in _COLUMNS)])


def _line(values: list[Any]) -> bytes:
    text = StringIO()
    cells = ["" if value is None else str(value) for value in values]
    csv.writer(text, lineterminator="\r\n").writerow([guard_parts(cell) for cell in cells])
    return text.getvalue().encode()


async def _together(lines: AsyncIterator[bytes], size: int = 65_536) -> AsyncIterator[bytes]:
    """Yield *lines* some at a time: a write to the socket for each would take longest of all."""
    block = bytearray()
    async for line in lines:
        block += line
        if len(block) >= size:
            yield bytes(block)
            block.clear()
    yield bytes(block)
