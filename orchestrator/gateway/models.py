"""What the gateway answers, and what may be asked of it. Pure.

NotStored(kind, id)                there is no such lead or opportunity
VersionMismatch(kind, id, version) a write was meant for another version
MoveRefused(before, after)         an opportunity does not go from one state to the other
OpportunityExists(lead_id)         a lead has one opportunity at most
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Annotated, Final, Generic, TypeVar
from uuid import UUID

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

T = TypeVar("T")


class LeadState(StrEnum):
    """What has become of a lead. People set any; the pipeline moves what no person has touched."""

    NUEVO = "nuevo"
    CONTACTADO = "contactado"
    CALIFICADO = "calificado"
    OPORTUNIDAD = "oportunidad"
    DESCARTADO = "descartado"


class OpportunityState(StrEnum):
    """How far a sale is."""

    NUEVA = "nueva"
    EN_CURSO = "en_curso"
    PROPUESTA = "propuesta"
    GANADA = "ganada"
    PERDIDA = "perdida"


#: Where an opportunity may go from each state. A lost one may be taken up again.
MOVES: Final[Mapping[OpportunityState, frozenset[OpportunityState]]] = {
    OpportunityState.NUEVA: frozenset({OpportunityState.EN_CURSO, OpportunityState.PERDIDA}),
    OpportunityState.EN_CURSO: frozenset({OpportunityState.PROPUESTA, OpportunityState.PERDIDA}),
    OpportunityState.PROPUESTA: frozenset(
        {OpportunityState.EN_CURSO, OpportunityState.GANADA, OpportunityState.PERDIDA}
    ),
    OpportunityState.GANADA: frozenset(),
    OpportunityState.PERDIDA: frozenset({OpportunityState.EN_CURSO}),
}


def allowed_moves(state: str) -> list[OpportunityState]:
    """Return the states to which an opportunity may go from *state*, none if that is unknown."""
    return next((sorted(after) for before, after in MOVES.items() if before == state), [])


class NotStored(LookupError):
    """There is no such lead or opportunity, or it has been deleted."""

    def __init__(self, kind: str, record_id: UUID) -> None:
        super().__init__(kind, record_id)
        self.kind = kind
        self.record_id = record_id

    def __str__(self) -> str:
        return f"there is no {self.kind} {self.record_id}"


class VersionMismatch(Exception):
    """The row has *version* by now, which is none of those that the write was meant for."""

    def __init__(self, kind: str, record_id: UUID, version: int) -> None:
        super().__init__(kind, record_id, version)
        self.kind = kind
        self.record_id = record_id
        self.version = version

    def __str__(self) -> str:
        return f"the {self.kind} {self.record_id} has version {self.version} by now"


class MoveRefused(ValueError):
    """An opportunity in the state *before* cannot go to *after*."""

    def __init__(self, before: str, after: str) -> None:
        super().__init__(before, after)
        self.before = before
        self.after = after

    def __str__(self) -> str:
        allowed = ", ".join(allowed_moves(self.before)) or "nowhere"
        return f"an opportunity goes from '{self.before}' to {allowed}, not to '{self.after}'"


class OpportunityExists(Exception):
    """The lead has an opportunity already."""

    def __init__(self, lead_id: UUID) -> None:
        super().__init__(lead_id)
        self.lead_id = lead_id

    def __str__(self) -> str:
        return f"the lead {self.lead_id} has an opportunity already"


class Frozen(BaseModel):
    """A part of an answer."""

    model_config = ConfigDict(frozen=True)


class LeadRecord(Frozen):
    """A lead. `version` comes first: cached copies are recognised by it."""

    version: int
    id: UUID
    empresa: str
    contacto: str
    correo: str | None
    sitio_web: str | None
    pais: str | None = Field(description="ISO 3166-1 alpha-2 code.")
    ciudad: str | None = None  # an earlier version has cached leads without it
    telefono: str | None
    origen: str | None
    notas: str | None
    estado: LeadState
    oportunidad_id: UUID | None
    creado_en: AwareDatetime
    actualizado_en: AwareDatetime


class Amount(Frozen):
    """An estimate in whole units of an ISO 4217 currency."""

    importe: Annotated[int, Field(ge=0, le=1_000_000_000_000)]
    moneda: Annotated[str, Field(pattern=r"^[A-Z]{3}$")]


class NextStep(Frozen):
    """What sales should do next, in both languages."""

    en: str
    es: str


class OpportunityRecord(Frozen):
    """An opportunity. `simulado` marks one that rests on invented evidence."""

    version: int
    id: UUID
    lead_id: UUID
    clave_empresa: str = Field(description="The company's key.")
    estado: OpportunityState
    puntuacion: int
    valor: Amount
    probabilidad: float
    proximo_paso: NextStep
    simulado: bool
    creado_en: AwareDatetime
    actualizado_en: AwareDatetime


class OpportunityMove(Frozen):
    """One move of an opportunity. `de` is null for the first one, `quien` if no author is given.

    `version` is the opportunity's after the move. `quien` is what the request has said in `por`,
    or the agent that made the opportunity.
    """

    version: int
    de: OpportunityState | None
    a: OpportunityState
    quien: str | None
    motivo: str | None
    cuando: AwareDatetime


class OpportunityHistory(Frozen):
    """The state of an opportunity, those that it may go to, and its moves, the latest first."""

    id: UUID
    estado: OpportunityState
    permitidos: list[OpportunityState]
    historial: list[OpportunityMove]


@dataclass(frozen=True, slots=True)
class Author:
    """Who makes or moves an opportunity, and why, in the caller's words."""

    name: str | None = None
    why: str | None = None


UNNAMED: Final = Author()


@dataclass(frozen=True, slots=True)
class PageCursor:
    """The last row of a page: when it was created, and its id."""

    at: datetime
    id: UUID


@dataclass(frozen=True, slots=True)
class Page(Generic[T]):
    """Some records, newest first. `after` continues; None on the last page."""

    records: list[T]
    after: PageCursor | None


@dataclass(frozen=True, slots=True)
class LeadListFilter:
    """The leads that meet every condition that is given."""

    estado: LeadState | None = None
    pais: str | None = None
    origen: str | None = None
    correo: str | None = None
    empresa: str | None = None
    desde: datetime | None = None
    hasta: datetime | None = None


@dataclass(frozen=True, slots=True)
class OpportunityListFilter:
    """The opportunities that meet every condition that is given."""

    estado: OpportunityState | None = None
    lead_id: UUID | None = None
    puntuacion_min: int | None = None
    moneda: str | None = None
    simulado: bool | None = None
    desde: datetime | None = None
    hasta: datetime | None = None
