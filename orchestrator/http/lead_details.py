"""What is known of a lead beside its record: decisions with findings, evidence, purchases.

Each has an address of its own, since each changes for its own reasons: the record with its version
stays what is documented and cached. The names in these answers are those of `emasai explain
--json`.
"""

from datetime import datetime
from http import HTTPStatus
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query
from pydantic import BaseModel

from agents.case import Claim, Lead
from orchestrator.app import Runtime
from orchestrator.evidence.model import Step
from orchestrator.evidence.profile import SourceShown
from orchestrator.evidence.waterfall import Skip, Stop
from orchestrator.evidence.website import WebsiteChoice
from orchestrator.gateway import NotStored
from orchestrator.identity import mention_of
from orchestrator.leads import StoredDecision
from orchestrator.lookup import read_evidence, resolve
from orchestrator.purchasing import CostsBy, LedgerEntry, total

from .errors import documented
from .money import CostSum
from .requests import RuntimeOfApp
from .versions import WHOLE_INSTALLATION

router = APIRouter(prefix="/leads/{lead_id}", tags=["leads"], dependencies=[WHOLE_INSTALLATION])

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


@router.get(
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


@router.get(
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


@router.get(
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
