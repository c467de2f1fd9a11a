"""Which budgets a purchase must fit into, and how far each of them goes. Pure.

    refresh:<date>     what nobody waited for, begun on a UTC day: refreshes, scheduled or ahead
    run:<job id>       one job, if it was given a cap
    tenant:<tenant>    all that was ever bought for a tenant
    day:<date>         all that was begun on a UTC day
    global             all that was ever bought

Every purchase is held and counted in all of its accounts, with a cap or without, so that a
cap that is set later finds what was spent before.
"""

from dataclasses import dataclass
from datetime import date
from enum import StrEnum


class Scope(StrEnum):
    """What an account is the budget of."""

    REFRESH = "refresh"
    RUN = "run"
    TENANT = "tenant"
    DAY = "day"
    GLOBAL = "global"


def run_account(job_id: str) -> str:
    """Return the name of the account that caps one job."""
    return f"{Scope.RUN}:{job_id}"


def day_account(day: date) -> str:
    """Return the name of the account of all that is begun on a UTC *day*."""
    return f"{Scope.DAY}:{day.isoformat()}"


def accounts_of(
    *, tenant: str, day: date, job_id: str | None = None, refresh: bool = False
) -> tuple[str, ...]:
    """Return the accounts of a purchase, those with the narrowest scope first.

    Args:
        tenant: For whom it is.
        day: UTC day on which the attempt was begun; it stays, however late it is settled.
        job_id: Of a job that has a cap of its own.
        refresh: Nobody waits for it.

    >>> accounts_of(tenant="north", day=date(2026, 11, 23), job_id="j1")
    ('run:j1', 'tenant:north', 'day:2026-11-23', 'global')
    """
    own = (
        *((f"{Scope.REFRESH}:{day.isoformat()}",) if refresh else ()),
        *(() if job_id is None else (run_account(job_id),)),
    )
    return (*own, f"{Scope.TENANT}:{tenant}", day_account(day), Scope.GLOBAL.value)


def scope_of(account: str) -> tuple[Scope, str]:
    """Return the scope of *account* and whose it is: a job id, a tenant, a date, nothing.

    >>> scope_of("day:2026-11-23")
    (<Scope.DAY: 'day'>, '2026-11-23')
    """
    scope, _, whose = account.partition(":")
    return Scope(scope), whose


@dataclass(frozen=True, slots=True)
class Caps:
    """The caps that the settings name, in micro-USD; None is no cap. A run brings its own.

    `soft_share` is the share of any cap from which a warning is given, and nothing is bought
    any more that was not asked for (refreshes); of their own cap they may use all.
    """

    tenant_micros: int | None = None
    day_micros: int | None = None
    global_micros: int | None = None
    soft_share: float = 0.8
    refresh_day_micros: int | None = None

    def of(self, account: str) -> int | None:
        """Return the cap that the settings put on *account*."""
        match scope_of(account)[0]:
            case Scope.REFRESH:
                return self.refresh_day_micros
            case Scope.RUN:
                return None
            case Scope.TENANT:
                return self.tenant_micros
            case Scope.DAY:
                return self.day_micros
            case Scope.GLOBAL:
                return self.global_micros

    def share(self, account: str, *, refresh: bool) -> float:
        """Return which share of the cap of *account* a purchase may use."""
        may_use_all = not refresh or scope_of(account)[0] is Scope.REFRESH
        return 1 if may_use_all else self.soft_share


@dataclass(frozen=True, slots=True)
class Account:
    """State of one account, micro-USD. No cap is None."""

    cap_micros: int | None
    spent_micros: int
    held_micros: int

    @property
    def used_micros(self) -> int:
        """What counts against the cap: spent, or held for purchases under way."""
        return self.spent_micros + self.held_micros

    @property
    def left_micros(self) -> int | None:
        """What may still be reserved, never below zero; None without a cap."""
        return None if self.cap_micros is None else max(0, self.cap_micros - self.used_micros)

    def is_past(self, soft_share: float) -> bool:
        """Say whether *soft_share* of the cap is used, as the reservation script reckons."""
        return self.cap_micros is not None and self.used_micros >= int(self.cap_micros * soft_share)
