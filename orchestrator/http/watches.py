"""Which companies are looked up again, and how often: `emasai schedule` over HTTP."""

from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from http import HTTPStatus
from typing import Annotated, Any, Final, Self
from uuid import UUID

from fastapi import APIRouter, Query
from pydantic import BaseModel, ConfigDict, Field, StrictInt, model_validator
from pydantic.config import JsonDict

from orchestrator import watching
from orchestrator.app import Runtime
from orchestrator.infra.bounds import Flag, Tenant
from orchestrator.schedule import EVERY_MAX, EVERY_MIN, Watch, WatchKind
from orchestrator.watching import AmbiguousCompany, Choice, NotWatched, watch_json

from .bodies import MAX_RESULTS
from .errors import BODY_ERRORS, Refusal, Refused, documented
from .requests import BodyRoute, CallerOfRequest, CompanyText, RuntimeOfApp
from .security import Caller

router = APIRouter(prefix="/api/v1/watches", tags=["watches"], route_class=BodyRoute)

#: Companies of one request.
_MOST_NAMES: Final = 100
_SECOND: Final = timedelta(seconds=1)
_WHOSE: Final = "Whose watches; the key's tenant, or the installation's, if it is not said."
_CHANGED: Final[dict[str, Any]] = {"responses": documented(HTTPStatus.NOT_FOUND, *BODY_ERRORS)}


_BY_NAME: Final[JsonDict] = {"required": ["names"], "properties": {"names": {"minItems": 1}}}
_BY_RULE: Final[JsonDict] = {
    "required": ["open_opportunities"],
    "properties": {"open_opportunities": {"const": True}},
}


class WatchSelection(BaseModel):
    """Watches of a tenant: of companies by name or key, or those of its rule; else all of them."""

    model_config = ConfigDict(
        frozen=True, extra="forbid", json_schema_extra={"not": {"allOf": [_BY_NAME, _BY_RULE]}}
    )

    names: Annotated[list[CompanyText], Field(max_length=_MOST_NAMES)] = Field(
        default=[], examples=[["Telefónica, S.A."]]
    )
    open_opportunities: Flag = Field(
        default=False, description="All companies with an opportunity, instead of names."
    )
    tenant: Tenant | None = Field(default=None, description=_WHOSE)

    @model_validator(mode="after")
    def _is_one(self) -> Self:
        if self.names and self.open_opportunities:
            raise ValueError("has both 'names' and 'open_opportunities'; give one of them")
        return self


class _OneSelection(WatchSelection):
    model_config = ConfigDict(json_schema_extra={"oneOf": [_BY_NAME, _BY_RULE]})

    @model_validator(mode="after")
    def _is_said(self) -> Self:
        if not (self.names or self.open_opportunities):
            raise ValueError("needs 'names' or 'open_opportunities'")
        return self


class WatchRemoval(_OneSelection):
    """What is no longer watched; with the rule, the companies that it added too."""


class WatchRequest(_OneSelection):
    """What is looked up again every `every_s` seconds, from an hour to 90 days."""

    every_s: Annotated[StrictInt, Field(ge=EVERY_MIN // _SECOND, le=EVERY_MAX // _SECOND)] = Field(
        examples=[604_800]
    )


class WatchState(BaseModel):
    """A watch. `company` is null of the rule for all companies with an opportunity.

    `running`: its lookup has begun and not ended. Money in millionths of a US dollar.
    """

    id: UUID
    kind: WatchKind
    tenant: str
    company: str | None
    company_key: str | None
    every_s: int
    paused: bool
    running: bool
    due_in_s: int
    next_at: datetime
    last_run_at: datetime | None
    last_outcome: str | None
    spent_micros: int


class WatchPage(BaseModel):
    """Some watches of a tenant, in the order of their ids; `next_after` asks for the next page."""

    watches: list[WatchState]
    next_after: UUID | None


class ChangedWatches(BaseModel):
    """The ids of the watches that were added or changed."""

    watches: list[UUID]


@router.get("", summary="List watches", responses=documented())
async def list_watches(
    runtime: RuntimeOfApp,
    caller: CallerOfRequest,
    *,
    tenant: Annotated[Tenant | None, Query(description=_WHOSE)] = None,
    after: Annotated[UUID | None, Query(description="`next_after` of the last page.")] = None,
    limit: Annotated[int, Query(ge=1, le=MAX_RESULTS, description="Watches of this page.")] = 100,
) -> WatchPage:
    """List what is watched, as `emasai schedule list`, but in the order of ids."""
    whose, now = caller.tenant_of(tenant, runtime.settings.tenant), runtime.clock()
    found = await runtime.schedule.watches.page(whose, after=after, limit=limit + 1)
    listed = [WatchState(**watch_json(each, now)) for each in found[:limit]]
    return WatchPage(watches=listed, next_after=listed[-1].id if len(found) > limit else None)


@router.post("", summary="Watch companies", status_code=HTTPStatus.CREATED, **_CHANGED)
async def add_watches(
    wanted: WatchRequest, runtime: RuntimeOfApp, caller: CallerOfRequest
) -> ChangedWatches:
    """Watch companies, or all that have an opportunity. Adding them again changes the period.

    A name of several companies is refused with 422 (`ambiguous_company`); name the one by its key.
    """
    every = timedelta(seconds=wanted.every_s)

    async def add(runtime: Runtime, chosen: Choice) -> list[Watch]:
        return await watching.watch(runtime, chosen, every)

    return await _apply_change(wanted, runtime, caller, add)


@router.post("/pause", summary="Pause watches", **_CHANGED)
async def pause_watches(
    wanted: WatchSelection, runtime: RuntimeOfApp, caller: CallerOfRequest
) -> ChangedWatches:
    """Stop looking companies up until `resume`; `{}` means all of the tenant."""
    return await _apply_change(wanted, runtime, caller, watching.pause)


@router.post("/resume", summary="Go on with paused watches", **_CHANGED)
async def resume_watches(
    wanted: WatchSelection, runtime: RuntimeOfApp, caller: CallerOfRequest
) -> ChangedWatches:
    """Go on with paused companies; `{}` means all of the tenant."""
    return await _apply_change(wanted, runtime, caller, watching.resume)


@router.post("/remove", summary="Stop watching companies", **_CHANGED)
async def remove_watches(
    wanted: WatchRemoval, runtime: RuntimeOfApp, caller: CallerOfRequest
) -> ChangedWatches:
    """Stop watching companies; a lookup under way ends without an effect."""
    return await _apply_change(wanted, runtime, caller, watching.remove)


async def _apply_change(
    wanted: WatchSelection,
    runtime: Runtime,
    caller: Caller,
    change: Callable[[Runtime, Choice], Awaitable[list[Watch]]],
) -> ChangedWatches:
    """Apply *change* to what is *wanted*.

    Raises:
        Refused: A company is not watched, or its name means several.
    """
    whose = caller.tenant_of(wanted.tenant, runtime.settings.tenant)
    try:
        watches = await change(runtime, Choice(whose, wanted.names, wanted.open_opportunities))
    except NotWatched as error:
        message = f"These are not watched: {error.names}; GET /api/v1/watches lists what is."
        raise Refused(Refusal("not_watched", message)) from None
    except AmbiguousCompany as error:
        message = f"{error}, which GET /api/v1/identity?name= lists."
        raise Refused(Refusal("ambiguous_company", message)) from None
    return ChangedWatches(watches=[each.id for each in watches])
