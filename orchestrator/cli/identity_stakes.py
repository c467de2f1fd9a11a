"""What hangs on a key before a person decides about it: what was bought, what came of it."""

from dataclasses import dataclass
from typing import Any

from orchestrator.app import Runtime
from orchestrator.cli.console import dollars
from orchestrator.identity.decisions import BadDecision
from orchestrator.purchasing import entry_key


@dataclass(frozen=True, slots=True)
class Stakes:
    """What is kept under one key."""

    key: str
    purchases: int
    spent_micros: int
    opportunities: int

    def __bool__(self) -> bool:
        """Whether anything was bought, or came of it."""
        return bool(self.purchases or self.opportunities)

    def __str__(self) -> str:
        bought = f"purchases {self.purchases} ({dollars(self.spent_micros)})"
        return f"{self.key}: {bought}, opportunities {self.opportunities}"

    def as_json(self) -> dict[str, Any]:
        """Return it for `--json`."""
        return {
            "key": self.key,
            "purchases": self.purchases,
            "spent_micros": self.spent_micros,
            "opportunities": self.opportunities,
        }


async def stakes_of(parts: Runtime, key: str) -> Stakes:
    """Count what is kept under *key*.

    Raises:
        DatabaseUnavailable: The database does not answer.
    """
    purchases = await parts.ledger.purchases_of(key)
    leads = {stored.lead_id for stored in await parts.store.decisions_for_company(key)}
    return Stakes(
        key,
        len(purchases),
        sum(purchase.cost_micros for purchase in purchases),
        len(await parts.store.opportunities_of(leads)),
    )


async def check_known(parts: Runtime, key: str) -> None:
    """Let *key* pass if anything is known of its company.

    Raises:
        BadDecision: Nothing is: most likely a slip of the pen.
        DatabaseUnavailable: The database does not answer.
    """
    is_known = await parts.identity_decisions.is_known(key)
    if not is_known and await parts.memo.peek(entry_key(key)) is None:
        raise BadDecision(
            f"nothing is known of a company with the key {key}; "
            "for another spelling of a known one, use: emasai identity alias"
        )
