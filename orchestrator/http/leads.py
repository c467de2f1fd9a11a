"""Leads for the platform's other services: `/leads`, read through the cache.

Names are the platform's. Requests may have the Spanish or the English ones, answers have the
Spanish ones.
"""

from dataclasses import dataclass
from http import HTTPStatus
from typing import Annotated, Any, Final
from uuid import UUID

from fastapi import APIRouter, Body, Depends, Query, Request, Response
from pydantic import BaseModel, Field

from orchestrator.cache import Kind, count_lookup
from orchestrator.gateway import LeadFields, LeadListFilter, LeadRecord, LeadState
from orchestrator.infra.bounds import FilledText, Instant

from .errors import BODY_ERRORS, documented
from .limits import MAX_RESULTS
from .reading import read_changes
from .requests import (
    LEAD_EXAMPLES,
    BodyRoute,
    CallerOfRequest,
    IdempotencyKey,
    LeadAlone,
    LeadChanges,
    RuntimeOfApp,
    TermsInAddress,
)
from .submitting import LeadAnswer, WaitS, enrich_lead
from .versions import (
    NOT_MODIFIED,
    RECORD_HEADERS,
    WHOLE_INSTALLATION,
    Cursor,
    IfMatch,
    IfNoneMatch,
    answer_read,
    answer_written,
    cursor_of,
    cursor_text,
    expected_versions,
    written_headers,
)

router = APIRouter(
    prefix="/leads",
    tags=["leads"],
    route_class=BodyRoute,
    dependencies=[WHOLE_INSTALLATION],
)
_RECORD: Final[dict[int | str, dict[str, Any]]] = {
    HTTPStatus.OK.value: {"model": LeadRecord, "headers": RECORD_HEADERS}
}


@dataclass(frozen=True, slots=True)
class LeadQuery:
    """Which leads are listed: those that meet every condition that is given."""

    estado: Annotated[LeadState | None, Query(description="Only in this state.")] = None
    pais: Annotated[
        str | None, Query(pattern=r"^[A-Za-z]{2}$", description="Only of this country.")
    ] = None
    origen: Annotated[FilledText | None, Query(description="Only from this source.")] = None
    correo: Annotated[FilledText | None, Query(description="Only with this e-mail.")] = None
    empresa: Annotated[
        FilledText | None, Query(description="Only with this in the company's name.")
    ] = None
    desde: Annotated[Instant | None, Query(description="Only stored since then.")] = None
    hasta: Annotated[Instant | None, Query(description="Only stored before then.")] = None

    @property
    def filter(self) -> LeadListFilter:
        """The same for the store."""
        names = LeadListFilter.__dataclass_fields__
        return LeadListFilter(**{name: getattr(self, name) for name in names})


class LeadPage(BaseModel):
    """Some leads. The next page is asked for with `next_cursor`, which the last one has not."""

    leads: list[LeadRecord]
    next_cursor: str | None = Field(examples=["1795701600000000-0f1e2d3c4b5a69788796a5b4c3d2e1f0"])


@router.get("", summary="List leads", responses=documented())
async def list_leads(
    wanted: Annotated[LeadQuery, Depends()],
    runtime: RuntimeOfApp,
    *,
    cursor: Cursor = None,
    limit: Annotated[int, Query(ge=1, le=MAX_RESULTS, description="Leads of this page.")] = 100,
) -> LeadPage:
    """List leads, newest first, from the database.

    Pages neither repeat nor skip a lead, also while new ones come.
    """
    page = await runtime.gateway.records.list_leads(
        wanted.filter, after=cursor_of(cursor), limit=limit
    )
    return LeadPage(leads=page.records, next_cursor=cursor_text(page.after))


@router.post(
    "",
    summary="Store a lead and judge it",
    status_code=HTTPStatus.ACCEPTED,
    response_model_exclude_unset=True,
    responses={HTTPStatus.OK: {"model": LeadAnswer, "description": "Judged within `wait_s`"}}
    | documented(HTTPStatus.GONE, *BODY_ERRORS),
)
async def create_lead(
    wanted: Annotated[LeadAlone, Body(openapi_examples={"lead": LEAD_EXAMPLES["lead"]})],
    address: TermsInAddress,
    runtime: RuntimeOfApp,
    caller: CallerOfRequest,
    request: Request,
    response: Response,
    *,
    idempotency_key: IdempotencyKey = None,
    wait_s: WaitS = 0,
) -> LeadAnswer:
    """Store a lead, unless it is stored, and run it past the agents.

    As `POST /api/v1/orchestrator/enriquecer-lead`, but `Location` names the lead.
    """
    answer = await enrich_lead(
        wanted,
        address,
        runtime,
        caller,
        request,
        response,
        idempotency_key=idempotency_key,
        wait_s=wait_s,
    )
    response.headers["Location"] = f"/leads/{answer.lead_id}"
    return answer


@router.get(
    "/{lead_id}",
    summary="Read a lead",
    response_model=LeadRecord,
    responses=_RECORD | NOT_MODIFIED | documented(HTTPStatus.NOT_FOUND),
)
async def read_lead(
    lead_id: UUID, runtime: RuntimeOfApp, *, if_none_match: IfNoneMatch = None
) -> Response:
    """Return a lead, from the cache where it is there.

    It is never older than the last acknowledged write, unless that was answered as deferred.
    """
    read = await runtime.gateway.records.lead(lead_id)
    count_lookup(runtime.purchasing.counters, Kind.LEAD, hit=read.age_s is not None)
    return answer_read(read, if_none_match)


@router.patch(
    "/{lead_id}",
    summary="Change a lead",
    response_model=LeadRecord,
    responses=_RECORD
    | documented(HTTPStatus.NOT_FOUND, HTTPStatus.PRECONDITION_FAILED, *BODY_ERRORS),
)
async def change_lead(
    lead_id: UUID,
    wanted: LeadChanges,
    runtime: RuntimeOfApp,
    *,
    if_match: IfMatch = None,
) -> Response:
    """Change fields of a lead; its id stays, and its version rises.

    A website, country or town that cannot be used is refused.
    """
    values: dict[str, Any] = dict(read_changes(wanted))
    if "estado" in wanted.model_fields_set:
        values["estado"] = wanted.estado.value
    written = await runtime.gateway.records.change_lead(
        lead_id, LeadFields(values), expected_versions(if_match)
    )
    return answer_written(written)


@router.delete(
    "/{lead_id}",
    summary="Delete a lead",
    status_code=HTTPStatus.NO_CONTENT,
    response_class=Response,
    responses=documented(HTTPStatus.NOT_FOUND, HTTPStatus.PRECONDITION_FAILED),
)
async def delete_lead(
    lead_id: UUID, runtime: RuntimeOfApp, *, if_match: IfMatch = None
) -> Response:
    """Delete a lead, with its decisions and its opportunity. The ledger, without persons, stays."""
    records = runtime.gateway.records
    written = await records.delete_lead(lead_id, expected_versions(if_match))
    headers = written_headers(written)
    return Response(status_code=HTTPStatus.NO_CONTENT, headers=dict(headers))
