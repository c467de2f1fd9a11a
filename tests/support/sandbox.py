"""The sandbox's own book, read from outside: what the seller says it sold."""

import json
from collections import Counter
from collections.abc import Mapping
from pathlib import Path


def charges(home: Path) -> Counter[str]:
    """Return how often each company key was charged by the embedded sandbox of *home*."""
    book = home / "sandbox" / "bill.jsonl"
    lines = book.read_text("utf-8").splitlines() if book.exists() else []
    return Counter(json.loads(line)["key"] for line in lines)


def twice(charged: Mapping[str, int]) -> set[str]:
    """Return the companies that were charged more than once."""
    return {key for key, count in charged.items() if count > 1}
