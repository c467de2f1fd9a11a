"""Which stored leads are meant: by where they come from, and by what was decided about them."""

from enum import StrEnum
from typing import Annotated, Any, Self

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    StringConstraints,
    model_validator,
)
from sqlalchemy import Select, Subquery, exists, func, select

from agents.case import Verdict
from orchestrator.database.schema import decisions, leads, opportunities
from orchestrator.infra.bounds import FilledText, Flag, Instant


class LeadStatus(StrEnum):
    """What has become of a lead."""

    NEVER_JUDGED = "never_judged"
    OPPORTUNITY = "opportunity"
    DISCARDED = "discarded"


class LeadFilter(BaseModel):
    """The leads that meet every condition that is given; at least one is.

    `discarded` are those whose latest decision says so and that have no opportunity.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    source: FilledText | None = Field(
        default=None, description="Where the lead came from, in any case."
    )
    country: Annotated[str, StringConstraints(to_upper=True, pattern=r"^[A-Za-z]{2}$")] | None = (
        Field(default=None, description="ISO 3166-1 alpha-2 code.")
    )
    imported_since: Instant | None = None
    status: LeadStatus | None = None
    other_policy: Flag = Field(
        default=False, description="Those that were last judged by another policy than today's."
    )

    @property
    def about(self) -> str:
        """What it says, in one line."""
        return f"leads where {self.model_dump_json(exclude_defaults=True)}"

    @model_validator(mode="after")
    def _says_something(self) -> Self:
        if not any(self.__dict__.values()):
            raise ValueError("names no condition; give at least one")
        return self


def chosen_leads(wanted: LeadFilter | None, policy_version: str) -> Select[Any]:
    """Return what selects the ids of the leads of *wanted*, all for None, oldest first.

    Args:
        wanted: The conditions.
        policy_version: What `other_policy` is held against.
    """
    statement = select(leads.c.id).order_by(leads.c.imported_at, leads.c.id)
    if wanted is None:
        return statement
    if wanted.source is not None:
        statement = statement.where(func.lower(leads.c.source) == wanted.source.lower())
    if wanted.country is not None:
        statement = statement.where(leads.c.country == wanted.country)
    if wanted.imported_since is not None:
        statement = statement.where(leads.c.imported_at >= wanted.imported_since)
    if wanted.status is not None or wanted.other_policy:
        latest = _latest_decisions()
        statement = statement.outerjoin(latest, latest.c.lead_id == leads.c.id)
        has_opportunity = exists().where(opportunities.c.lead_id == leads.c.id)
        match wanted.status:
            case LeadStatus.NEVER_JUDGED:
                statement = statement.where(latest.c.lead_id.is_(None))
            case LeadStatus.OPPORTUNITY:
                statement = statement.where(has_opportunity)
            case LeadStatus.DISCARDED:
                is_discarded = latest.c.verdict == Verdict.DISCARD.value
                statement = statement.where(is_discarded, ~has_opportunity)
        if wanted.other_policy:
            statement = statement.where(latest.c.version != policy_version)
    return statement


def _latest_decisions() -> Subquery:
    table = decisions
    latest_first = (table.c.confirmed_at.desc(), table.c.id.desc())
    rank = func.row_number().over(partition_by=table.c.lead_id, order_by=latest_first)
    ranked = select(
        table.c.lead_id, table.c.verdict, table.c.version, rank.label("rank")
    ).subquery()
    return select(ranked).where(ranked.c.rank == 1).subquery()
