"""What was spent and saved, and what may still be spent: `emasai costs` and `emasai budget`."""

import re
from datetime import UTC, date, datetime, time
from typing import Annotated, Final

from fastapi import APIRouter, Query
from pydantic import BaseModel, BeforeValidator, ConfigDict

from orchestrator.purchasing import CostsBy, top_costs, total
from orchestrator.spending import budgets_json, read_all_budgets

from .errors import documented
from .limits import MAX_RESULTS
from .requests import RuntimeOfApp
from .versions import WHOLE_INSTALLATION

router = APIRouter(prefix="/api/v1", tags=["money"], dependencies=[WHOLE_INSTALLATION])

_DAY: Final = re.compile(r"\d{4}-\d\d-\d\d", re.ASCII)


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
    """What was spent and saved by each `key`, and in all."""

    by: CostsBy
    costs: list[CostRow]
    total: CostSum


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
) -> Costs:
    """Add up purchases and what they have saved, as `emasai costs`.

    Of more than `limit` rows these are the latest days, or the largest sums, and a last row for the
    rest. Money in millionths of a US dollar.
    """
    begin = None if since is None else datetime.combine(since, time.min, UTC)
    found = await runtime.purchasing.costs.by(by, since=begin)
    rows = [CostRow.model_validate(cost) for cost in top_costs(found, by, most=limit)]
    return Costs(by=by, costs=rows, total=CostSum.model_validate(total(found)))


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
