"""Caps on spend that hold under concurrency: reserve the worst case, settle the actual cost.

An account is a Redis hash of micro-USD; a purchase is held in every account it concerns
before a cent is spent, in one atomic step. What a crashed buyer held comes back by itself.
An account that Redis does not have, or has lost, begins with what the ledger says.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Protocol

import structlog
from redis.asyncio import Redis

from orchestrator.infra.redis_client import load_script, store_errors
from orchestrator.memo import NotShared
from orchestrator.purchasing.accounts import Account, Caps

log = structlog.get_logger(__name__)

#: How long a reservation lives unsettled: longer than any purchase may take.
HOLD = timedelta(hours=1)
#: How long an account is remembered after its last use.
ACCOUNT_TTL = timedelta(days=35)

_MS = timedelta(milliseconds=1)


class BudgetExhausted(NotShared):
    """A cap refuses a purchase of *amount_micros*; *account* names the cap."""

    def __init__(self, account: str, amount_micros: int) -> None:
        super().__init__(account, amount_micros)
        self.account = account
        self.amount_micros = amount_micros

    def __str__(self) -> str:
        return f"the budget of {self.account} does not allow another {self.amount_micros} micro-USD"


class RefreshRefused(BudgetExhausted):
    """The last part of a cap is kept for what somebody asks for; a refresh may not use it."""

    def __str__(self) -> str:
        return f"what is left of the budget of {self.account} is not for refreshes"


@dataclass(frozen=True, slots=True)
class Opening:
    """What an account begins with: the spend of all purchases so far.

    `recent` are the ids of those among them that may not have been settled in the budget yet.
    """

    spent_micros: int
    recent: tuple[str, ...] = ()


class Books(Protocol):
    """Who knows what was spent, whatever Redis has forgotten: the ledger."""

    async def opening(self, account: str) -> Opening:
        """Return what *account* begins with, all of it as of one instant."""


def _warn(account: str) -> None:
    log.warning("budget.soft_cap_reached", account=account)


class Budget:
    """Accounts on one Redis database. *caps* hold from the next reservation on.

    *on_soft_cap* is called with the account that has just reached the soft share of its cap,
    by one process of the fleet, once for each cap.
    """

    def __init__(
        self,
        redis: Redis,
        books: Books,
        caps: Caps,
        *,
        on_soft_cap: Callable[[str], None] = _warn,
    ) -> None:
        self._redis = redis
        self._on_soft_cap = on_soft_cap
        self._books = books
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
        key = _account_key(account)
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
        key = _account_key(account)
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
            refresh: Nobody waits for it: it may only use the soft share of a cap that is not
                for refreshes alone.

        Raises:
            BudgetExhausted: A cap would be exceeded; RefreshRefused where *refresh* says so.
            StoreUnavailable, DatabaseUnavailable: Nothing may be bought.
        """
        limits: list[str | float] = []
        for account in accounts:
            cap = self.caps.of(account)
            limits += ["" if cap is None else cap, self.caps.share(account, refresh=refresh)]
        terms: list[str | float] = [
            HOLD // _MS,
            ACCOUNT_TTL // _MS,
            self.caps.soft_share,
            *limits,
        ]
        while True:
            with store_errors("budget reserve"):
                verdict, *numbers = await self._reserve(
                    keys=_keys(accounts), args=[hold_id, amount_micros, *terms]
                )
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
        amounts = (hold_id, amount_micros, actual_micros)
        terms = (HOLD // _MS, ACCOUNT_TTL // _MS, int(is_new))
        while True:
            with store_errors("budget settle"):
                unopened = await self._settle(keys=_keys(accounts), args=[*amounts, *terms])
            if not unopened:
                return
            await self._open_all([accounts[number - 1] for number in unopened], settling=hold_id)

    async def release(self, hold_id: str, amount_micros: int, accounts: Sequence[str]) -> None:
        """Give the reservation of *amount_micros* back: it has cost nothing.

        Raises:
            StoreUnavailable: Redis is unavailable; it lapses by itself.
        """
        with store_errors("budget release"):
            await self._release(keys=_keys(accounts), args=[hold_id, amount_micros])

    async def account(self, name: str) -> Account:
        """Return the state of an account, without opening it.

        Raises:
            StoreUnavailable, DatabaseUnavailable: It cannot be told.
        """
        with store_errors("budget account"):
            fields = await self._redis.hgetall(_account_key(name))
        cap, own = self.caps.of(name), fields.get(b"cap")
        if cap is None and own is not None:
            cap = int(own)
        if b"spent" not in fields:
            return Account(cap, (await self._books.opening(name)).spent_micros, 0)
        return Account(cap, int(fields[b"spent"]), int(fields[b"held"]))

    async def _open_all(self, accounts: Sequence[str], *, settling: str | None = None) -> None:
        """Open *accounts* as the ledger says, which has the purchase *settling*, however old."""
        terms = (HOLD // _MS, ACCOUNT_TTL // _MS)
        for account in accounts:
            opening = await self._books.opening(account)
            counted = [*opening.recent, *([] if settling is None else [settling])]
            with store_errors("budget open"):
                await self._open(
                    keys=_keys([account]), args=[opening.spent_micros, *terms, *counted]
                )


def _account_key(account: str) -> str:
    return f"budget1:{account}"


def _keys(accounts: Sequence[str]) -> list[str]:
    return [key for name in accounts for key in (_account_key(name), f"budget1:holds:{name}")]
