"""How many messages wait in the broker's queues, asked over a connection of its own.

Kombu asks, so that it is right for every broker and every way of naming keys.
"""

import contextlib
from collections.abc import Iterable
from typing import Any

from celery import Celery
from kombu.exceptions import ChannelError, OperationalError
from redis.exceptions import RedisError


class BrokerAway(Exception):
    """The broker did not answer."""


class Queues:
    """Looks into queues; for one thread at a time. `close` it."""

    def __init__(self, app: Celery) -> None:
        # Not from the pool: whatever is wrong with Celery's connections must not matter here.
        self._connection = app.connection_for_read()
        self._errors: tuple[type[BaseException], ...] = (
            OperationalError,
            RedisError,
            *self._connection.connection_errors,
        )

    def depths(self, names: Iterable[str]) -> dict[str, int]:
        """Return how many messages wait in each queue that there is.

        Raises:
            BrokerAway: It did not answer in the time that the profile gives it.
        """
        try:
            return {name: self._depth(name) for name in names}
        except self._errors as error:
            self.close()
            raise BrokerAway from error

    def close(self) -> None:
        """Close the connection; the next look opens it again."""
        with contextlib.suppress(*self._errors):
            self._connection.close()

    def _depth(self, name: str) -> int:
        try:
            channel: Any = self._connection.default_channel
            return int(channel.queue_declare(name, passive=True).message_count)
        except ChannelError:
            return 0  # Redis has no empty lists
