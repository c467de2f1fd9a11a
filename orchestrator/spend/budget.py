"""Caps on spend that hold under concurrency: reserve the worst case, settle the actual cost.

An account is a Redis hash of micro-USD; a purchase is held in every account it concerns
before a cent is spent, in one atomic step. What a crashed buyer held comes back by itself.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta

from redis.asyncio import Redis
from redis.exceptions import RedisError

from orchestrator.memo import NotShared, StoreUnavailable
from orchestrator.scripts import load_script

#: How long a reservation lives unsettled: longer than any purchase may take.
HOLD = timedelta(hours=1)
#: How long a settlement is remembered, so that a repeated one changes nothing: longer than
#: anybody may find a purchase unsettled.
SETTLED_FOR = timedelta(days=2)
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


@dataclass(frozen=True, slots=True)
class Account:
    """State of one account, micro-USD. No cap is None."""

    cap_micros: int | None
    spent_micros: int
    held_micros: int


def run_account(job_id: str) -> str:
    """Return the name of the account that caps one job."""
    return f"run:{job_id}"


class Budget:
    """Accounts on one Redis database."""

    def __init__(self, redis: Redis) -> None:
        self._redis = redis
        self._reserve = load_script(redis, "orchestrator.spend", "reserve")
        self._settle = load_script(redis, "orchestrator.spend", "settle")

    async def set_cap(self, account: str, cap_micros: int) -> None:
        """Cap *account*. Takes effect with the next reservation; spend already made stays."""
        key = _account_key(account)
        with _store_errors("set_cap"):
            async with self._redis.pipeline(transaction=True) as both:
                both.hset(key, "cap", str(cap_micros))
                both.pexpire(key, ACCOUNT_TTL)
                await both.execute()

    async def reserve(self, hold_id: str, amount_micros: int, accounts: Sequence[str]) -> None:
        """Hold *amount_micros* in all *accounts*, or in none.

        Raises:
            BudgetExhausted: A cap would be exceeded.
            StoreUnavailable: Redis is away; nothing may be bought.
        """
        if not accounts:
            return
        with _store_errors("reserve"):
            refused = await self._reserve(
                keys=_keys(accounts),
                args=[hold_id, amount_micros, HOLD // _MS, ACCOUNT_TTL // _MS],
            )
        if refused:
            raise BudgetExhausted(accounts[refused - 1], amount_micros)

    async def settle(
        self, hold_id: str, amount_micros: int, actual_micros: int, accounts: Sequence[str]
    ) -> None:
        """Turn the reservation of *amount_micros* into a spend of *actual_micros*.

        Zero releases the reservation. A repeated call within `SETTLED_FOR` changes nothing.

        Raises:
            StoreUnavailable: Redis is away; it may or may not be settled, so repeat it.
        """
        if not accounts:
            return
        with _store_errors("settle"):
            await self._settle(
                keys=_keys(accounts),
                args=[
                    *(hold_id, amount_micros, actual_micros),
                    *(SETTLED_FOR // _MS, ACCOUNT_TTL // _MS),
                ],
            )

    async def account(self, name: str) -> Account:
        """Return the state of an account; one never used is empty."""
        with _store_errors("account"):
            fields = await self._redis.hgetall(_account_key(name))
        cap = fields.get(b"cap")
        return Account(
            None if cap is None else int(cap),
            int(fields.get(b"spent", 0)),
            int(fields.get(b"held", 0)),
        )


@contextmanager
def _store_errors(operation: str) -> Iterator[None]:
    try:
        yield
    except (RedisError, OSError) as error:
        raise StoreUnavailable(f"budget {operation}") from error


def _account_key(account: str) -> str:
    return f"budget1:{account}"


def _keys(accounts: Sequence[str]) -> list[str]:
    return [key for name in accounts for key in (_account_key(name), f"budget1:holds:{name}")]
