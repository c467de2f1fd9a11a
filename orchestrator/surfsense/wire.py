"""What SurfSense answers to `POST /enrich`. Lenient: the documents fix only `empresa`.

Every field is optional, has an English and a Spanish name, and comes bare or as
`{"value", "confidence", "source_url", "as_of"}`. What is odd reads as absent: the payload
keeps it, like every unknown field, but the evidence does not.
"""

from collections.abc import Callable
from datetime import UTC, datetime
from enum import StrEnum
from typing import Annotated, TypeVar

from pydantic import (
    AfterValidator,
    AliasChoices,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    StringConstraints,
    ValidationError,
    WrapValidator,
)
from pydantic_core import PydanticOmit, PydanticUseDefault

T = TypeVar("T")

#: Confidence of a value that comes without one.
BARE_CONFIDENCE = 0.5

_VALUE = ("value", "valor")


def _default_if_odd(value: object, read: Callable[[object], T]) -> T:
    try:
        return read(value)
    except ValidationError:
        raise PydanticUseDefault from None


def _omitted_if_odd(value: object, read: Callable[[object], T]) -> T:
    try:
        return read(value)
    except ValidationError:
        raise PydanticOmit from None


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


class _Wire(BaseModel):
    model_config = ConfigDict(
        frozen=True, extra="allow", coerce_numbers_to_str=True, validate_by_name=True
    )


class Datum(_Wire):
    """Where a value comes from; None says that the answer does not tell."""

    confidence: Annotated[_Ratio | None, _OrDefault] = Field(
        default=None, validation_alias="confianza"
    )
    source_url: Annotated[_Text | None, _OrDefault] = Field(
        default=None, validation_alias=AliasChoices("fuente", "url")
    )
    as_of: Annotated[_Instant | None, _OrDefault] = Field(default=None, validation_alias="fecha")


class TextDatum(Datum):
    """A text with its provenance."""

    value: _Text = Field(validation_alias="valor")


class CountDatum(Datum):
    """A whole number with its provenance."""

    value: _Count = Field(validation_alias="valor")


class HiringDatum(Datum):
    """The number of open positions, or the title of one, with its provenance."""

    value: _Count | _Text = Field(validation_alias="valor", union_mode="left_to_right")


class NewsDatum(Datum):
    """A headline, perhaps with a category, and its provenance."""

    value: _Text = Field(validation_alias=AliasChoices("headline", "titular", "valor"))
    category: Annotated[_Text | None, _OrDefault] = Field(
        default=None, validation_alias="categoria"
    )


class Candidate(_Wire):
    """A company that an ambiguous name may mean."""

    name: _Text = Field(validation_alias=AliasChoices("nombre", "empresa", "value", "valor"))


class Estado(StrEnum):
    """What SurfSense says became of the search."""

    FOUND = "encontrada"
    NOT_FOUND = "no_encontrada"
    AMBIGUOUS = "ambigua"


_AsDatum = BeforeValidator(_as_datum)
_Item = WrapValidator(_omitted_if_odd)
_MaybeText = Annotated[TextDatum | None, _AsDatum, _OrDefault]
_MaybeCount = Annotated[CountDatum | None, _AsDatum, _OrDefault]
_AsList = BeforeValidator(_as_list)
_Texts = Annotated[list[Annotated[TextDatum, _AsDatum, _Item]], _AsList]
_Hiring = Annotated[list[Annotated[HiringDatum, _AsDatum, _Item]], _AsList]
_News = Annotated[list[Annotated[NewsDatum, _AsDatum, _Item]], _AsList]
_Candidates = Annotated[list[Annotated[Candidate, _AsDatum, _Item]], _AsList]


class Envelope(_Wire):
    """What became of the search, and its price: cheap to read apart from the evidence."""

    estado: Annotated[Estado, BeforeValidator(_as_estado), _OrDefault] = Field(
        default=Estado.FOUND, validation_alias="status"
    )
    cost_micros: Annotated[_Count | None, _OrDefault] = Field(
        default=None, validation_alias="costo_micros"
    )
    candidates: _Candidates = Field(
        default=[], validation_alias=AliasChoices("candidatas", "candidatos")
    )


class Simulation(BaseModel):
    """Whether the answer is invented: cheap to read apart from everything else."""

    model_config = ConfigDict(frozen=True, validate_by_name=True)

    simulated: Annotated[bool, _OrDefault] = Field(default=False, validation_alias="simulado")


class Enrichment(Envelope):
    """An answer as far as we understand it; the rest is in `model_extra`."""

    simulated: Annotated[bool, _OrDefault] = Field(default=False, validation_alias="simulado")
    sector: _MaybeText = None
    headcount: _MaybeCount = Field(default=None, validation_alias="empleados")
    size_band: _MaybeText = Field(default=None, validation_alias=AliasChoices("tamano", "tamaño"))
    country: _MaybeText = Field(default=None, validation_alias=AliasChoices("pais", "país"))
    website: _MaybeText = Field(default=None, validation_alias=AliasChoices("sitio_web", "web"))
    description: _MaybeText = Field(
        default=None, validation_alias=AliasChoices("descripcion", "descripción")
    )
    emails: _Texts = Field(default=[], validation_alias="correos")
    phones: _Texts = Field(default=[], validation_alias=AliasChoices("telefonos", "teléfonos"))
    socials: _Texts = Field(default=[], validation_alias="redes")
    hiring: _Hiring = Field(default=[], validation_alias="vacantes")
    news: _News = Field(default=[], validation_alias="noticias")
    technologies: _Texts = Field(
        default=[], validation_alias=AliasChoices("tecnologias", "tecnologías")
    )
