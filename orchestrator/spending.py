"""What may still be spent: the budgets of today, of every tenant, and of a job.

`emasai budget`, the summary of a run, and `GET /api/v1/budget`.
"""

from collections.abc import Iterable
from typing import Any

from orchestrator.app import Runtime
from orchestrator.jobs import JobContext
from orchestrator.purchasing import Account, CostsBy, accounts_of, run_account

#: Accounts by name.
Budgets = dict[str, Account]


async def read_budgets(runtime: Runtime, context: JobContext | None) -> Budgets:
    """Read the accounts that a purchase for the job of *context* would use now.

    Raises:
        StoreUnavailable, DatabaseUnavailable: Redis or the database is unavailable.
    """
    names = accounts_of(
        tenant=runtime.settings.tenant if context is None else context.tenant,
        day=runtime.clock().date(),
        job_id=context.job_id if context is not None and context.capped else None,
    )
    return await _read(runtime, names)


async def read_all_budgets(runtime: Runtime, job_id: str | None) -> Budgets:
    """Read the accounts of today, with those of every tenant that has purchases, and of a job.

    Raises:
        StoreUnavailable, DatabaseUnavailable: Redis or the database is unavailable.
    """
    tenants = {cost.key for cost in await runtime.purchasing.costs.by(CostsBy.TENANT)} | {
        runtime.settings.tenant
    }
    day = runtime.clock().date()
    by_tenant = (accounts_of(tenant=tenant, day=day, refresh=True) for tenant in sorted(tenants))
    names = dict.fromkeys(name for names in by_tenant for name in reversed(names))
    return await _read(runtime, [*names, *([] if job_id is None else [run_account(job_id)])])


async def _read(runtime: Runtime, names: Iterable[str]) -> Budgets:
    return {name: await runtime.purchasing.budget.account(name) for name in names}


def budgets_json(budgets: Budgets) -> list[dict[str, Any]]:
    """Return *budgets* for programs."""
    return [
        {
            "account": name,
            "cap_micros": state.cap_micros,
            "spent_micros": state.spent_micros,
            "held_micros": state.held_micros,
            "left_micros": state.left_micros,
            "soft_cap_reached": state.is_past_soft_cap,
        }
        for name, state in budgets.items()
    ]
