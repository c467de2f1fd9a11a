"""What was spent and saved, and what may still be spent: `emasai costs` and `emasai budget`."""

import contextlib
import re
from datetime import UTC, date, datetime, time
from typing import Annotated, Final

from fastapi import APIRouter, Query
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from orchestrator.purchasing import CostsBy, CostsCursor
from orchestrator.spending import budgets_json, read_all_budgets

from .bodies import MAX_RESULTS
from .errors import Refused, documented, field_fault, invalid_request
from .requests import RuntimeOfApp
from .versions import WHOLE_INSTALLATION

router = APIRouter(prefix="/api/v1", tags=["money"], dependencies=[WHOLE_INSTALLATION])

_DAY: Final = re.compile(r"\d{4}-\d\d-\d\d", re.ASCII)


#: What the last row has cost, and its key.
_CURSOR: Final = re.compile(r"^[0-9]{1,18}-[^\x00]{1,1000}$")


def _written_out(value: object) -> object:
    """Read a day as people write it; pydantic would take seconds since 1970, too."""
    if not (isinstance(value, str) and _DAY.fullmatch(value)):
        raise ValueError("must be a day such as 2026-11-30; correct it")
    return value


class CostSum(BaseModel):
    """What purchases have cost and saved, in millionths of a US dollar.

    `charged_micros` is on the seller's bill, `uncertain_micros` may be: their answers were lost.
    `estimated_micros` of the sum were not named by the seller. `served` lookups were answered by
    what was bought, for which they would have paid `saved_micros`.
    """

    model_config = ConfigDict(from_attributes=True)

    purchases: int
    spent_micros: int
    estimated_micros: int
    charged_micros: int
    uncertain_micros: int
    served: int
    saved_micros: int
    net_micros: int


class CostRow(CostSum):
    """The same of one day (UTC), tenant, source or company key, or of those that are left over."""

    key: str


class Costs(BaseModel):
    """What was spent and saved by each `key`, and in all.

    The next page is asked for with `next_cursor`, which the last one has not.
    """

    by: CostsBy
    costs: list[CostRow]
    total: CostSum
    next_cursor: str | None = Field(examples=["46500-acme"])


@router.get("/costs", summary="See what was spent and saved", responses=documented())
async def read_costs(
    runtime: RuntimeOfApp,
    *,
    by: Annotated[CostsBy, Query(description="What is added up.")] = CostsBy.DAY,
    since: Annotated[
        Annotated[date, BeforeValidator(_written_out)] | None,
        Query(description="First UTC day that counts.", examples=["2026-11-01"]),
    ] = None,
    limit: Annotated[int, Query(ge=1, le=MAX_RESULTS, description="Rows of the answer.")] = 100,
    cursor: Annotated[
        str | None,
        Query(pattern=_CURSOR.pattern, description="`next_cursor` of the last page by the same."),
    ] = None,
) -> Costs:
    """Add up purchases and what they have saved, as `emasai costs`.

    Of more than `limit` rows these are the latest days, or the largest sums, and a last row for
    those behind them. Money in millionths of a US dollar.
    """
    begin = None if since is None else datetime.combine(since, time.min, UTC)
    after = None if cursor is None else _cursor_of(cursor, by)
    page = await runtime.purchasing.costs.page(by, most=limit, since=begin, after=after)
    rows = [*page.rows, *([page.rest] if page.rest else [])]
    return Costs(
        by=by,
        costs=[CostRow.model_validate(cost) for cost in rows],
        total=CostSum.model_validate(page.total),
        next_cursor=None if page.after is None else f"{page.after.spent_micros}-{page.after.key}",
    )


def _cursor_of(text: str, by: CostsBy) -> CostsCursor:
    spent, _, key = text.partition("-")
    if by is CostsBy.DAY and not _is_day(key):
        complaint = "is not of a page by day; take the `next_cursor` of one"
        raise Refused(invalid_request([field_fault(("cursor",), complaint)]))
    return CostsCursor(int(spent), key)


def _is_day(text: str) -> bool:
    with contextlib.suppress(ValueError):
        return _DAY.fullmatch(text) is not None and date.fromisoformat(text) is not None
    return False


class BudgetState(BaseModel):
    """One budget, in millionths of a US dollar; without a cap nothing is left or used up.

    `held_micros` is reserved for purchases under way. From `soft_cap_reached` on nothing is
    refreshed.
    """

    account: str
    cap_micros: int | None
    spent_micros: int
    held_micros: int
    left_micros: int | None
    soft_cap_reached: bool


class BudgetStates(BaseModel):
    """All budgets of today, and that of the job that was asked for."""

    budgets: list[BudgetState]


@router.get("/budget", summary="See what may still be spent", responses=documented())
async def read_budget(
    runtime: RuntimeOfApp,
    *,
    job: Annotated[
        str | None, Query(pattern=r"^[0-9a-f]{32}$", description="The budget of this job, too.")
    ] = None,
) -> BudgetStates:
    """Return what is spent, held and left of each budget, as `emasai budget`."""
    found = await read_all_budgets(runtime, job)
    return BudgetStates(budgets=[BudgetState(**each) for each in budgets_json(found)])
