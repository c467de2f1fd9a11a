"""Opportunities for the platform's other services, through the cache, and the dashboard's sums."""

from dataclasses import dataclass
from http import HTTPStatus
from typing import Annotated, Any, Final, Self
from uuid import UUID

from fastapi import APIRouter, Depends, Query, Response
from pydantic import BaseModel, ConfigDict, Field, StrictInt, ValidationError, model_validator

from agents.case import Localized, Money, OpportunityDraft
from orchestrator.cache import Kind, count_lookup, key_of
from orchestrator.fence.writes import Written
from orchestrator.gateway import (
    Author,
    DashboardMetrics,
    OpportunityHistory,
    OpportunityListFilter,
    OpportunityRecord,
    OpportunityState,
    dashboard_metrics,
)
from orchestrator.infra.bounds import FilledText, Instant

from .bodies import MAX_RESULTS
from .errors import BODY_ERRORS, documented
from .requests import BodyRoute, CallOfRequest, RuntimeOfApp, without_defaults
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
)

router = APIRouter(
    prefix="/oportunidades",
    tags=["oportunidades"],
    route_class=BodyRoute,
    dependencies=[WHOLE_INSTALLATION],
)
_RECORD: Final[dict[int | str, dict[str, Any]]] = {
    HTTPStatus.OK.value: {"model": OpportunityRecord, "headers": RECORD_HEADERS}
}
_CREATED: Final[dict[int | str, dict[str, Any]]] = {
    HTTPStatus.CREATED.value: {"model": OpportunityRecord, "headers": RECORD_HEADERS}
}
_Score = Annotated[StrictInt, Field(ge=0, le=100)]
_Share = Annotated[float, Field(strict=True, ge=0, le=1, allow_inf_nan=False)]
_CURRENCY: Final = r"^[A-Z]{3}$"
_WHO: Final = "Who does it, for the history; no person's name where an account's will do."
_WHY: Final = "Why, for the history."
#: The largest version that the database can hold.
_LATEST: Final = 2**63 - 1
#: Fields of a change that say something about it, and change nothing.
_ABOUT: Final = frozenset({"por", "motivo"})


class _Given(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class GivenAmount(_Given):
    """An estimate in whole units of an ISO 4217 currency."""

    importe: Annotated[StrictInt, Field(ge=0, le=1_000_000_000_000)]
    moneda: Annotated[str, Field(pattern=_CURRENCY, examples=["EUR"])]


class GivenStep(_Given):
    """What sales should do next, in both languages."""

    en: FilledText
    es: FilledText


class OpportunityRequest(_Given):
    """An opportunity that a person makes of a stored lead."""

    lead_id: UUID
    puntuacion: _Score = Field(examples=[80])
    valor: GivenAmount
    probabilidad: _Share = Field(examples=[0.4])
    proximo_paso: GivenStep
    por: FilledText | None = Field(default=None, description=_WHO, examples=["ana.ruiz"])
    motivo: FilledText | None = Field(default=None, description=_WHY)


def _changes(schema: dict[str, Any]) -> None:
    without_defaults(schema)
    schema["anyOf"] = [{"required": [name]} for name in schema["properties"] if name not in _ABOUT]


class OpportunityChanges(_Given):
    """What changes of an opportunity. Other fields stay."""

    model_config = ConfigDict(json_schema_extra=_changes)

    # A default is never read: only what a request names is changed.
    estado: OpportunityState = OpportunityState.NUEVA
    puntuacion: _Score = 0
    valor: GivenAmount = GivenAmount(importe=0, moneda="EUR")
    probabilidad: _Share = 0.0
    proximo_paso: GivenStep = GivenStep(en="-", es="-")
    por: FilledText | None = Field(default=None, description=f"With `estado`: {_WHO}")
    motivo: FilledText | None = Field(default=None, description=f"With `estado`: {_WHY}")

    @model_validator(mode="after")
    def _changes_something(self) -> Self:
        if not self.model_fields_set - _ABOUT:
            raise ValueError("names no field that changes; give at least one")
        return self

    @property
    def fields(self) -> dict[str, Any]:
        """The same as columns of the table."""
        columns: dict[str, dict[str, Any]] = {
            "estado": {"estado": self.estado.value},
            "puntuacion": {"score": self.puntuacion},
            "valor": {"value_amount": self.valor.importe, "value_currency": self.valor.moneda},
            "probabilidad": {"probability": self.probabilidad},
            "proximo_paso": {
                "next_step_en": self.proximo_paso.en,
                "next_step_es": self.proximo_paso.es,
            },
        }
        named = (columns[name] for name in sorted(self.model_fields_set - _ABOUT))
        return {name: value for each in named for name, value in each.items()}


@dataclass(frozen=True, slots=True)
class OpportunityQuery(OpportunityListFilter):
    """Which opportunities are listed: those that meet every condition that is given."""

    estado: Annotated[OpportunityState | None, Query(description="Only in this state.")] = None
    lead_id: Annotated[UUID | None, Query(description="Only of this lead.")] = None
    puntuacion_min: Annotated[
        int | None, Query(ge=0, le=100, description="Only with this score, or a higher one.")
    ] = None
    moneda: Annotated[
        str | None, Query(pattern=_CURRENCY, description="Only in this currency.")
    ] = None
    simulado: Annotated[bool | None, Query(description="Whether it rests on invented data.")] = None
    desde: Annotated[Instant | None, Query(description="Only created since then.")] = None
    hasta: Annotated[Instant | None, Query(description="Only created before then.")] = None


class OpportunityPage(BaseModel):
    """Some opportunities. The next page is asked for with `next_cursor`; the last has none."""

    oportunidades: list[OpportunityRecord]
    next_cursor: str | None = Field(examples=["1795701600000000-0f1e2d3c4b5a69788796a5b4c3d2e1f0"])


@router.get("", summary="List opportunities", responses=documented())
async def list_opportunities(
    wanted: Annotated[OpportunityQuery, Depends()],
    runtime: RuntimeOfApp,
    *,
    cursor: Cursor = None,
    limit: Annotated[
        int, Query(ge=1, le=MAX_RESULTS, description="Opportunities of this page.")
    ] = 100,
) -> OpportunityPage:
    """List opportunities, newest first, from the database.

    Pages neither repeat nor skip one, also while new ones come.
    """
    page = await runtime.gateway.records.list_opportunities(
        wanted, after=cursor_of(cursor), limit=limit
    )
    return OpportunityPage(oportunidades=page.records, next_cursor=cursor_text(page.after))


@router.post(
    "",
    summary="Make an opportunity of a lead",
    status_code=HTTPStatus.CREATED,
    response_model=OpportunityRecord,
    responses=_CREATED | documented(HTTPStatus.NOT_FOUND, *BODY_ERRORS),
)
async def create_opportunity(wanted: OpportunityRequest, call: CallOfRequest) -> Response:
    """Make an opportunity of a lead, which has one at most; the lead's answer then names it.

    Repeating the request is safe: the second one is refused with 409, or with an `Idempotency-Key`
    answered as the first.
    """
    draft = OpportunityDraft(
        score=wanted.puntuacion,
        value=Money(amount=wanted.valor.importe, currency=wanted.valor.moneda),
        probability=wanted.probabilidad,
        next_step=Localized(en=wanted.proximo_paso.en, es=wanted.proximo_paso.es),
    )
    deferred = False

    async def create() -> OpportunityRecord:
        nonlocal deferred
        author = Author(wanted.por, wanted.motivo)
        records = call.runtime.gateway.records
        written = await records.create_opportunity(wanted.lead_id, draft, author)
        deferred = written.deferred
        return written.result

    record = await call.once(OpportunityRecord, create)
    location = f"/oportunidades/{record.id}"
    answer = answer_written(Written(record, deferred), HTTPStatus.CREATED, location=location)
    answer.headers.update(call.response.headers)
    return answer


@router.get(
    "/{oportunidad_id}",
    summary="Read an opportunity",
    response_model=OpportunityRecord,
    responses=_RECORD | NOT_MODIFIED | documented(HTTPStatus.NOT_FOUND),
)
async def read_opportunity(
    oportunidad_id: UUID, runtime: RuntimeOfApp, *, if_none_match: IfNoneMatch = None
) -> Response:
    """Return an opportunity, from the cache where it is there.

    It is never older than the last acknowledged write, unless that was answered as deferred.
    """
    read = await runtime.gateway.records.opportunity(oportunidad_id)
    count_lookup(runtime.purchasing.counters, Kind.OPORTUNIDAD, hit=read.age_s is not None)
    return answer_read(read, if_none_match)


@router.patch(
    "/{oportunidad_id}",
    summary="Change an opportunity",
    response_model=OpportunityRecord,
    responses=_RECORD
    | documented(HTTPStatus.NOT_FOUND, HTTPStatus.PRECONDITION_FAILED, *BODY_ERRORS),
)
async def change_opportunity(
    oportunidad_id: UUID,
    wanted: OpportunityChanges,
    runtime: RuntimeOfApp,
    *,
    if_match: IfMatch = None,
) -> Response:
    """Change fields of an opportunity; its version rises.

    Its `estado` goes from `nueva` to `en_curso`, `propuesta` and `ganada`, from each of the first
    three to `perdida`, from `propuesta` back to `en_curso`, and so from `perdida`; anything else is
    refused with 409, which names the allowed ones. Each move stays in the `historial`.
    """
    written = await runtime.gateway.records.change_opportunity(
        oportunidad_id,
        wanted.fields,
        expected_versions(if_match),
        Author(wanted.por, wanted.motivo),
    )
    return answer_written(written)


@router.get(
    "/{oportunidad_id}/historial",
    summary="See how an opportunity has moved",
    responses=documented(HTTPStatus.NOT_FOUND),
)
async def read_history(
    oportunidad_id: UUID,
    runtime: RuntimeOfApp,
    *,
    antes_de: Annotated[
        int | None,
        Query(ge=1, le=_LATEST, description="Only moves to a lower `version` than this one."),
    ] = None,
    limit: Annotated[int, Query(ge=1, le=MAX_RESULTS, description="Moves of this page.")] = 100,
) -> OpportunityHistory:
    """Return the moves of an opportunity, the latest first, and where it may go from here.

    Moves are only added, and go with the opportunity. The next page begins before the last
    `version` of this one.
    """
    return await runtime.gateway.records.history(oportunidad_id, before=antes_de, limit=limit)


dashboard = APIRouter(prefix="/dashboard", tags=["dashboard"], dependencies=[WHOLE_INSTALLATION])

_KEY = key_of(Kind.DASHBOARD, "general")


@dashboard.get("/metrics", summary="Numbers for the dashboard", responses=documented())
async def read_metrics(runtime: RuntimeOfApp) -> DashboardMetrics:
    """Count leads and opportunities, and sum what they may be worth, in whole units of a currency.

    The numbers are kept for five minutes; `calculado_en` says when they were counted.
    """
    cache = runtime.gateway.cache
    try:
        return DashboardMetrics.model_validate(await cache.get(_KEY))
    except ValidationError:
        # There is none, or another program or version has stored it.
        metrics = await dashboard_metrics(runtime.backends.engine, runtime.clock())
        await cache.set(_KEY, metrics.model_dump(mode="json"))
        return metrics
