"""Leads for the platform's other services: `/leads`, read through the cache; persons' data.

Names are the platform's. Requests may have the Spanish or the English ones, answers have the
Spanish ones. What is known of a lead beside its record (decisions with findings, evidence,
purchases) has addresses of its own, since each changes for its own reasons; its names are those of
`emasai explain --json`. The address of a person is in the body: URLs end in logs of proxies.
"""

from dataclasses import dataclass
from datetime import datetime
from http import HTTPStatus
from typing import Annotated, Any, Final
from uuid import UUID

from fastapi import APIRouter, Body, Depends, Query, Response
from pydantic import BaseModel, ConfigDict, Field

from agents.case import Claim, Lead
from orchestrator.app import Runtime
from orchestrator.cache import Kind, count_lookup
from orchestrator.evidence.model import Step
from orchestrator.evidence.profile import SourceShown
from orchestrator.evidence.waterfall import Skip, Stop
from orchestrator.evidence.website import WebsiteChoice
from orchestrator.gateway import LeadListFilter, LeadRecord, LeadState, NotStored
from orchestrator.identity import mention_of
from orchestrator.infra.bounds import FilledText, Flag, Instant
from orchestrator.leads import StoredDecision
from orchestrator.lookup import read_evidence, resolve
from orchestrator.persons import EmailAddress, Erasure, PersonExport, erase_person, export_person
from orchestrator.purchasing import CostsBy, LedgerEntry, total

from .bodies import MAX_RESULTS
from .errors import BODY_ERRORS, documented
from .money import CostSum
from .reading import read_changes
from .requests import (
    LEAD_EXAMPLES,
    BodyRoute,
    CallOfRequest,
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
class LeadQuery(LeadListFilter):
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
    page = await runtime.gateway.records.list_leads(wanted, after=cursor_of(cursor), limit=limit)
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
    call: CallOfRequest,
    *,
    wait_s: WaitS = 0,
) -> LeadAnswer:
    """Store a lead, unless it is stored, and run it past the agents.

    As `POST /api/v1/orchestrator/enriquecer-lead`, but `Location` names the lead.
    """
    answer = await enrich_lead(wanted, address, call, wait_s=wait_s)
    call.response.headers["Location"] = f"/leads/{answer.lead_id}"
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
        lead_id, values, expected_versions(if_match)
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


details = APIRouter(prefix="/leads/{lead_id}", tags=["leads"], dependencies=[WHOLE_INSTALLATION])

#: Decisions, or purchases, of one answer.
_MOST = 100
_Limit = Annotated[int, Query(ge=1, le=_MOST, description="The latest so many.")]


class LeadDecisions(BaseModel):
    """What the agents have decided about a lead, the latest first.

    `decision.details` has the agent's own findings: of the CDAO `findings` (each with its points,
    its trust and the addresses of its sources), `profile` and `assessment`. `basis` is the purchase
    that it rests on.
    """

    lead_id: UUID
    decisions: list[StoredDecision]


@details.get(
    "/decisions",
    summary="See what was decided about a lead",
    responses=documented(HTTPStatus.NOT_FOUND),
)
async def read_decisions(
    lead_id: UUID, runtime: RuntimeOfApp, *, limit: _Limit = 20
) -> LeadDecisions:
    """Return the decisions about a lead with their findings and reasons, the latest first."""
    await _lead(lead_id, runtime)
    found = await runtime.leads.store.latest_decisions_of(lead_id, limit)
    return LeadDecisions(lead_id=lead_id, decisions=found)


class ScoreBounds(BaseModel):
    """Where the judgement could still end: scores from 0 to 100, and codes of verdicts."""

    lowest: int
    highest: int
    verdicts: list[str]


class EvidenceStep(BaseModel):
    """One step of the research, in the order in which they were bought.

    `items` counts the places, hits, pages or job ads that it brought, `brought` names the fields
    that it supports. `failure` is the code of the error that it ended with.
    """

    step: Step
    bought_at: datetime | None
    purchase_id: str | None
    cost_micros: int
    failure: str | None
    items: int | None
    brought: list[str]
    score: int | None
    bounds: ScoreBounds | None


class CompanyEvidence(BaseModel):
    """All that was found about a company. `values` are the claims that an agent judges by.

    Each value has the sentence that contains it (`quote`), its `source_url`, `as_of`, and a
    `confidence` from 0 to 1. `is_current`: it is what a lookup would return now; else it is what
    the archive keeps. `sources` are all that was looked at, also what is not the company's.
    """

    company_key: str
    is_current: bool
    has_steps: bool
    cost_micros: int
    steps: list[EvidenceStep]
    stopped: Stop | None
    not_bought: dict[Step, Skip | None]
    threshold: int | None
    simulated: bool
    values: list[Claim]
    sources: list[SourceShown]
    website: WebsiteChoice | None


class LeadEvidence(BaseModel):
    """The evidence about the company of a lead, null where nothing is kept of it.

    `company_key` is null where the name may mean several companies, the `candidates`.
    """

    lead_id: UUID
    company: str
    company_key: str | None
    candidates: list[str]
    evidence: CompanyEvidence | None


@details.get(
    "/evidence",
    summary="See the evidence about a lead's company",
    responses=documented(HTTPStatus.NOT_FOUND),
)
async def read_lead_evidence(lead_id: UUID, runtime: RuntimeOfApp) -> LeadEvidence:
    """Return what was found about a lead's company, with quotes and sources; nothing is bought."""
    mention = mention_of(await _lead(lead_id, runtime))
    company = await runtime.identity.index.preview(mention.identify())
    shown = await read_evidence(runtime, mention)
    return LeadEvidence(
        lead_id=lead_id,
        company=mention.name,
        company_key=None if company.is_ambiguous else company.key,
        candidates=list(company.candidates),
        evidence=None if shown is None else CompanyEvidence.model_validate(shown.as_json()),
    )


class MadePurchase(LedgerEntry):
    """A purchase in the ledger, and the lookups that it has answered since, by how they came to it.

    Money in millionths of a US dollar.
    """

    served: dict[str, int]
    saved_micros: int


class LeadPurchases(BaseModel):
    """What was bought about the company of a lead, for whichever lead, the latest first.

    `company_keys` are the company's keys, former ones too; `total` sums up all of its purchases.
    """

    lead_id: UUID
    company: str
    company_keys: list[str]
    purchases: list[MadePurchase]
    total: CostSum


@details.get(
    "/purchases",
    summary="See what was bought about a lead's company",
    responses=documented(HTTPStatus.NOT_FOUND),
)
async def read_purchases(
    lead_id: UUID, runtime: RuntimeOfApp, *, limit: _Limit = 20
) -> LeadPurchases:
    """Return the latest purchases about a lead's company, and the sum of all. Nothing is bought."""
    mention = mention_of(await _lead(lead_id, runtime))
    keys = (await resolve(runtime, mention)).keys
    found = await runtime.purchasing.ledger.latest_of(keys, limit)
    reuse = await runtime.purchasing.reuse.of([each.purchase_id for each in found])
    made = [
        MadePurchase(
            **dict(purchase),
            served={each.source: each.served for each in its},
            saved_micros=sum(each.saved_micros for each in its),
        )
        for purchase in found
        for its in [[each for each in reuse if each.purchase_id == purchase.purchase_id]]
    ]
    costs = await runtime.purchasing.costs.by(CostsBy.COMPANY, among=keys)
    return LeadPurchases(
        lead_id=lead_id,
        company=mention.name,
        company_keys=list(keys),
        purchases=made,
        total=CostSum.model_validate(total(costs)),
    )


async def _lead(lead_id: UUID, runtime: Runtime) -> Lead:
    """Return a lead.

    Raises:
        NotStored: There is none.
    """
    lead = await runtime.leads.store.lead(lead_id)
    if lead is None:
        raise NotStored("lead", lead_id)
    return lead


persons = APIRouter(
    prefix="/api/v1/persons",
    tags=["persons"],
    route_class=BodyRoute,
    dependencies=[WHOLE_INSTALLATION],
)


class Person(BaseModel):
    """A person, by e-mail address, compared without regard to case."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    email: EmailAddress


class PersonErasure(Person):
    """The person whose data is erased; with `dry_run` nothing is erased."""

    dry_run: Flag = False


@persons.post("/export", summary="Export a person's data", responses=documented(*BODY_ERRORS))
async def export(wanted: Person, runtime: RuntimeOfApp) -> PersonExport:
    """Return everything that is kept about a person. Nothing is changed."""
    return await export_person(runtime, wanted.email)


@persons.post("/erase", summary="Erase a person's data", responses=documented(*BODY_ERRORS))
async def erase(wanted: PersonErasure, runtime: RuntimeOfApp) -> Erasure:
    """Erase a person's leads with all that goes with them, and answers that name the person.

    The ledger, which is about companies, stays. Repeating it is safe.
    """
    return await erase_person(runtime, wanted.email, dry_run=wanted.dry_run)
