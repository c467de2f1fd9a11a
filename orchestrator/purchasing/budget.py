"""Caps on spend that hold under concurrency: reserve the worst case, settle the actual cost.

    refresh:<date>     scheduled refreshes that were begun on a UTC day
    run:<job id>       one job, if it has a cap of its own
    tenant:<tenant>    every purchase for a tenant
    day:<date>         every purchase that was begun on a UTC day
    global             every purchase

An account is a Redis hash of micro-USD. A purchase is reserved in all of its accounts in one atomic
step before it is sent, and counted in all of them, with a cap or without: a cap that is set later
takes earlier spend into account. The reservation of a crashed buyer lapses. An account that Redis
does not have, or has lost, is opened with the ledger's balance.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from enum import StrEnum
from typing import Final, Protocol

import structlog
from redis.asyncio import Redis

from orchestrator.infra.batching import ScriptBatcher
from orchestrator.infra.redis_client import load_script, store_errors
from orchestrator.memo import NotShared

log = structlog.get_logger(__name__)

#: How long a reservation lives unsettled: longer than any purchase may take.
HOLD: Final = timedelta(hours=1)
#: How long an account is remembered after its last use.
ACCOUNT_TTL: Final = timedelta(days=35)
#: The share of a cap from which a warning is logged and refreshes are refused: early enough for
#: an operator to react, and what is left is kept for lookups that a caller waits for.
SOFT_SHARE: Final = 0.8

_MS = timedelta(milliseconds=1)
_TTLS: Final[tuple[int, int]] = (HOLD // _MS, ACCOUNT_TTL // _MS)


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
    """Return the name of the account of the purchases that are begun on a UTC *day*."""
    return f"{Scope.DAY}:{day.isoformat()}"


def accounts_of(
    *, tenant: str, day: date, job_id: str | None = None, refresh: bool = False
) -> tuple[str, ...]:
    """Return the accounts of a purchase, those with the narrowest scope first.

    Args:
        tenant: For whom it is.
        day: UTC day on which the attempt was begun; a late settlement does not change it.
        job_id: Of a job that has a cap of its own.
        refresh: It is a scheduled refresh.

    >>> accounts_of(tenant="north", day=date(2026, 11, 23), job_id="j1")
    ('run:j1', 'tenant:north', 'day:2026-11-23', 'global')
    """
    own = (
        *((f"{Scope.REFRESH}:{day.isoformat()}",) if refresh else ()),
        *(() if job_id is None else (run_account(job_id),)),
    )
    return (*own, f"{Scope.TENANT}:{tenant}", day_account(day), Scope.GLOBAL.value)


def scope_of(account: str) -> tuple[Scope, str]:
    """Return the scope of *account* and its subject: a job id, a tenant, a date, or nothing.

    >>> scope_of("day:2026-11-23")
    (<Scope.DAY: 'day'>, '2026-11-23')
    """
    scope, _, subject = account.partition(":")
    return Scope(scope), subject


@dataclass(frozen=True, slots=True)
class Caps:
    """The caps of the settings, in micro-USD; None is no cap. A job brings its own.

    `soft_share` is the share of any cap from which a warning is logged and refreshes are refused;
    of their own cap refreshes may use all.
    """

    tenant_micros: int | None = None
    day_micros: int | None = None
    global_micros: int | None = None
    refresh_day_micros: int | None = None
    soft_share: float = SOFT_SHARE

    def of(self, account: str) -> int | None:
        """Return the cap that the settings put on *account*."""
        match account.partition(":")[0]:
            case Scope.REFRESH:
                return self.refresh_day_micros
            case Scope.TENANT:
                return self.tenant_micros
            case Scope.DAY:
                return self.day_micros
            case Scope.GLOBAL:
                return self.global_micros
            case _:
                return None


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

    @property
    def is_past_soft_cap(self) -> bool:
        """Whether `SOFT_SHARE` of the cap is used, computed as the reservation script does."""
        return self.cap_micros is not None and self.used_micros >= int(self.cap_micros * SOFT_SHARE)


class BudgetExhausted(NotShared):
    """A cap refuses a purchase of *amount_micros*; *account* names the cap."""

    def __init__(self, account: str, amount_micros: int) -> None:
        super().__init__(account, amount_micros)
        self.account = account
        self.amount_micros = amount_micros

    def __str__(self) -> str:
        return f"the budget of {self.account} does not allow another {self.amount_micros} micro-USD"


class RefreshRefused(BudgetExhausted):
    """The last part of a cap is kept for lookups that a caller waits for."""

    def __str__(self) -> str:
        return f"what is left of the budget of {self.account} is not for refreshes"


@dataclass(frozen=True, slots=True)
class OpeningBalance:
    """What an account is opened with: the spend of all purchases so far.

    `recent` are the ids of those among them that may not have been settled in the budget yet.
    """

    spent_micros: int
    recent: tuple[str, ...] = ()


class Balances(Protocol):
    """Knows what was spent, whatever Redis has lost: the ledger."""

    async def opening_balance(self, account: str) -> OpeningBalance:
        """Return what *account* is opened with, all of it as of one instant."""


def _warn(account: str) -> None:
    log.warning("budget.soft_cap_reached", account=account)


class Budget:
    """Accounts on one Redis database; one instance per event loop. *caps* hold from now on.

    Reservations and settlements of concurrent purchases share round trips.

    *on_soft_cap* is called with an account that has just reached the soft share of its cap, by one
    process of the fleet, once for each cap.
    """

    def __init__(
        self,
        redis: Redis,
        ledger: Balances,
        caps: Caps,
        *,
        on_soft_cap: Callable[[str], None] = _warn,
    ) -> None:
        self._redis = redis
        self._scripts = ScriptBatcher(redis)
        self._on_soft_cap = on_soft_cap
        self._ledger = ledger
        self.caps = caps
        self._open = load_script(redis, "orchestrator.purchasing", "open")
        self._reserve = load_script(redis, "orchestrator.purchasing", "reserve")
        self._settle = load_script(redis, "orchestrator.purchasing", "settle")
        self._release = load_script(redis, "orchestrator.purchasing", "release")

    async def set_cap(self, account: str, cap_micros: int) -> None:
        """Give *account* a cap of its own. Takes effect with the next reservation.

        Raises:
            StoreUnavailable: Redis is unavailable.
        """
        key, _ = _keys([account])
        with store_errors("budget set_cap"):
            async with self._redis.pipeline(transaction=True) as both:
                both.hset(key, "cap", str(cap_micros))
                both.pexpire(key, ACCOUNT_TTL)
                await both.execute()

    async def drop_cap(self, account: str) -> None:
        """Forget an account that was given a cap, if nothing was reserved in it.

        Raises:
            StoreUnavailable: Redis is unavailable; it expires by itself.
        """
        key, _ = _keys([account])
        with store_errors("budget drop_cap"):
            if not await self._redis.hexists(key, "spent"):
                await self._redis.unlink(key)

    async def reserve(
        self, hold_id: str, amount_micros: int, accounts: Sequence[str], *, refresh: bool = False
    ) -> None:
        """Hold *amount_micros* in all *accounts*, or in none.

        Args:
            hold_id: Reserving again under it changes nothing.
            amount_micros: The worst case.
            accounts: At least one.
            refresh: It may use the soft share of a cap only, unless the cap is for refreshes.

        Raises:
            BudgetExhausted: A cap would be exceeded; RefreshRefused where *refresh* is set.
            StoreUnavailable, DatabaseUnavailable: Nothing may be bought.
        """
        limits: list[str | float] = []
        for account in accounts:
            cap = self.caps.of(account)
            may_use_all = not refresh or account.startswith(f"{Scope.REFRESH}:")
            limits += ["" if cap is None else cap, 1 if may_use_all else self.caps.soft_share]
        args = [hold_id, amount_micros, *_TTLS, self.caps.soft_share, *limits]
        while True:
            with store_errors("budget reserve"):
                verdict, *numbers = await self._scripts.call(self._reserve, _keys(accounts), args)
            named = [accounts[number - 1] for number in numbers]
            if verdict == b"refused":
                refusal = RefreshRefused if refresh else BudgetExhausted
                raise refusal(named[0], amount_micros)
            if verdict == b"held":
                for account in named:
                    self._on_soft_cap(account)
                return
            await self._open_all(named)

    async def settle(
        self,
        hold_id: str,
        amount_micros: int,
        actual_micros: int,
        accounts: Sequence[str],
        *,
        is_new: bool = True,
    ) -> None:
        """Turn the reservation of *amount_micros* into a spend of *actual_micros*.

        Called after the ledger has it, so that no account is opened without it. A repeated
        call changes nothing.

        Args:
            hold_id: As it was reserved.
            amount_micros: As it was reserved.
            actual_micros: What it has cost.
            accounts: As they were reserved.
            is_new: The ledger did not know it. If it did, and an account has no trace of it,
                what that account has spent is read from the ledger again.

        Raises:
            StoreUnavailable, DatabaseUnavailable: It may or may not be settled; repeat it.
        """
        args: list[str | int] = [hold_id, amount_micros, actual_micros, *_TTLS, int(is_new)]
        while True:
            with store_errors("budget settle"):
                unopened = await self._scripts.call(self._settle, _keys(accounts), args)
            if not unopened:
                return
            await self._open_all([accounts[number - 1] for number in unopened], settling=hold_id)

    async def release(self, hold_id: str, amount_micros: int, accounts: Sequence[str]) -> None:
        """Give the reservation of *amount_micros* back: it has cost nothing.

        Raises:
            StoreUnavailable: Redis is unavailable; it lapses by itself.
        """
        with store_errors("budget release"):
            await self._scripts.call(self._release, _keys(accounts), [hold_id, amount_micros])

    async def account(self, name: str) -> Account:
        """Return the state of an account, without opening it.

        Raises:
            StoreUnavailable, DatabaseUnavailable: It cannot be read.
        """
        with store_errors("budget account"):
            fields = await self._redis.hgetall(_keys([name])[0])
        cap, own = self.caps.of(name), fields.get(b"cap")
        if cap is None and own is not None:
            cap = int(own)
        if b"spent" not in fields:
            return Account(cap, (await self._ledger.opening_balance(name)).spent_micros, 0)
        return Account(cap, int(fields[b"spent"]), int(fields[b"held"]))

    async def _open_all(self, accounts: Sequence[str], *, settling: str | None = None) -> None:
        """Open *accounts* as the ledger says, which has the purchase *settling*, however old."""
        for account in accounts:
            balance = await self._ledger.opening_balance(account)
            counted = [*balance.recent, *([] if settling is None else [settling])]
            with store_errors("budget open"):
                await self._scripts.call(
                    self._open, _keys([account]), [balance.spent_micros, *_TTLS, *counted]
                )


def _keys(accounts: Sequence[str]) -> list[str]:
    return [key for name in accounts for key in (f"budget1:{name}", f"budget1:holds:{name}")]
