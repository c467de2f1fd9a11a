"""What a request may say, in its body and in its address, and what routes ask FastAPI for."""

import contextlib
import hashlib
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, replace
from typing import Annotated, Any, Final, Generic, Literal, Self, TypeVar
from urllib.parse import parse_qsl
from uuid import UUID

import orjson
from fastapi import Depends, Header, Query, Request, Response
from fastapi.openapi.models import Example
from pydantic import (
    AfterValidator,
    AliasChoices,
    BaseModel,
    ConfigDict,
    Discriminator,
    Field,
    GetCoreSchemaHandler,
    Tag,
    TypeAdapter,
    model_validator,
)
from pydantic.config import JsonDict
from pydantic_core import CoreSchema, core_schema

from orchestrator.app import Runtime
from orchestrator.dispatch import Terms
from orchestrator.gateway import LeadState
from orchestrator.identity import InvalidCompanyName, as_key
from orchestrator.infra import bounds
from orchestrator.infra.bounds import (
    MAX_COST_USD,
    MAX_ITEMS,
    MICROS_PER_USD,
    CostMicros,
    CostUsd,
    FilledText,
    Flag,
    Notes,
    Tenant,
    Text,
    Until,
    check_not_passed,
    micros_of,
)
from orchestrator.jobs import Job, KeyedRequest
from orchestrator.leadfile import LeadField
from orchestrator.leads import LeadFilter

from .bodies import CSV, ITEM_BY_ITEM, JOBS_PATH, NDJSON, UPLOADED, PieceRoute, digest_of
from .errors import COMPANY, NAME, FieldFault, Refused, field_fault, invalid_request
from .security import Caller, caller_of

#: The Spanish names of a lead's fields, which are as good as the English ones.
SPANISH: Final = {
    "company": "empresa",
    "contact": "contacto",
    "email": "correo",
    "website": "sitio_web",
    "country": "pais",
    "city": "ciudad",
    "phone": "telefono",
    "source": "origen",
    "notes": "notas",
}


def _named(name: str, **about: Any) -> Any:  # noqa: ANN401 - as `pydantic.Field` is typed
    return Field(validation_alias=AliasChoices(name, SPANISH[name]), **about)


def _in_either_language(schema: dict[str, Any]) -> None:
    """Document a lead as one of two objects. Mixed names are read, too."""
    kept = {"type", "additionalProperties", "minProperties"} & schema.keys()
    kind = {name: schema.pop(name) for name in sorted(kept)}
    properties, required = schema.pop("properties"), schema.pop("required", [])
    spanish = {SPANISH.get(name, name): about for name, about in properties.items()}
    schema["anyOf"] = [
        {**kind, "title": "English", "properties": properties, "required": required},
        {
            **kind,
            "title": "Español",
            "properties": {name: {**about, "title": name} for name, about in spanish.items()},
            "required": [SPANISH[name] for name in required],
        },
    ]


def without_defaults(schema: dict[str, Any]) -> None:
    """Document fields that are left as they are where a request does not name them."""
    for about in schema["properties"].values():
        about.pop("default", None)


def _changes_in_either_language(schema: dict[str, Any]) -> None:
    without_defaults(schema)
    schema["minProperties"] = 1
    _in_either_language(schema)


class LeadChanges(BaseModel):
    """What changes of a lead; null empties a field that may be empty. Other fields stay."""

    model_config = ConfigDict(
        frozen=True, extra="forbid", json_schema_extra=_changes_in_either_language
    )

    company: FilledText = _named("company", default="")
    contact: FilledText = _named("contact", default="")
    email: FilledText = _named("email", default="")
    website: Text | None = _named("website", default=None)
    country: Text | None = _named("country", default=None)
    city: Text | None = _named("city", default=None)
    phone: Text | None = _named("phone", default=None)
    source: Text | None = _named("source", default=None)
    notes: Notes | None = _named("notes", default=None)
    estado: LeadState = LeadState.NUEVO

    @model_validator(mode="after")
    def _changes_something(self) -> Self:
        if not self.model_fields_set:
            raise ValueError("names no field; give at least one")
        return self


class GivenLead(BaseModel):
    """A person at a company that may buy. An unusable website or country is left out."""

    model_config = ConfigDict(frozen=True, extra="forbid", json_schema_extra=_in_either_language)

    company: FilledText = _named("company", examples=["Telefónica, S.A."])
    contact: FilledText = _named("contact", examples=["Ana Ruiz"])
    email: Text | None = _named("email", default=None, examples=["ana.ruiz@telefonica.example"])
    website: Text | None = _named("website", default=None, examples=["www.telefonica.example"])
    country: Text | None = _named("country", default=None, examples=["España"])
    city: Text | None = _named("city", default=None, examples=["Bilbao"])
    phone: Text | None = _named("phone", default=None, examples=["+34 911 234 567"])
    source: Text | None = _named("source", default=None, examples=["web form"])
    notes: Notes | None = _named("notes", default=None)


#: The fields of a lead, or of a company, as a lead file has them.
Cells = tuple[str, ...]
_T = TypeVar("_T")
_Model = TypeVar("_Model", bound=BaseModel)


@dataclass(frozen=True, slots=True)
class _Kept(Generic[_T]):
    """Reads a value as *kind* and keeps it as what *compact* makes of it.

    An item of a long list is kept as texts, or as a tuple of texts: a hundred thousand objects of
    any other kind hold up the event loop by a quarter of a second whenever the cycle collector
    looks through them, and take three times the memory.
    """

    kind: type[_T]
    compact: Callable[[_T], object]

    def __get_pydantic_core_schema__(
        self, _source: object, handler: GetCoreSchemaHandler
    ) -> CoreSchema:
        schema = handler.generate_schema(self.kind)
        return core_schema.no_info_after_validator_function(self.compact, schema)


_Items = Annotated[list[_T], Field(min_length=1, max_length=MAX_ITEMS), ITEM_BY_ITEM]
_ONE_CAP: Final[JsonDict] = {
    "not": {
        "required": ["max_cost_micros", "max_cost_usd"],
        "properties": {
            "max_cost_micros": {"type": "integer"},
            "max_cost_usd": {"type": ["number", "string"]},
        },
    }
}
_TWO_CAPS: Final = "has both 'max_cost_micros' and 'max_cost_usd'; give one of them"
_TENANT: Final = "Whose money is spent; the key's tenant, or the installation's, if it is not said."
_MICROS: Final = "What this job may spend, in millionths of a US dollar."
_USD: Final = "The same in US dollars; give one of the two."
_DEADLINE: Final = "What has not begun by then fails with the code 'deadline'. With its zone."
_BUY_AGAIN: Final = (
    "Whether companies whose earlier purchase has lost its answer are bought once more, although "
    "that may have been charged; false if it is not said. What is known is not bought again."
)


def _names_a_company(text: str) -> str:
    try:
        as_key(text)
    except InvalidCompanyName as error:
        complaint = f"is not a company name ({error.reason}); write the company's name"
        raise ValueError(complaint) from None
    return text


#: A company by any name, or by its key.
CompanyText = Annotated[FilledText, AfterValidator(_names_a_company)]


class WorkLimits(BaseModel):
    """For whom work is done, and within which limits. The address may say the same."""

    model_config = ConfigDict(frozen=True, extra="forbid", json_schema_extra=_ONE_CAP)

    tenant: Tenant | None = Field(default=None, description=_TENANT)
    max_cost_micros: CostMicros | None = Field(default=None, description=_MICROS)
    max_cost_usd: CostUsd | None = Field(default=None, description=_USD)
    deadline: Until | None = Field(
        default=None, description=_DEADLINE, examples=["2026-11-30T18:00:00Z"]
    )

    @model_validator(mode="after")
    def _has_one_cap(self) -> Self:
        if self.max_cost_micros is not None and self.max_cost_usd is not None:
            raise ValueError(_TWO_CAPS)
        return self


class PaidWork(WorkLimits):
    """Work for which companies are bought."""

    buy_again: Flag | None = Field(default=None, description=_BUY_AGAIN)


@dataclass(frozen=True, slots=True)
class AddressLimits:
    """The same as the address of a request says it. A dependency of every route that takes work."""

    tenant: Annotated[Tenant | None, Query(description=_TENANT)] = None
    max_cost_micros: Annotated[
        int | None, Query(ge=0, le=MAX_COST_USD * MICROS_PER_USD, description=_MICROS)
    ] = None
    max_cost_usd: Annotated[CostUsd | None, Query(description=_USD)] = None
    deadline: Annotated[Until | None, Query(description=_DEADLINE)] = None


@dataclass(frozen=True, slots=True)
class AddressTerms(AddressLimits):
    """The same of `PaidWork`."""

    buy_again: Annotated[bool | None, Query(description=_BUY_AGAIN)] = None


def terms_of(body: WorkLimits | None, address: AddressLimits) -> Terms:
    """Return what body and address of a request say together.

    Raises:
        Refused: The two contradict each other.
    """
    said = body or WorkLimits()
    faults: list[FieldFault] = []
    if address.max_cost_micros is not None and address.max_cost_usd is not None:
        faults.append(FieldFault(field="", message=f"The address {_TWO_CAPS}."))
    terms = Terms(
        _one("the cap", _cap_micros(said), _cap_micros(address), faults),
        _one("deadline", said.deadline, address.deadline, faults),
        _one("tenant", said.tenant, address.tenant, faults),
        _one("buy_again", _buy_again(said), _buy_again(address), faults) or False,
    )
    if faults:
        raise Refused(invalid_request(faults))
    return terms


def check_time_is_left(terms: Terms) -> None:
    """Refuse new work whose deadline has passed.

    Raises:
        Refused: It has.
    """
    if terms.deadline is None:
        return
    try:
        check_not_passed(terms.deadline)
    except ValueError as error:
        raise Refused(invalid_request([field_fault(("deadline",), str(error))])) from None


def _buy_again(said: WorkLimits | AddressLimits) -> bool | None:
    return said.buy_again if isinstance(said, PaidWork | AddressTerms) else None


def _cap_micros(said: WorkLimits | AddressLimits) -> int | None:
    if said.max_cost_usd is not None:
        return micros_of(said.max_cost_usd)
    return said.max_cost_micros


def _one(name: str, body: _T | None, address: _T | None, faults: list[FieldFault]) -> _T | None:
    if body is not None and address is not None and body != address:
        complaint = "is another in the body than in the address; give it once"
        faults.append(FieldFault(field=name.removeprefix("the "), message=f"{name} {complaint}."))
    return address if body is None else body


class LeadReference(PaidWork):
    """A lead that is stored already."""

    lead_id: UUID


def _in_either_language_with_one_cap(schema: dict[str, Any]) -> None:
    _in_either_language(schema)
    schema.update(_ONE_CAP)


class LeadAlone(GivenLead, PaidWork):
    """A whole lead, with the limits of the work on it."""

    model_config = ConfigDict(
        frozen=True, extra="forbid", json_schema_extra=_in_either_language_with_one_cap
    )


def _kind_of_lead(body: object) -> str:
    return "reference" if isinstance(body, dict) and "lead_id" in body else "lead"


LeadRequest = Annotated[
    Annotated[LeadReference, Tag("reference")] | Annotated[LeadAlone, Tag("lead")],
    Discriminator(_kind_of_lead),
]


class GivenCompany(BaseModel):
    """A company by its name and what tells it from others; what is unusable is left out."""

    model_config = ConfigDict(frozen=True, extra="forbid", json_schema_extra=_in_either_language)

    company: FilledText = _named("company", examples=["Telefónica, S.A."])
    website: Text | None = _named("website", default=None, examples=["www.telefonica.example"])
    country: Text | None = _named("country", default=None, examples=["España"])


def _kind_of_company(item: object) -> str:
    return COMPANY if isinstance(item, dict) else NAME


def cells_of(given: GivenLead | GivenCompany) -> Cells:
    """Return what *given* says by field, in the order of `LeadField`; "" for what it leaves out."""
    return tuple(getattr(given, field, None) or "" for field in LeadField)


LeadCells = Annotated[Cells, _Kept(GivenLead, cells_of)]
CompanyRequest = Annotated[
    Annotated[FilledText, Tag(NAME)]
    | Annotated[Cells, _Kept(GivenCompany, cells_of), Tag(COMPANY)],
    Discriminator(_kind_of_company),
]
LeadId = Annotated[str, _Kept(UUID, str)]


class EnrichRequest(PaidWork):
    """Companies to look up, without judgement: names, or objects that say more."""

    kind: Literal["enrich"]
    companies: _Items[CompanyRequest] = Field(
        examples=[["Telefónica, S.A.", {"company": "Mercado Libre", "country": "AR"}]]
    )


class PipelineRequest(PaidWork):
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
    lead_ids: _Items[LeadId] | None = None
    leads: _Items[LeadCells] | None = None
    filter: LeadFilter | None = None

    @model_validator(mode="after")
    def _has_one_kind_of_leads(self) -> Self:
        given = [each for each in (self.lead_ids, self.leads, self.filter) if each is not None]
        if len(given) != 1:
            raise ValueError("needs one of 'lead_ids', 'leads' and 'filter'")
        return self


JobRequest = Annotated[EnrichRequest | PipelineRequest, Field(discriminator="kind")]

#: The lists of a body that may be long, with the types of their items.
LISTS: Final[dict[str, TypeAdapter[Any]]] = {
    "companies": TypeAdapter(CompanyRequest),
    "leads": TypeAdapter(LeadCells),
    "lead_ids": TypeAdapter(LeadId),
}


class BodyRoute(PieceRoute):
    """A route that takes a JSON body."""

    lists = LISTS


# FastAPI runs a dependency that is no coroutine in a thread of its own, which costs each request
# more than a cached read.
async def _runtime(request: Request) -> Runtime:
    runtime: Runtime = request.app.state.runtime
    return runtime


async def _caller(request: Request) -> Caller:
    return caller_of(request.scope)


RuntimeOfApp = Annotated[Runtime, Depends(_runtime)]
CallerOfRequest = Annotated[Caller, Depends(_caller)]
LimitsInAddress = Annotated[AddressLimits, Depends()]
TermsInAddress = Annotated[AddressTerms, Depends()]

REPLAYED: Final = "Idempotent-Replayed"
#: How long a caller waits for the answer changes nothing of the request.
_NOT_COUNTED: Final = frozenset({"wait_s"})


@dataclass(frozen=True, slots=True)
class Call:
    """One request for work: who asks, where its answer's headers go, and its `Idempotency-Key`.

    With the key the identity of a request is what was sent, not what was found by it. For a day
    (`jobs.IDEMPOTENCY_TTL`) a repeated request is answered as the first one, with the header
    `REPLAYED`; as long as that one is in flight `KeyInFlight` is raised. Another request with the
    same key raises `KeyReused`.
    """

    runtime: Runtime
    caller: Caller
    request: Request
    response: Response
    key: str | None

    def terms(self, body: WorkLimits | None, address: AddressLimits) -> Terms:
        """Return what body and address say together, and for whom work is done.

        Raises:
            Refused: They contradict each other, or the key is bound to another tenant.
        """
        terms = terms_of(body, address)
        tenant = self.caller.tenant_of(terms.tenant, self.runtime.settings.tenant)
        return replace(terms, tenant=tenant)

    @contextlib.asynccontextmanager
    async def keyed(
        self, tenant: str | None = None, *, is_read: bool = True
    ) -> AsyncIterator[KeyedRequest | None]:
        """Hold the key while the request is answered; None without a key.

        Args:
            tenant: For whom work is done; None for the installation's own.
            is_read: Whether the body has been read; the identity of an upload shows at its end.
        """
        if self.key is None:
            yield None
            return
        digest = _digest(self.request) if is_read else None
        whose = tenant or self.runtime.settings.tenant
        async with self.runtime.jobs.idempotency.request(whose, self.key, digest) as keyed:
            yield keyed

    async def job_before(self, keyed: KeyedRequest | None) -> tuple[Job, dict[str, Any]] | None:
        """Return the job that a repeated request became, with its note; None for a new request."""
        if keyed is None or keyed.replay is None or keyed.replay.job_id is None:
            return None
        job = await self.runtime.jobs.records.job(keyed.replay.job_id)
        if job is None:
            return None
        self.response.headers[REPLAYED] = "true"
        return job, keyed.replay.note

    async def once(
        self, kind: type[_Model], make: Callable[[], Awaitable[_Model]], tenant: str | None = None
    ) -> _Model:
        """Return what *make* does, a *kind*; a repeated request is answered as the first one."""
        async with self.keyed(tenant) as keyed:
            if keyed is not None and keyed.replay is not None:
                self.response.headers[REPLAYED] = "true"
                return kind.model_validate(keyed.replay.note)
            answer = await make()
            if keyed is not None:
                await keyed.settled(answer.model_dump(mode="json"))
        return answer


def _digest(request: Request) -> str:
    query = parse_qsl(request.url.query, keep_blank_values=True)
    counted = sorted(pair for pair in query if pair[0] not in _NOT_COUNTED)
    sent = [request.method, request.url.path, counted, digest_of(request)]
    return hashlib.sha256(orjson.dumps(sent)).hexdigest()


async def _call(
    runtime: RuntimeOfApp,
    caller: CallerOfRequest,
    request: Request,
    response: Response,
    *,
    idempotency_key: Annotated[bounds.IdempotencyKey | None, Header()] = None,
) -> Call:
    return Call(runtime, caller, request, response, idempotency_key)


CallOfRequest = Annotated[Call, Depends(_call)]

JOB_EXAMPLES: Final[dict[str, Example]] = {
    "companies": {
        "summary": "Look companies up, for two dollars at most",
        "value": {
            "kind": "enrich",
            "companies": [
                "Telefónica, S.A.",
                "TELEFONICA",
                {"company": "Mercado Libre", "website": "mercadolibre.example", "country": "AR"},
            ],
            "max_cost_usd": 2,
        },
    },
    "leads": {
        "summary": "Store leads and run them past the agents",
        "value": {
            "kind": "pipeline",
            "leads": [
                {
                    "company": "Telefónica, S.A.",
                    "contact": "Ana Ruiz",
                    "email": "ana.ruiz@telefonica.example",
                    "country": "España",
                }
            ],
        },
    },
    "stored leads": {
        "summary": "Run stored leads past the agents",
        "value": {"kind": "pipeline", "lead_ids": ["b5a7c1de-8f0e-5d83-9a0c-3f6f6cf4a0b1"]},
    },
    "leads by a filter": {
        "summary": "Run the leads from Spain that are not judged yet",
        "value": {"kind": "pipeline", "filter": {"country": "ES", "status": "never_judged"}},
    },
}

UPLOADS: Final = {
    CSV: "company;country\nTelefónica, S.A.;ES\nMercado Libre;AR\n",
    NDJSON: '{"company": "Telefónica, S.A.", "country": "ES"}\n"Mercado Libre"\n',
}
FILE_SCHEMA: Final[dict[str, object]] = {"type": "string", "format": "binary"}
UPLOAD_BODIES: Final = {each: {"schema": FILE_SCHEMA} for each in UPLOADED[JOBS_PATH]} | {
    media_type: {"schema": {"type": "string"}, "example": body}
    for media_type, body in UPLOADS.items()
}
LEAD_EXAMPLES: Final[dict[str, Example]] = {
    "lead": {
        "summary": "Un lead entero",
        "value": {
            "empresa": "Telefónica, S.A.",
            "contacto": "Ana Ruiz",
            "correo": "ana.ruiz@telefonica.example",
            "pais": "España",
        },
    },
    "lead_id": {
        "summary": "Un lead ya guardado",
        "value": {"lead_id": "b5a7c1de-8f0e-5d83-9a0c-3f6f6cf4a0b1"},
    },
}
