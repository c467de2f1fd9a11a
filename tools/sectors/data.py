"""Reads labelled texts and categories, and parts them into development and holdout."""

import csv
import zlib
from collections.abc import Iterable
from pathlib import Path
from typing import Literal, NamedTuple

Part = Literal["four_fifths", "holdout", "all"]


class Row(NamedTuple):
    """One labelled text: `key` decides its part; `sector` is blank where none is right."""

    key: str
    text: str
    language: str
    company: str
    sector: str
    also: frozenset[str]

    def accepts(self, label: str) -> bool:
        """Return whether *label* is the sector, or one that is as acceptable."""
        return label == self.sector or label in self.also


def read_texts(folder: Path) -> list[Row]:
    """Return the rows of `sector.dev.csv` in *folder*."""
    return [
        Row(one["id"], one["text"], one["lang"], one["company"], one["sector"], _also(one))
        for one in _csv(folder / "sector.dev.csv")
    ]


def read_categories(folder: Path) -> list[Row]:
    """Return the rows of `maps_category.dev.csv` in *folder* that were labelled by hand."""
    return [
        Row(f"{name}|{one['lang']}", name, one["lang"], "", one["sector"], _also(one))
        for one in _csv(folder / "maps_category.dev.csv")
        if one["label"] == "manual" and (name := one["category"])
    ]


def part_of(rows: Iterable[Row], part: Part) -> list[Row]:
    """Return the rows of one part; a checksum of the key decides."""
    return [row for row in rows if part == "all" or _is_held_out(row) == (part == "holdout")]


def folds(rows: list[Row], count: int) -> list[tuple[list[Row], list[Row]]]:
    """Return *count* pairs of rows to learn from and rows to try on, the same each time."""

    def number(row: Row) -> int:
        return zlib.crc32(b"fold " + row.key.encode()) % count

    return [
        ([row for row in rows if number(row) != k], [row for row in rows if number(row) == k])
        for k in range(count)
    ]


def _is_held_out(row: Row) -> bool:
    return zlib.crc32(row.key.encode()) % 5 == 0


def _also(cells: dict[str, str]) -> frozenset[str]:
    return frozenset(filter(None, cells["also"].split("|")))


def _csv(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))
