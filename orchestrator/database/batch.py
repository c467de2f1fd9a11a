"""Group commit to a database: concurrent writes of one event loop share a transaction."""

from collections.abc import Awaitable, Callable, Collection, Hashable, Sequence
from typing import TypeVar

from orchestrator.infra import batching

from .errors import DatabaseUnavailable

RequestT = TypeVar("RequestT")
ResultT = TypeVar("ResultT")


class Batcher(batching.Batcher[RequestT, ResultT]):
    """Gathers requests into transactions; every caller of one that failed is told so."""

    def __init__(
        self,
        commit: Callable[[Sequence[RequestT]], Awaitable[Sequence[ResultT]]],
        *,
        max_batch: int = batching.MAX_BATCH,
    ) -> None:
        """Gather for *commit*, which writes all in one transaction, or nothing."""
        super().__init__(commit, shared=DatabaseUnavailable, max_batch=max_batch)


def first_occurrences(keys: Sequence[Hashable], new: Collection[Hashable]) -> list[bool]:
    """Say for each key whether it is the one that made a row.

    Of several callers with the same key in one batch only the first did; *new* has the keys
    that the database reports as inserted.
    """
    open_keys = set(new)
    answers = []
    for key in keys:
        answers.append(key in open_keys)
        open_keys.discard(key)
    return answers
