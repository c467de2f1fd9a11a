"""Reads `words.toml`, the lists of words that company names are read with."""

import tomllib
from pathlib import Path
from typing import Final

_LISTS: Final[dict[str, str]] = tomllib.loads(
    Path(__file__).with_name("words.toml").read_text(encoding="utf-8")
)


def words_of(name: str) -> frozenset[str]:
    """Return the list *name* of the file."""
    return frozenset(_LISTS[name].split())
