"""The entries that a process has decoded, for the next read of the same bytes."""

from functools import lru_cache

from orchestrator.memo.entry import Entry, decode


class DecodedEntries:
    """Reads stored entries, each of the last ones once: equal bytes under one key are equal."""

    def __init__(self, most: int) -> None:
        """Keep the entries of the *most* keys that were read last."""
        # By key alone: to hash an entry's bytes would take a quarter of the time that it spares.
        self._slot = lru_cache(most)(_empty)

    def read(self, key: str, stored: bytes) -> Entry:
        """Return the entry that *stored*, the value of *key*, is.

        Raises:
            CorruptEntry: See `decode`; nothing is kept of it.
        """
        slot = self._slot(key)
        if slot.entry is None or slot.stored != stored:
            slot.entry = decode(key, stored)
            slot.stored = stored
        return slot.entry


class _Slot:
    __slots__ = ("entry", "stored")

    def __init__(self) -> None:
        self.entry: Entry | None = None
        self.stored = b""


def _empty(_: str) -> _Slot:
    return _Slot()
