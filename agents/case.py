"""What agents exchange (a lead, evidence about its company, decisions), and what every agent is.

These are the words that every agent shares. What only one agent knows (the CDAO's profile, its
findings) lives in that agent's package. A new agent (marketing, sales, finance) is a class with the
members of `Agent` in its own folder beside `cdao`; adding it to the `Pipeline` is all that storage
and delivery need.
"""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Annotated, Literal, Protocol, TypeAlias
from uuid import UUID

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, JsonValue, SkipValidation

Language = Literal["en", "es"]
#: Checked by mypy and by whatever stores it; at run time that would take longer than a judgement.
JsonObject: TypeAlias = Annotated[dict[str, JsonValue], SkipValidation]


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True)


class Localized(_Frozen):
    """One sentence in the two languages that people at EMASAI read."""

    en: str
    es: str

    def in_language(self, language: Language) -> str:
        """Return the sentence in *language*."""
        return self.es if language == "es" else self.en


class Money(_Frozen):
    """An amount in whole units of an ISO 4217 currency (a sales estimate, not a price)."""

    amount: int
    currency: Annotated[str, Field(pattern=r"^[A-Z]{3}$")]


class Lead(_Frozen):
    """A person at a company who may buy.

    `country` is an ISO 3166-1 alpha-2 code, `website` an http(s) URL or a bare host; `city`, the
    company's town, and `phone` are as they were typed. Without an e-mail, the company is all that
    is judged.
    """

    id: UUID
    company: str
    contact: str
    email: str | None = None
    website: str | None = None
    country: str | None = None
    city: str | None = None
    phone: str | None = None
    source: str | None = None
    notes: str | None = None


class ClaimField(StrEnum):
    """What a claim can be about.

    `EMAIL`, `PHONE`, `SOCIAL`, `HIRING`, `NEWS`, `TECHNOLOGY` and `TAX_ID` may occur many times in
    one evidence, the others once per source.
    """

    SECTOR = "sector"
    HEADCOUNT = "headcount"
    SIZE_BAND = "size_band"
    COUNTRY = "country"
    WEBSITE = "website"
    DESCRIPTION = "description"
    EMAIL = "email"
    PHONE = "phone"
    SOCIAL = "social"
    HIRING = "hiring"
    NEWS = "news"
    TECHNOLOGY = "technology"
    TAX_ID = "tax_id"


class Claim(_Frozen):
    """One statement of one source about a company.

    `confidence` runs from 0 to 1; `as_of` is when the source stated it, not when it was read.
    `HEADCOUNT` carries an int, `HIRING` the number of open positions or a title, all others text.

    The rest is for people, and None or empty where the answer does not state it: `quote` is the
    sentence or cell of the source that the value stands in, `method` how it was read, `status` how
    well it is supported (`verified`, `corroborated`, `single_source`, `conflicting`), and
    `alternatives` what other sources state instead.
    """

    field: ClaimField
    value: str | int
    confidence: Annotated[float, Field(ge=0, le=1)]
    source_url: str | None = None
    as_of: AwareDatetime
    quote: str | None = None
    method: str | None = None
    status: str | None = None
    alternatives: tuple[str | int, ...] = ()


class Evidence(_Frozen):
    """Everything one purchase brought about one company. `simulated` marks invented data."""

    company: str
    claims: tuple[Claim, ...] = ()
    simulated: bool = False


class Verdict(StrEnum):
    """Where a case goes next."""

    ADVANCE = "advance"
    DISCARD = "discard"


class OpportunityDraft(_Frozen):
    """What the sales agent receives when a case advances through the whole pipeline.

    `probability` runs from 0 to 1; `score` from 0 to 100.
    """

    score: Annotated[int, Field(ge=0, le=100)]
    value: Money
    probability: Annotated[float, Field(ge=0, le=1)]
    next_step: Localized


class Decision(_Frozen):
    """What one agent concluded about one case.

    `code` is the machine-readable reason (stable, snake_case), `reason` the sentence for
    people, `version` identifies the agent's rules: same case, same version, same decision.
    `details` holds the agent's own findings as JSON, for inspection.
    """

    agent: str
    version: str
    verdict: Verdict
    code: str
    reason: Localized
    score: Annotated[int, Field(ge=0, le=100)] | None = None
    draft: OpportunityDraft | None = None
    details: JsonObject = Field(default_factory=dict)


class Case(_Frozen):
    """A lead with all that is known when an agent looks at it.

    `evidence` is None both before it was asked for and when there is none to be had;
    `evidence_sought` distinguishes the two. `now` is the instant of the judgement, UTC.
    """

    lead: Lead
    now: datetime
    evidence: Evidence | None = None
    evidence_sought: bool = False
    decisions: tuple[Decision, ...] = ()

    def with_evidence(self, evidence: Evidence | None) -> "Case":
        """Return the case after evidence was sought; None if nothing was found."""
        return self.model_copy(update={"evidence": evidence, "evidence_sought": True})

    def with_decision(self, decision: Decision) -> "Case":
        """Return the case with one more decision."""
        return self.model_copy(update={"decisions": (*self.decisions, decision)})


class Agent(Protocol):
    """A pure judge of cases."""

    @property
    def name(self) -> str:
        """Stable snake_case identity, stored with each decision."""

    @property
    def version(self) -> str:
        """Identity of its rules, stored with each decision."""

    def wants_evidence(self, case: Case) -> bool:
        """Return whether it is worth paying for evidence before *case* is decided."""

    def wants(self, case: Case, fields: frozenset[ClaimField]) -> bool:
        """Return whether more evidence, about *fields* only, is worth paying for.

        It is while it could change the verdict that `decide` would give now, or fill a field
        that an opportunity must have. Pure like `decide`, and monotone: what is wanted of some
        fields is wanted of more.
        """

    def decide(self, case: Case) -> Decision:
        """Judge *case*. Deterministic: no clock, no I/O, no randomness."""


@dataclass(frozen=True, slots=True)
class Pipeline:
    """Agents, by distinct names, in the order in which they judge; the first DISCARD ends it."""

    agents: tuple[Agent, ...]

    @property
    def version(self) -> str:
        """Identity of all rules; with a single agent, the agent's own version."""
        return "+".join(agent.version for agent in self.agents)

    @property
    def versions(self) -> dict[str, str]:
        """The version of each agent's rules, by the agent's name."""
        return {agent.name: agent.version for agent in self.agents}
