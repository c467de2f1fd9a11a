"""Says how much of each budget is used, and which purchases have lost their answers."""

from datetime import timedelta
from typing import Final

from orchestrator.app import caps_of
from orchestrator.database import DatabaseUnavailable, current_state, open_engine
from orchestrator.doctor.finding import Finding, ok, warning
from orchestrator.infra.clock import utc_now
from orchestrator.infra.connections import open_redis
from orchestrator.memo import StoreUnavailable
from orchestrator.purchasing import Account, Budget, Costs, Doubt, Ledger, accounts_of
from orchestrator.settings import ConfigurationError, Settings

_CHECK: Final = "budget"
_MICROS: Final = 1_000_000
#: How far back purchases without an answer are looked for.
_RECENT: Final = timedelta(hours=24)
_ASK: Final = (
    "`emasai jobs failed --reason answer_lost` names them, and `emasai jobs requeue --reason "
    "answer_lost` buys them once more; compare `emasai costs` with the seller's bill."
)
_RAISE: Final = (
    "Raise the cap (EMASAI_CAP_TENANT_MICROS, EMASAI_CAP_DAY_MICROS, EMASAI_CAP_GLOBAL_MICROS) "
    "if more may be bought; what is known already is served in any case."
)
_UNKNOWN: Final = warning(
    _CHECK,
    "unknown, since a server could not be asked",
    "Mend what the findings about Redis and the database name.",
)


async def check_budgets(settings: Settings) -> list[Finding]:
    """Read the accounts of a purchase that would be made now, and what is uncertain lately."""
    now = utc_now()
    accounts = accounts_of(tenant=settings.tenant, day=now.date())
    url = settings.database_url.get_secret_value()
    try:
        if not (await current_state(url)).is_current:
            return []  # a finding of its own
        engine = open_engine(url)
    except ConfigurationError:
        return []  # likewise
    except DatabaseUnavailable:
        return [_UNKNOWN]
    try:
        async with open_redis(settings.redis_jobs_url) as client:
            budget = Budget(client, Ledger(engine, utc_now), caps_of(settings))
            states = {name: await budget.account(name) for name in accounts}
        doubt = await Costs(engine).uncertain(now - _RECENT)
    except (StoreUnavailable, DatabaseUnavailable):
        return [_UNKNOWN]
    finally:
        await engine.dispose()
    return [*judge_budgets(states, settings.soft_cap_share), *judge_doubt(doubt)]


def judge_budgets(states: dict[str, Account], soft_share: float) -> list[Finding]:
    """Judge each account that has a cap. Pure."""
    findings = [_judge(name, state, soft_share) for name, state in states.items()]
    capped = [finding for finding in findings if finding is not None]
    return capped or [ok(_CHECK, "has no cap")]


def judge_doubt(recent: Doubt) -> list[Finding]:
    """Judge what purchases without an answer may have cost. Pure."""
    if not recent.purchases:
        return []
    hours = _RECENT // timedelta(hours=1)
    are = f"{recent.purchases} purchase{' is' if recent.purchases == 1 else 's are'}"
    what = (
        f"{are} uncertain in the last {hours} h: "
        f"${recent.micros / _MICROS:,.4f} may have been charged without an answer"
    )
    return [warning("purchases", what, _ASK)]


def _judge(name: str, state: Account, soft_share: float) -> Finding | None:
    if state.cap_micros is None:
        return None
    used, cap = state.used_micros / _MICROS, state.cap_micros / _MICROS
    what = f"${used:,.2f} of ${cap:,.2f} used"
    if state.is_past(soft_share):
        return warning(f"{_CHECK} {name}", what, _RAISE)
    return ok(f"{_CHECK} {name}", what)
