"""The seller's own bill: what was charged for which company, independent of the buyer's ledger.

A line is in the file before its answer is sent, so whatever was sold survives `kill -9`; a
line torn by one is no purchase and is cut off.
"""

import os
from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import orjson


class JsonLines:
    """An append-only file of JSON lines that survives `kill -9`; no path, no file."""

    def __init__(self, path: Path | None) -> None:
        self._path = path
        self._file = None if path is None else _open_for_append(path)

    def read(self) -> Iterator[dict[str, Any]]:
        """Yield the lines that are in the file, oldest first."""
        written = b"" if self._path is None else self._path.read_bytes()
        # Not `splitlines`, which also splits at bytes that may be inside of a line.
        yield from (orjson.loads(line) for line in written.split(b"\n") if line)

    def append(self, line: dict[str, Any]) -> None:
        """Write *line*. When this returns, it survives the end of this process."""
        if self._file is not None:
            # One write a line, past every buffer of this process.
            os.write(self._file, orjson.dumps(line) + b"\n")

    def close(self) -> None:
        """Close the file; nothing can be appended afterwards."""
        if self._file is not None:
            os.close(self._file)


def _open_for_append(path: Path) -> int:
    """Open *path* for appending, without the line that a `kill -9` may have torn."""
    path.parent.mkdir(parents=True, exist_ok=True)
    file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o600)
    written = path.read_bytes()
    os.ftruncate(file, written.rfind(b"\n") + 1)
    return file


@dataclass(frozen=True, slots=True)
class Purchase:
    """One charge. `name` is the company as it was typed, or a host; `key` the company's identity.

    `purchase_id` is the `Idempotency-Key` of an `/enrich`, the run id of a run; `verb` is "enrich"
    or that of the run, and `units` are its pages, places or jobs.
    """

    at_ms: int
    key: str
    name: str
    purchase_id: str
    outcome: str
    cost_micros: int
    verb: str = "enrich"
    units: int = 1


class Bill:
    """The purchases since the last reset, in memory and, given a path, in a file."""

    def __init__(self, path: Path | None) -> None:
        self._lines = JsonLines(path)
        self._clear()
        for line in self._lines.read():
            self._read(line)

    def record(self, purchase: Purchase) -> None:
        """Charge *purchase*. When this returns, it survives the end of this process."""
        self._lines.append(asdict(purchase))
        self._count(purchase)

    def reset(self) -> None:
        """Set the totals to zero; the file keeps the past."""
        self._lines.append({"reset": True})
        self._clear()

    def key_charged_for(self, purchase_id: str) -> str | None:
        """Return the company key that *purchase_id* was charged for, if it was."""
        return self._key_by_purchase_id.get(purchase_id)

    @property
    def total_micros(self) -> int:
        """Micro-USD charged since the last reset."""
        return self._micros.total()

    def summary(self) -> dict[str, Any]:
        """Return purchases and micro-USD: in total, by verb, and by company with all raw names.

        By verb, `units` are pages, places or jobs, and each company has all three again.
        """
        return {
            "purchases": self._purchases.total(),
            "total_micros": self.total_micros,
            "verbs": {
                verb: _total(companies) | {"companies": companies}
                for verb, companies in sorted(self._verbs.items())
            },
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

    def _clear(self) -> None:
        self._purchases: Counter[str] = Counter()
        self._micros: Counter[str] = Counter()
        self._names: defaultdict[str, list[str]] = defaultdict(list)
        # By verb, by company: purchases, units and micro-USD.
        self._verbs: dict[str, dict[str, Counter[str]]] = {}
        self._key_by_purchase_id: dict[str, str] = {}

    def _read(self, line: dict[str, Any]) -> None:
        if "reset" in line:
            self._clear()
        else:
            self._count(Purchase(**line))

    def _count(self, purchase: Purchase) -> None:
        self._purchases[purchase.key] += 1
        self._micros[purchase.key] += purchase.cost_micros
        self._names[purchase.key].append(purchase.name)
        added = {"purchases": 1, "units": purchase.units, "micros": purchase.cost_micros}
        companies = self._verbs.setdefault(purchase.verb, {})
        companies.setdefault(purchase.key, Counter()).update(added)
        if purchase.purchase_id:
            self._key_by_purchase_id[purchase.purchase_id] = purchase.key


def _total(companies: dict[str, Counter[str]]) -> dict[str, Any]:
    return dict(sum(companies.values(), Counter[str]()))
