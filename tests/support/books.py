"""Balances that tests fix by hand, in place of a ledger; and the ledger's total."""

from dataclasses import dataclass, field

from orchestrator.purchasing import Ledger, OpeningBalance


@dataclass
class FixedBalances:
    """Returns fixed balances, and remembers for which accounts it was asked."""

    balances: dict[str, OpeningBalance] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)

    async def opening_balance(self, account: str) -> OpeningBalance:
        """Return the balance of *account*, zero by default."""
        self.asked.append(account)
        return self.balances.get(account, OpeningBalance(0))


async def total_spent(ledger: Ledger) -> int:
    """Return the sum of all entries of *ledger*, in micro-dollars."""
    return (await ledger.opening_balance("global")).spent_micros
