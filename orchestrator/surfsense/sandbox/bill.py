"""The seller's own book: what was charged to whom, independent of the buyer's accounts.

An append-only file of JSON lines. A line is in the file before its answer is sent, so
whatever was sold survives `kill -9`; a line torn by one is no purchase and is cut off.
"""

import os
from collections import Counter, defaultdict
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import orjson


@dataclass(frozen=True, slots=True)
class Purchase:
    """One charge. `name` is the company as it was typed, `key` its identity."""

    at_ms: int
    key: str
    name: str
    purchase_id: str
    outcome: str
    cost_micros: int


class Bill:
    """The purchases since the last reset, in memory and, given a path, in a file."""

    def __init__(self, path: Path | None) -> None:
        self._file = None if path is None else _open_for_append(path)
        self._start_page()
        for line in [] if path is None else path.read_bytes().splitlines():
            self._read(orjson.loads(line))

    def record(self, purchase: Purchase) -> None:
        """Charge *purchase*. When this returns, it is safe from the end of this process."""
        self._append(asdict(purchase))
        self._count(purchase)

    def reset(self) -> None:
        """Begin a new page: the file keeps the past, the totals forget it."""
        self._append({"reset": True})
        self._start_page()

    def key_charged_for(self, purchase_id: str) -> str | None:
        """Return the company key that *purchase_id* was charged for, if it was."""
        return self._key_by_purchase_id.get(purchase_id)

    def summary(self) -> dict[str, Any]:
        """Return purchases and micro-USD in total and per company, with all raw names."""
        return {
            "purchases": self._purchases.total(),
            "total_micros": self._micros.total(),
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
        if self._file is not None:
            os.close(self._file)

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

    def _append(self, line: dict[str, Any]) -> None:
        if self._file is not None:
            # One write a line, past every buffer of this process.
            os.write(self._file, orjson.dumps(line) + b"\n")


def _open_for_append(path: Path) -> int:
    path.parent.mkdir(parents=True, exist_ok=True)
    file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o600)
    written = path.read_bytes()
    os.ftruncate(file, written.rfind(b"\n") + 1)
    return file
