"""The sandbox, from outside: its own book of what it sold, and whom it knows."""

import json
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from uuid import uuid4

from orchestrator.embedded.stack import EmbeddedStack
from tests.support.loopback import loopback


def charges(home: Path) -> Counter[str]:
    """Return how often each company key was charged by the embedded sandbox of *home*."""
    book = home / "sandbox" / "bill.jsonl"
    lines = book.read_text("utf-8").splitlines() if book.exists() else []
    return Counter(json.loads(line)["key"] for line in lines)


def new_name(word: str) -> str:
    """Return the name of a company that was never asked for, beginning with *word*."""
    # A letter first: digits alone would join the word before them in the company key.
    return f"{word} x{uuid4().hex[:12]}"


def twice(charged: Mapping[str, int]) -> set[str]:
    """Return the companies that were charged more than once."""
    return {key for key, count in charged.items() if count > 1}


@contextmanager
def everybody_known(stack: EmbeddedStack) -> Iterator[None]:
    """Have the sandbox of *stack* know every company, whatever it is called, during the block."""
    url = f"{stack.variables['SURFSENSE_URL']}/__faults"
    before: dict[str, Any] = loopback.post(url, json={}).raise_for_status().json()
    rates = ("not_found_rate", "ambiguous_rate")
    loopback.post(url, json=dict.fromkeys(rates, 0)).raise_for_status()
    yield
    loopback.post(url, json={rate: before[rate] for rate in rates}).raise_for_status()
