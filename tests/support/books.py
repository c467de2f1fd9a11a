"""Books that tests write by hand, in place of a ledger."""

from dataclasses import dataclass, field

from orchestrator.purchasing import Opening


@dataclass
class HandwrittenBooks:
    """Says what it was told, and remembers for which accounts it was asked."""

    openings: dict[str, Opening] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)

    async def opening(self, account: str) -> Opening:
        """Return what was written down for *account*: nothing was spent, unless it says so."""
        self.asked.append(account)
        return self.openings.get(account, Opening(0))
