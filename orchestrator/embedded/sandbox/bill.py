"""The seller's own book: what was charged to whom, independent of the buyer's accounts.

A line is in the file before its answer is sent, so whatever was sold survives `kill -9`; a
line torn by one is no purchase and is cut off.
"""

from collections import Counter, defaultdict
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from orchestrator.embedded.sandbox.lines import Lines


@dataclass(frozen=True, slots=True)
class Purchase:
    """One charge. `name` is the company as it was typed, `key` its identity.

    `purchase_id` is the `Idempotency-Key` of an `/enrich`, the run id of a run.
    """

    at_ms: int
    key: str
    name: str
    purchase_id: str
    outcome: str
    cost_micros: int


class Bill:
    """The purchases since the last reset, in memory and, given a path, in a file."""

    def __init__(self, path: Path | None) -> None:
        self._lines = Lines(path)
        self._start_page()
        for line in self._lines.read():
            self._read(line)

    def record(self, purchase: Purchase) -> None:
        """Charge *purchase*. When this returns, it is safe from the end of this process."""
        self._lines.append(asdict(purchase))
        self._count(purchase)

    def reset(self) -> None:
        """Begin a new page: the file keeps the past, the totals forget it."""
        self._lines.append({"reset": True})
        self._start_page()

    def key_charged_for(self, purchase_id: str) -> str | None:
        """Return the company key that *purchase_id* was charged for, if it was."""
        return self._key_by_purchase_id.get(purchase_id)

    @property
    def total_micros(self) -> int:
        """Micro-USD charged since the last reset."""
        return self._micros.total()

    def summary(self) -> dict[str, Any]:
        """Return purchases and micro-USD in total and per company, with all raw names."""
        return {
            "purchases": self._purchases.total(),
            "total_micros": self.total_micros,
            "companies": {
                key: {
                    "purchases": count,
                    "micros": self._micros[key],
                    "names": self._names[key],
                }
                for key, count in sorted(self._purchases.items())
            },
        }

    def close(self) -> None:
        """Close the file; nothing can be recorded afterwards."""
        self._lines.close()

    def _start_page(self) -> None:
        self._purchases: Counter[str] = Counter()
        self._micros: Counter[str] = Counter()
        self._names: defaultdict[str, list[str]] = defaultdict(list)
        self._key_by_purchase_id: dict[str, str] = {}

    def _read(self, line: dict[str, Any]) -> None:
        if "reset" in line:
            self._start_page()
        else:
            self._count(Purchase(**line))

    def _count(self, purchase: Purchase) -> None:
        self._purchases[purchase.key] += 1
        self._micros[purchase.key] += purchase.cost_micros
        self._names[purchase.key].append(purchase.name)
        if purchase.purchase_id:
            self._key_by_purchase_id[purchase.purchase_id] = purchase.key
