"""What is bought, for whom, and which attempt at it this is. Pure.

An attempt is written down, as the flight's note, before anything is sent: its purchase id is
the `Idempotency-Key` of every attempt at the same purchase, its ledger id is its own.
"""

from dataclasses import asdict, dataclass
from typing import Any

from orchestrator.spend import run_account


@dataclass(frozen=True, slots=True)
class Purpose:
    """On whose behalf something is bought. `capped`: the job has a budget of its own."""

    job_id: str | None
    tenant: str
    capped: bool = False

    @property
    def accounts(self) -> list[str]:
        """The budget accounts that must allow the purchase."""
        return [run_account(self.job_id)] if self.capped and self.job_id else []


@dataclass(frozen=True, slots=True)
class Order:
    """What is bought, and for whom."""

    company: str
    company_key: str
    purpose: Purpose


@dataclass(frozen=True, slots=True)
class Attempt:
    """One POST for one company; `number` counts from 1 across leaders."""

    purchase_id: str
    number: int
    started_at_ms: int
    purpose: Purpose

    @classmethod
    def from_note(cls, note: dict[str, Any]) -> "Attempt":
        """Read what `note` wrote."""
        return cls(note["purchase_id"], note["attempt"], note["started_at_ms"], _purpose(note))

    def note(self) -> dict[str, Any]:
        """Return the attempt as JSON, for whoever leads next."""
        return {
            "purchase_id": self.purchase_id,
            "attempt": self.number,
            "started_at_ms": self.started_at_ms,
            **asdict(self.purpose),
        }

    def next(self, purpose: Purpose, now_ms: int) -> "Attempt":
        """Return the attempt after this one, on behalf of *purpose*."""
        return Attempt(self.purchase_id, self.number + 1, now_ms, purpose)

    @property
    def ledger_id(self) -> str:
        """Under which the attempt enters the ledger, and holds its part of a budget."""
        return self.purchase_id if self.number == 1 else f"{self.purchase_id}.{self.number}"


def _purpose(note: dict[str, Any]) -> Purpose:
    return Purpose(note["job_id"], note["tenant"], note["capped"])
