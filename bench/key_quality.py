"""How well keys tell companies apart, on real names that the caller provides.

The folder has `positives.csv`: a, b (two spellings of one company), origin (natural, synthetic),
class (only `format` counts) and country; and `negatives.csv`: name, id, core (a number shared by
names that differ in writing or legal form only) and homonym (one shared by those that differ in
nothing), one distinct company a line.
"""

import csv
from collections import defaultdict
from collections.abc import Callable, Mapping
from pathlib import Path

from bench.key_contenders import Key
from bench.measure import console, grid

Row = dict[str, str]
_IBERIAN = frozenset({"AR", "BR", "CL", "CO", "ES", "MX", "PE", "PT", "VE"})


def show_quality(folder: Path, contenders: Mapping[str, Key]) -> None:
    """Print recall on pairs and merges among distinct companies, a line a contender."""
    positives, negatives = _rows(folder / "positives.csv"), _rows(folder / "negatives.csv")
    table = grid(
        f"{len(negatives):,} companies, {len(positives):,} pairs",
        ("what", "recall natural", "ES, LatAm, PT", "synthetic", "false merges", "form merges"),
    )
    for name, key in contenders.items():
        natural = _recall(key, positives, lambda row: row["origin"] == "natural")
        iberian = _recall(
            key, positives, lambda row: row["origin"] == "natural" and row["country"] in _IBERIAN
        )
        synthetic = _recall(key, positives, lambda row: row["origin"] == "synthetic")
        false, form = _merges(key, negatives)
        merges = (f"{false / len(negatives):.3%}", f"{form / len(negatives):.3%}")
        table.add_row(name, *(f"{share:.3f}" for share in (natural, iberian, synthetic)), *merges)
    console.print(table)


def _rows(path: Path) -> list[Row]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def _key_of(key: Key, name: str) -> str:
    try:
        return key(name)
    except ValueError:
        return ""


def _recall(key: Key, rows: list[Row], counts: Callable[[Row], bool]) -> float:
    pairs = [row for row in rows if row["class"] == "format" and counts(row)]
    keys = [(_key_of(key, row["a"]), _key_of(key, row["b"])) for row in pairs]
    return sum(a == b != "" for a, b in keys) / len(pairs)


def _merges(key: Key, rows: list[Row]) -> tuple[int, int]:
    """Return how many companies share a key with another: one of another name, of its own."""
    groups = defaultdict(list)
    for row in rows:
        if found := _key_of(key, row["name"]):
            groups[found].append(row)
    false = form = 0
    for group in groups.values():
        if len({row["core"] or row["id"] for row in group}) > 1:
            false += len(group)
        elif len({row["homonym"] or row["id"] for row in group}) > 1:
            form += len(group)
    return false, form
