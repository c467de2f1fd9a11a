"""Which company a name means, and what people decide about that: `emasai identity` over HTTP."""

from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime
from http import HTTPStatus
from typing import Annotated, Any, Concatenate, Final, ParamSpec

from fastapi import APIRouter, Query
from pydantic import BaseModel, ConfigDict, Field, StrictInt

from orchestrator import deciding
from orchestrator.app import Runtime
from orchestrator.deciding import Affected, Author, Entered
from orchestrator.identity import Mention, company_domain
from orchestrator.identity.resolution import (
    BadDecision,
    DecisionKind,
    MatchReason,
    undone_by,
)
from orchestrator.infra.bounds import FilledText, Flag, Text
from orchestrator.lookup import decision_json, resolve

from .bodies import MAX_RESULTS
from .errors import BODY_ERRORS, Refusal, Refused, documented, field_fault, invalid_request
from .requests import BodyRoute, Call, CallOfRequest, CompanyText, RuntimeOfApp
from .versions import WHOLE_INSTALLATION

router = APIRouter(
    prefix="/api/v1/identity",
    tags=["identity"],
    route_class=BodyRoute,
    dependencies=[WHOLE_INSTALLATION],
)

#: A decision has a 32-bit number.
_MOST_DECISIONS: Final = 2**31 - 1
_P = ParamSpec("_P")
_Number = Annotated[StrictInt, Field(ge=1, le=_MOST_DECISIONS)]


class _Decision(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    by: FilledText = Field(description="Who decides; kept permanently.", examples=["ana.ruiz"])
    why: FilledText = Field(description="The reason; kept permanently.")

    @property
    def author(self) -> Author:
        """The same for the core."""
        return Author(self.by, self.why)


class MergeRequest(_Decision):
    """Two companies, each by its key or name, that are one: the key of `into` from now on."""

    company: CompanyText = Field(examples=["acme_iberica"])
    into: CompanyText = Field(examples=["acme"])
    both_have_history: Flag = Field(
        default=False,
        description="Merge them although both have purchases or opportunities.",
    )


class SplitRequest(_Decision):
    """A name of several companies: the name alone no longer buys anything."""

    name: CompanyText = Field(examples=["Inversiones del Sur"])


class AliasRequest(_Decision):
    """A spelling, or with `is_domain` a domain, that leads to a company."""

    spelling: CompanyText = Field(examples=["Acme Intl"])
    company: CompanyText = Field(examples=["acme"])
    is_domain: Flag = False


class UndoRequest(_Decision):
    """A decision that is no longer in force; both stay in the list."""

    number: _Number


class DecisionRecord(BaseModel):
    """A decision; `undone_by` is the number of the one that undid it."""

    number: int
    kind: DecisionKind
    subject: str
    target: str | None
    by: str
    why: str
    decided_at: datetime
    undone_by: int | None


class DecisionEntered(BaseModel):
    """A decision as it was entered, and what follows from it. In force everywhere in seconds."""

    decision: DecisionRecord
    consequences: list[str]


class DecisionPage(BaseModel):
    """Some decisions, the first one first; `next_after` asks for the next page."""

    decisions: list[DecisionRecord]
    next_after: int | None


class RemovedPart(BaseModel):
    """A part of a name that its key lacks, such as a legal form."""

    text: str
    label: str
    kind: str


class NameClaim(BaseModel):
    """A company that leads of the same name have."""

    key: str
    company: str
    domain: str | None
    country: str | None
    legal_form: str | None


class ResolutionAnswer(BaseModel):
    """Which company a name means. `because` says by what, `candidates` what it could be, if not.

    `former_keys` are other keys under which its data may be stored, `claims` the companies that
    leads of this name have, and `identity_decisions` those in force that lead here.
    """

    key: str
    because: MatchReason
    ambiguous: bool
    candidates: list[str]
    name_key: str
    display_name: str
    legal_form: str | None
    domain: str | None
    country: str | None
    removed: list[RemovedPart]
    distinctive: bool
    former_keys: list[str]
    claims: list[NameClaim]
    identity_decisions: list[DecisionRecord]


@router.get("", summary="See which company a name means", responses=documented())
async def show_identity(
    runtime: RuntimeOfApp,
    *,
    name: Annotated[CompanyText, Query(description="A company, by any name or its key.")],
    website: Annotated[Text | None, Query(description="As a lead has it.")] = None,
    country: Annotated[
        str | None, Query(pattern=r"^[A-Z]{2}$", description="ISO 3166-1 alpha-2 code.")
    ] = None,
) -> ResolutionAnswer:
    """Return the company and why it is the one, as `emasai identity show`. Stores nothing."""
    found = await resolve(runtime, Mention(name, website, country))
    return ResolutionAnswer.model_validate(found.as_json())


@router.get("/decisions", summary="List decisions about companies", responses=documented())
async def list_decisions(
    runtime: RuntimeOfApp,
    *,
    after: Annotated[
        int, Query(ge=0, le=_MOST_DECISIONS, description="Only those with a higher number.")
    ] = 0,
    limit: Annotated[int, Query(ge=1, le=MAX_RESULTS, description="Decisions of this page.")] = 100,
) -> DecisionPage:
    """List every decision: what, why, by whom, when, and whether it is in force."""
    decisions = await runtime.identity.decisions.all()
    undone = undone_by(decisions)
    later = [each for each in decisions if each.number > after]
    listed = [
        DecisionRecord(**decision_json(each, undone.get(each.number))) for each in later[:limit]
    ]
    return DecisionPage(
        decisions=listed, next_after=listed[-1].number if len(later) > limit else None
    )


_ENTERED: Final[dict[str, Any]] = {
    "responses": documented(*BODY_ERRORS),
    "status_code": HTTPStatus.CREATED,
}


@router.post("/merge", summary="Make two companies one", **_ENTERED)
async def merge(wanted: MergeRequest, call: CallOfRequest) -> DecisionEntered:
    """Make two companies one, looked up, bought and reported under the second one's key.

    If both have purchases or opportunities, the answer is 409 (`both_have_history`) unless the
    request says that it knows.
    """

    def confirm(histories: Sequence[Affected]) -> None:
        if not wanted.both_have_history:
            sides = "; ".join(map(str, histories))
            message = f"Both have a history ({sides}); if they are one, say 'both_have_history'."
            raise Refused(Refusal("both_have_history", message))

    return await _enter_decision(
        call, deciding.merge, wanted.company, wanted.into, wanted.author, confirm
    )


@router.post("/split", summary="Declare that a name means several companies", **_ENTERED)
async def split(wanted: SplitRequest, call: CallOfRequest) -> DecisionEntered:
    """Declare that a name means several companies: the name alone no longer buys anything."""
    return await _enter_decision(call, deciding.split, wanted.name, wanted.author)


@router.post("/alias", summary="Make a spelling or a domain lead to a company", **_ENTERED)
async def alias(wanted: AliasRequest, call: CallOfRequest) -> DecisionEntered:
    """Make a spelling, or all leads of a domain, lead to a company."""
    if wanted.is_domain and company_domain(wanted.spelling) is None:
        complaint = "is not the domain of a company: free mail, or no domain; correct it"
        raise Refused(invalid_request([field_fault(("spelling",), complaint)]))
    return await _enter_decision(
        call,
        deciding.alias,
        wanted.spelling,
        wanted.company,
        wanted.author,
        is_domain=wanted.is_domain,
    )


@router.post("/undo", summary="Undo a decision", **_ENTERED)
async def undo(wanted: UndoRequest, call: CallOfRequest) -> DecisionEntered:
    """Undo a decision by its number; it stays in the list, and so does this one."""
    return await _enter_decision(call, deciding.undo, wanted.number, wanted.author)


async def _enter_decision(
    call: Call,
    decide: Callable[Concatenate[Runtime, _P], Awaitable[Entered]],
    *what: _P.args,
    **options: _P.kwargs,
) -> DecisionEntered:
    """Enter a decision; a repeated request with the same key is answered as the first.

    Raises:
        Refused: It contradicts an earlier decision, or nothing is known of a company.
    """

    async def answer() -> DecisionEntered:
        try:
            entered = await decide(call.runtime, *what, **options)
        except BadDecision as error:
            raise Refused(Refusal("decision_refused", f"Not entered: {error}.")) from None
        return DecisionEntered(
            decision=DecisionRecord(**decision_json(entered.decision)),
            consequences=list(entered.consequences),
        )

    return await call.once(DecisionEntered, answer)
