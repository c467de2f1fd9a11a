"""Numbers texts by their first appearance, in bounded memory. Pure.

A million distinct texts take about 25 MB, however long they are; a dict of them would take ten
times as much. Of each text 128 bits are kept, two SipHashes of 64, so that two texts never share
a number.
"""

from array import array

#: Tables that grow each by itself: one for all would take a tenth of a second to, and longer.
_TABLES = 256
_SMALLEST = 64


class Distinct:
    """Open addressing over hashes, half full at most; hashes are evenly spread as they are."""

    def __init__(self) -> None:
        self._first, self._second = array("q"), array("q")
        # A slot holds a number plus one, or 0.
        self._tables = [array("I", [0]) * _SMALLEST for _ in range(_TABLES)]
        self._used = array("I", [0]) * _TABLES

    def __len__(self) -> int:
        """Return how many distinct texts there were."""
        return len(self._first)

    def number(self, text: str) -> int:
        """Return the number of *text*, counted from 0; a text not seen before gets the next one."""
        first = hash(text)
        table = first % _TABLES
        slots = self._tables[table]
        mask = len(slots) - 1
        slot = first // _TABLES & mask
        while known := slots[slot]:
            if self._first[known - 1] == first and self._second[known - 1] == _second(text):
                return known - 1
            slot = (slot + 1) & mask
        self._first.append(first)
        self._second.append(_second(text))
        slots[slot] = len(self._first)
        self._used[table] += 1
        if 2 * self._used[table] > mask:
            self._grow(table)
        return len(self._first) - 1

    def _grow(self, table: int) -> None:
        before = self._tables[table]
        slots = self._tables[table] = array("I", [0]) * (2 * len(before))
        mask = len(slots) - 1
        for known in filter(None, before):
            slot = self._first[known - 1] // _TABLES & mask
            while slots[slot]:
                slot = (slot + 1) & mask
            slots[slot] = known


def _second(text: str) -> int:
    """Return a hash that differs where two texts agree in the first one by chance."""
    return hash(text + "\x1f")
