"""What may be asked for, as it stands in the body of a request."""

from dataclasses import dataclass
from decimal import Decimal
from typing import Annotated, Any, Final, Literal, Self, TypeVar
from uuid import UUID

from fastapi import Query
from pydantic import (
    AfterValidator,
    AliasChoices,
    AwareDatetime,
    BaseModel,
    ConfigDict,
    Discriminator,
    Field,
    Tag,
    model_validator,
)
from pydantic.config import JsonDict

from orchestrator.leadfile.text import visible
from orchestrator.store import LeadFilter

from .faults import COMPANY, NAME
from .limits import MAX_COST_USD, MAX_ITEMS, MAX_NOTES, MAX_TEXT, MICROS_PER_USD

#: The Spanish names of a lead's fields, which are as good as the English ones.
SPANISH: Final = {
    "company": "empresa",
    "contact": "contacto",
    "email": "correo",
    "website": "sitio_web",
    "country": "pais",
    "phone": "telefono",
    "source": "origen",
    "notes": "notas",
}


def _storable(text: str) -> str:
    if "\0" in text:
        raise ValueError("contains NUL characters; take them away")
    return text


def _filled(text: str) -> str:
    if not visible(text):
        raise ValueError("is blank; fill it in")
    return text


_Storable = AfterValidator(_storable)
Text = Annotated[str, Field(max_length=MAX_TEXT), _Storable]
FilledText = Annotated[Text, Field(min_length=1), AfterValidator(_filled)]


def _named(name: str, **about: Any) -> Any:  # noqa: ANN401 - as `pydantic.Field` is typed
    return Field(validation_alias=AliasChoices(name, SPANISH[name]), **about)


def _in_either_language(schema: dict[str, Any]) -> None:
    """Document a lead as one of two objects. Mixed names are read, too."""
    kind = {name: schema.pop(name) for name in ("type", "additionalProperties")}
    properties, required = schema.pop("properties"), schema.pop("required")
    spanish = {SPANISH[name]: about for name, about in properties.items()}
    schema["anyOf"] = [
        {**kind, "title": "English", "properties": properties, "required": required},
        {
            **kind,
            "title": "Español",
            "properties": {name: {**about, "title": name} for name, about in spanish.items()},
            "required": [SPANISH[name] for name in required],
        },
    ]


class GivenLead(BaseModel):
    """A person at a company who may buy. A website or a country that is none is left out."""

    model_config = ConfigDict(frozen=True, extra="forbid", json_schema_extra=_in_either_language)

    company: FilledText = _named("company", examples=["Telefónica, S.A."])
    contact: FilledText = _named("contact", examples=["Ana Ruiz"])
    email: FilledText = _named("email", examples=["ana.ruiz@telefonica.example"])
    website: Text | None = _named("website", default=None, examples=["www.telefonica.example"])
    country: Text | None = _named("country", default=None, examples=["España"])
    phone: Text | None = _named("phone", default=None, examples=["+34 911 234 567"])
    source: Text | None = _named("source", default=None, examples=["web form"])
    notes: Annotated[str, Field(max_length=MAX_NOTES), _Storable] | None = _named(
        "notes", default=None
    )


class LeadReference(BaseModel):
    """A lead that is stored already."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    lead_id: UUID


def _kind_of_lead(body: object) -> str:
    return "reference" if isinstance(body, dict) and "lead_id" in body else "lead"


LeadRequest = Annotated[
    Annotated[LeadReference, Tag("reference")] | Annotated[GivenLead, Tag("lead")],
    Discriminator(_kind_of_lead),
]


_T = TypeVar("_T")
_Items = Annotated[list[_T], Field(min_length=1, max_length=MAX_ITEMS)]
_ONE_CAP: Final[JsonDict] = {"not": {"required": ["max_cost_micros", "max_cost_usd"]}}


class _Capped(BaseModel):
    model_config = ConfigDict(
        frozen=True,
        extra="forbid",
        json_schema_extra=_ONE_CAP,
    )

    tenant: Annotated[str, Field(pattern=r"^[A-Za-z0-9._-]{1,64}$")] | None = Field(
        default=None, description="Whose money is spent; the installation's own if it is not said."
    )
    max_cost_micros: (
        Annotated[int, Field(strict=True, ge=0, le=MAX_COST_USD * MICROS_PER_USD)] | None
    ) = Field(default=None, description="What this job may spend, in millionths of a US dollar.")
    max_cost_usd: Annotated[Decimal, Field(ge=0, le=MAX_COST_USD, decimal_places=6)] | None = Field(
        default=None, description="The same in US dollars; give one of the two."
    )

    deadline: AwareDatetime | None = Field(
        default=None,
        description="What has not begun by then fails with the code 'deadline'. With its zone.",
        examples=["2026-11-30T18:00:00Z"],
    )

    @model_validator(mode="after")
    def _has_one_cap(self) -> Self:
        if self.max_cost_micros is not None and self.max_cost_usd is not None:
            raise ValueError("has both 'max_cost_micros' and 'max_cost_usd'; give one of them")
        return self

    @property
    def cap_micros(self) -> int | None:
        """The cap in micro-USD, None without one. Exact: smaller fractions are refused."""
        if self.max_cost_usd is not None:
            return int(self.max_cost_usd * MICROS_PER_USD)
        return self.max_cost_micros


class GivenCompany(BaseModel):
    """A company by its name and what tells it from others; what is none is left out."""

    model_config = ConfigDict(frozen=True, extra="forbid", json_schema_extra=_in_either_language)

    company: FilledText = _named("company", examples=["Telefónica, S.A."])
    website: Text | None = _named("website", default=None, examples=["www.telefonica.example"])
    country: Text | None = _named("country", default=None, examples=["España"])


def _kind_of_company(item: object) -> str:
    return COMPANY if isinstance(item, dict | GivenCompany) else NAME


CompanyRequest = Annotated[
    Annotated[FilledText, Tag(NAME)] | Annotated[GivenCompany, Tag(COMPANY)],
    Discriminator(_kind_of_company),
]


class EnrichRequest(_Capped):
    """Companies to look up, without judgement: names, or objects that say more."""

    kind: Literal["enrich"]
    companies: _Items[CompanyRequest] = Field(
        examples=[["Telefónica, S.A.", {"company": "Mercado Libre", "country": "AR"}]]
    )


class PipelineRequest(_Capped):
    """Leads to run past the agents: stored ones by id or by a filter, or whole ones, stored first.

    A filter is looked up when the job is accepted; what is imported later is no part of it.
    """

    model_config = ConfigDict(
        json_schema_extra={
            **_ONE_CAP,
            "oneOf": [{"required": [name]} for name in ("lead_ids", "leads", "filter")],
        }
    )

    kind: Literal["pipeline"]
    lead_ids: _Items[UUID] | None = None
    leads: _Items[GivenLead] | None = None
    filter: LeadFilter | None = None

    @model_validator(mode="after")
    def _has_one_kind_of_leads(self) -> Self:
        given = [each for each in (self.lead_ids, self.leads, self.filter) if each is not None]
        if len(given) != 1:
            raise ValueError("needs one of 'lead_ids', 'leads' and 'filter'")
        return self


@dataclass(frozen=True, slots=True)
class UploadQuery:
    """What the address of an upload says beside it."""

    tenant: Annotated[str | None, Query(pattern=r"^[A-Za-z0-9._-]{1,64}$")] = None
    max_cost_micros: Annotated[int | None, Query(ge=0, le=MAX_COST_USD * MICROS_PER_USD)] = None
    deadline: Annotated[AwareDatetime | None, Query()] = None


JobRequest = Annotated[EnrichRequest | PipelineRequest, Field(discriminator="kind")]
