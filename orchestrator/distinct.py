"""Numbers texts by their first appearance, in bounded memory. Pure.

A million distinct texts take about 25 MB, however long they are; a dict of them would take ten
times as much. Of each text 128 bits are kept, two SipHashes of 64, so that two texts never share
a number.
"""

from array import array

_SMALLEST = 1024


class Distinct:
    """Open addressing over hashes, half full at most; hashes are evenly spread as they are."""

    def __init__(self) -> None:
        self._first, self._second = array("q"), array("q")
        # A slot holds a number plus one, or 0.
        self._slots = array("I", [0]) * _SMALLEST
        self._mask = _SMALLEST - 1

    def __len__(self) -> int:
        """Return how many distinct texts there were."""
        return len(self._first)

    def number(self, text: str) -> int:
        """Return the number of *text*, counted from 0; a text not seen before gets the next one."""
        first = hash(text)
        slot = first & self._mask
        while known := self._slots[slot]:
            if self._first[known - 1] == first and self._second[known - 1] == _second(text):
                return known - 1
            slot = (slot + 1) & self._mask
        self._first.append(first)
        self._second.append(_second(text))
        self._slots[slot] = len(self._first)
        if 2 * len(self._first) > self._mask:
            self._grow()
        return len(self._first) - 1

    def _grow(self) -> None:
        self._mask = 2 * self._mask + 1
        self._slots = array("I", [0]) * (self._mask + 1)
        for number, first in enumerate(self._first, start=1):
            slot = first & self._mask
            while self._slots[slot]:
                slot = (slot + 1) & self._mask
            self._slots[slot] = number


def _second(text: str) -> int:
    """Return a hash that differs where two texts agree in the first one by chance."""
    return hash(text + "\x1f")
