"""Holds the ledger against the seller's own bill, company by company."""

import sqlite3
from collections import Counter
from collections.abc import Collection
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import orjson

#: Outcomes by which the ledger says that it cannot know whether it was charged.
_UNCERTAIN = ("lost", "uncertain")
#: Every purchase as it is known today: what was uncertain may have been resolved since.
_PURCHASES = """
SELECT purchases.company, coalesce(resolutions.outcome, purchases.outcome),
       coalesce(resolutions.cost_micros, purchases.cost_micros)
FROM purchases LEFT JOIN resolutions USING (purchase_id)
"""


@dataclass(frozen=True, slots=True)
class Audit:
    """Both books, in micro-USD by company.

    `charged` is what the ledger is sure of, `uncertain` what may have been charged as well.
    """

    charges: Counter[str]
    bill: Counter[str]
    charged: Counter[str]
    uncertain: Counter[str]

    @property
    def charged_twice(self) -> dict[str, int]:
        """Companies with more than one charge, and how many they have."""
        return {company: count for company, count in self.charges.items() if count > 1}

    def faults(self, *, is_exact: bool, asked_again: Collection[str] = ()) -> list[str]:
        """Say where the books break the promise.

        Args:
            is_exact: Whether the seller gives run ids, by which everything can be known.
            asked_again: Companies that a person has had bought again.
        """
        found = [
            f"{company} was charged {count} times"
            for company, count in sorted(self.charged_twice.items())
            if company not in asked_again
        ]
        for company in sorted(self.bill | self.charged | self.uncertain):
            billed, sure = self.bill[company], self.charged[company]
            most = sure + self.uncertain[company]
            if not sure <= billed <= most:
                found.append(f"{company}: {billed} billed, the ledger has {sure} to {most}")
            elif is_exact and sure != billed:
                found.append(f"{company}: {billed} billed, the ledger has {sure}")
        return found


def audit(bill: Path, database: Path) -> Audit:
    """Read the bill of `hostile_seller`, and the ledger of a SQLite *database*."""
    charges: Counter[str] = Counter()
    billed: Counter[str] = Counter()
    for line in bill.read_bytes().splitlines():
        charge = orjson.loads(line)
        charges[charge["company"]] += 1
        billed[charge["company"]] += charge["micros"]
    charged: Counter[str] = Counter()
    uncertain: Counter[str] = Counter()
    with closing(sqlite3.connect(database)) as connection:
        for company, outcome, micros in connection.execute(_PURCHASES):
            (uncertain if outcome in _UNCERTAIN else charged)[company] += micros
    return Audit(charges, billed, charged, uncertain)
