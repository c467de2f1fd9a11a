"""Sets of numbers as Redis' bitmaps have them: the highest bit of a byte is the first. Pure."""

from collections.abc import Iterable, Iterator
from typing import Final

_BITS: Final = tuple(tuple(bit for bit in range(8) if byte & (0x80 >> bit)) for byte in range(256))


def numbers_in(bitmap: bytes) -> Iterator[int]:
    """Yield the numbers that are in *bitmap*, in order."""
    for place, byte in enumerate(bitmap):
        for bit in _BITS[byte]:
            yield 8 * place + bit


class Numbers:
    """A set of numbers that is built number by number; a million of them take 125 kB."""

    def __init__(self) -> None:
        self._bytes = bytearray()

    def add(self, numbers: Iterable[int]) -> None:
        """Put *numbers* into the set."""
        for number in numbers:
            place = number // 8
            if place >= len(self._bytes):
                self._bytes.extend(bytes(place + 1 - len(self._bytes)))
            self._bytes[place] |= 0x80 >> (number % 8)

    def pack(self) -> bytes:
        """Return the set as Redis keeps it."""
        return bytes(self._bytes)
