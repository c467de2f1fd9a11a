"""The columns that a run adds to a lead file, and what stands in them."""

from dataclasses import dataclass, fields, replace
from operator import attrgetter

from .model import LeadRow, Level

PREFIX = "emasai_"


@dataclass(frozen=True, slots=True)
class ResultCells:
    """What one row's result says, as text ready to be read by people; "" where unknown.

    `as_of` is an ISO 8601 instant in UTC, `cost_usd` a decimal number of dollars, and so is
    `uncertain_usd`: what a purchase of the company may have cost whose answer was lost.
    """

    status: str
    company_key: str = ""
    viable: str = ""
    score: str = ""
    value: str = ""
    currency: str = ""
    next_step: str = ""
    reason: str = ""
    outcome_source: str = ""
    as_of: str = ""
    cost_usd: str = ""
    uncertain_usd: str = ""

    def cells(self) -> tuple[str, ...]:
        """Return the cells in the order of `RESULT_COLUMNS`."""
        cells: tuple[str, ...] = _in_order(self)
        return cells


_NAMES = tuple(field.name for field in fields(ResultCells))
# Not `astuple`, which copies each text deeply: there may be a million rows.
_in_order = attrgetter(*_NAMES)
RESULT_COLUMNS = tuple(PREFIX + name for name in _NAMES)

_INVALID = "invalid"
_PENDING = "pending"
_NO_COST = "0"


def without_result(row: LeadRow) -> ResultCells:
    """Return what is said of a row that has no result: why it can't have one, or not yet."""
    if row.lead is None:
        errors = (str(problem) for problem in row.problems if problem.level is Level.ERROR)
        return ResultCells(_INVALID, reason=". ".join(errors))
    return ResultCells(
        _PENDING, row.lead.company_key, reason="not finished; run the same command again"
    )


def shared(result: ResultCells) -> ResultCells:
    """Return the result as a repetition of its row shows it: paid once, so not paid again."""
    return replace(result, cost_usd=_NO_COST, uncertain_usd=_NO_COST)
