"""Chance that is the same for the same question, on every machine and Python."""

from collections.abc import Sequence
from hashlib import blake2b
from typing import TypeVar

T = TypeVar("T")


def share(*parts: str | int) -> float:
    """Return a number from 0 up to but not including 1, evenly spread over *parts*."""
    text = "\x1f".join(map(str, parts))
    digest = blake2b(text.encode(), digest_size=6).digest()
    return int.from_bytes(digest) / 2**48


class Dice:
    """A sequence of draws about one topic."""

    def __init__(self, *topic: str | int) -> None:
        self._topic = topic
        self._draws = 0

    def share(self) -> float:
        """Return the next number from 0 up to but not including 1."""
        self._draws += 1
        return share(*self._topic, self._draws)

    def between(self, low: int, high: int) -> int:
        """Return a whole number; both bounds can come."""
        return low + int(self.share() * (high - low + 1))

    def pick(self, options: Sequence[T]) -> T:
        """Return one of *options*."""
        return options[self.between(0, len(options) - 1)]

    def some(self, options: Sequence[T], count: int) -> list[T]:
        """Return *count* different ones of *options*, in any order."""
        left = list(options)
        return [left.pop(self.between(0, len(left) - 1)) for _ in range(count)]
