"""What SurfSense's payload claims about a company. Pure, and lenient: only `empresa` is documented.

Every field is optional, has an English and a Spanish name, and comes bare or as
`{"value", "confidence", "source_url", "as_of", "quote", "method", "status", "alternatives"}`. An
unreadable field claims nothing; the payload keeps it, like every unknown field.
"""

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from enum import StrEnum
from functools import cache
from typing import Annotated, Any, NamedTuple, TypeVar

from pydantic import (
    AfterValidator,
    AliasChoices,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    OnErrorOmit,
    StringConstraints,
    ValidationError,
    WrapValidator,
    create_model,
)
from pydantic_core import PydanticUseDefault

from agents.case import Claim, ClaimField, Evidence

T = TypeVar("T")

#: Confidence of a value that comes without one.
BARE_CONFIDENCE = 0.5

_VALUE = ("value", "valor")


def evidence_from(
    company: str,
    payload: Mapping[str, object],
    purchased_at: datetime,
    only: frozenset[ClaimField] | None = None,
) -> Evidence:
    """Return what *payload* claims about *company*.

    Args:
        company: The name as it was asked for.
        payload: A `Found` answer's object, as stored.
        purchased_at: Aware UTC instant that dates the claims whose source gives none.
        only: The fields that are read, which takes less time; None for all.
    """
    if only is not None:
        unread = _names_beside(only)
        payload = {name: value for name, value in payload.items() if name not in unread}
    answer = _Enrichment.model_validate(payload)
    claims: list[Claim] = []
    for row in FIELDS:
        read = getattr(answer, row.name)
        claims += (
            Claim(
                field=row.claim,
                value=datum.claimed,
                confidence=BARE_CONFIDENCE if datum.confidence is None else datum.confidence,
                source_url=datum.source_url,
                as_of=datum.as_of or purchased_at,
                quote=datum.quote,
                method=datum.method,
                status=datum.status,
                alternatives=tuple(datum.alternatives),
            )
            for datum in (read if isinstance(read, list) else [read])
        )
    return Evidence(company=company, claims=tuple(claims), simulated=answer.simulated)


def is_simulated(payload: Mapping[str, object]) -> bool:
    """Return whether *payload* says that it is invented, as `evidence_from` reads it."""
    return _Simulation.model_validate(payload).simulated


def _default_if_odd(value: object, read: Callable[[object], T]) -> T:
    try:
        return read(value)
    except ValidationError:
        raise PydanticUseDefault from None


def _number(value: object) -> object:
    if isinstance(value, bool):
        raise ValueError("a truth value is not a number")  # noqa: TRY004 - pydantic reads ValueError only
    return value


def _in_utc(instant: datetime) -> datetime:
    return instant.replace(tzinfo=UTC) if instant.tzinfo is None else instant.astimezone(UTC)


def _as_datum(value: object) -> object:
    if not isinstance(value, dict):
        return {"value": value}
    inner = value.get("value", value.get("valor"))
    if not isinstance(inner, dict):
        return value
    # {"value": {"category", "headline"}, "as_of": ...} reads like the flat form.
    return {**{key: value[key] for key in value if key not in _VALUE}, **inner}


def _as_list(value: object) -> object:
    if isinstance(value, dict) and not value.keys() & {*_VALUE, "headline", "titular"}:
        return list(value.values())  # {"linkedin": "https://...", "x": "https://..."}
    return value if isinstance(value, list) else [value]


def _as_estado(value: object) -> object:
    text = value.strip().lower() if isinstance(value, str) else value
    english = {"found": "encontrada", "not_found": "no_encontrada", "ambiguous": "ambigua"}
    return english.get(text, text) if isinstance(text, str) else text


_OrDefault = WrapValidator(_default_if_odd)
_Text = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1)]
_Count = Annotated[int, BeforeValidator(_number), Field(ge=0)]
_Ratio = Annotated[float, BeforeValidator(_number), Field(ge=0, le=1)]
_Instant = Annotated[datetime, AfterValidator(_in_utc)]


#: What another source states instead. A number stays one, and the digits of a tax id stay text.
_Alternative = Annotated[int, Field(strict=True, ge=0)] | _Text


class _Wire(BaseModel):
    model_config = ConfigDict(
        frozen=True, extra="ignore", coerce_numbers_to_str=True, validate_by_name=True
    )


class _Datum(_Wire):
    """A value with its provenance, None where the answer names none."""

    value: Any
    confidence: Annotated[_Ratio | None, _OrDefault] = Field(
        default=None, validation_alias="confianza"
    )
    source_url: Annotated[_Text | None, _OrDefault] = Field(
        default=None, validation_alias=AliasChoices("fuente", "url")
    )
    as_of: Annotated[_Instant | None, _OrDefault] = Field(default=None, validation_alias="fecha")
    quote: Annotated[_Text | None, _OrDefault] = Field(default=None, validation_alias="cita")
    method: Annotated[_Text | None, _OrDefault] = Field(default=None, validation_alias="metodo")
    status: Annotated[_Text | None, _OrDefault] = Field(default=None, validation_alias="estado")
    alternatives: Annotated[list[OnErrorOmit[_Alternative]], _OrDefault] = Field(
        default=[], validation_alias="alternativas"
    )

    @property
    def claimed(self) -> str | int:
        """The value of the claim."""
        return self.value  # type: ignore[no-any-return]  # the subclasses narrow it


class _TextDatum(_Datum):
    value: _Text = Field(validation_alias="valor")


class _CountDatum(_Datum):
    value: _Count = Field(validation_alias="valor")


class _HiringDatum(_Datum):
    """The number of open positions, or the title of one."""

    value: _Count | _Text = Field(validation_alias="valor", union_mode="left_to_right")


class _NewsDatum(_Datum):
    """A headline, perhaps with a category."""

    value: _Text = Field(validation_alias=AliasChoices("headline", "titular", "valor"))
    category: Annotated[_Text | None, _OrDefault] = Field(
        default=None, validation_alias="categoria"
    )

    @property
    def claimed(self) -> str:
        return self.value if self.category is None else f"{self.category}: {self.value}"


_AsDatum = BeforeValidator(_as_datum)
_AsList = BeforeValidator(_as_list)

_ONE_TEXT = Annotated[_TextDatum, _AsDatum, _OrDefault]
_ONE_COUNT = Annotated[_CountDatum, _AsDatum, _OrDefault]
_TEXTS = Annotated[list[OnErrorOmit[Annotated[_TextDatum, _AsDatum]]], _AsList]
_HIRING = Annotated[list[OnErrorOmit[Annotated[_HiringDatum, _AsDatum]]], _AsList]
_NEWS = Annotated[list[OnErrorOmit[Annotated[_NewsDatum, _AsDatum]]], _AsList]


class EvidenceField(NamedTuple):
    """A field of the evidence: the claim that it becomes, its names in a payload, its shape."""

    claim: ClaimField
    name: str
    spanish: tuple[str, ...]
    shape: object


#: All fields of the evidence. A further one is a further row, and a `ClaimField`.
FIELDS = (
    EvidenceField(ClaimField.SECTOR, "sector", (), _ONE_TEXT),
    EvidenceField(ClaimField.HEADCOUNT, "headcount", ("empleados",), _ONE_COUNT),
    EvidenceField(ClaimField.SIZE_BAND, "size_band", ("tamano", "tamaño"), _ONE_TEXT),
    EvidenceField(ClaimField.COUNTRY, "country", ("pais", "país"), _ONE_TEXT),
    EvidenceField(ClaimField.WEBSITE, "website", ("sitio_web", "web"), _ONE_TEXT),
    EvidenceField(ClaimField.DESCRIPTION, "description", ("descripcion", "descripción"), _ONE_TEXT),
    EvidenceField(ClaimField.EMAIL, "emails", ("correos",), _TEXTS),
    EvidenceField(ClaimField.PHONE, "phones", ("telefonos", "teléfonos"), _TEXTS),
    EvidenceField(ClaimField.SOCIAL, "socials", ("redes",), _TEXTS),
    EvidenceField(ClaimField.HIRING, "hiring", ("vacantes",), _HIRING),
    EvidenceField(ClaimField.NEWS, "news", ("noticias",), _NEWS),
    EvidenceField(ClaimField.TECHNOLOGY, "technologies", ("tecnologias", "tecnologías"), _TEXTS),
    EvidenceField(ClaimField.TAX_ID, "tax_ids", ("identificaciones_fiscales",), _TEXTS),
)


@cache
def _names_beside(only: frozenset[ClaimField]) -> frozenset[str]:
    """Return the names of all fields but *only* these."""
    rows = [row for row in FIELDS if row.claim not in only]
    return frozenset(name for row in rows for name in (row.name, *row.spanish))


class _Simulation(BaseModel):
    """Whether the answer is invented: cheap to read apart from everything else."""

    model_config = ConfigDict(frozen=True, extra="ignore", validate_by_name=True)

    simulated: Annotated[bool, _OrDefault] = Field(default=False, validation_alias="simulado")


_SHAPES: dict[str, Any] = {
    row.name: (row.shape, Field(default=[], validation_alias=AliasChoices(*row.spanish, row.name)))
    for row in FIELDS
}
_Enrichment: type[_Simulation] = create_model("_Enrichment", __base__=_Simulation, **_SHAPES)


class Candidate(_Wire):
    """A company that an ambiguous name may mean."""

    name: _Text = Field(validation_alias=AliasChoices("nombre", "empresa", "value", "valor"))


class Estado(StrEnum):
    """What SurfSense says became of the search."""

    FOUND = "encontrada"
    NOT_FOUND = "no_encontrada"
    AMBIGUOUS = "ambigua"


class Envelope(_Wire):
    """What became of the search, and its price: cheap to read apart from the evidence."""

    estado: Annotated[Estado, BeforeValidator(_as_estado), _OrDefault] = Field(
        default=Estado.FOUND, validation_alias="status"
    )
    cost_micros: Annotated[_Count | None, _OrDefault] = Field(
        default=None, validation_alias="costo_micros"
    )
    candidates: Annotated[list[OnErrorOmit[Annotated[Candidate, _AsDatum]]], _AsList] = Field(
        default=[], validation_alias=AliasChoices("candidatas", "candidatos")
    )
