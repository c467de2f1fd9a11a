"""Celery's consumer and kombu's Redis channels, made to check what they take (see `inbox`).

Imported by name, and only in processes that open a connection: it needs Celery's whole worker.
"""

import logging
from collections.abc import Callable
from functools import cache, partial
from queue import Empty
from typing import Any, Final, TypeVar

from celery import signals
from celery.app.amqp import AMQP
from celery.worker.consumer import Consumer
from kombu import Connection
from kombu.transport import redis, virtual
from redis.exceptions import DataError

from orchestrator.messaging.inbox import Refused, TaskMessage, check_envelope, check_task, refuse

T = TypeVar("T")
# What is used of them is in no stub.
_Consumer: Final[Any] = Consumer
_Message: Final[Any] = virtual.Message
_QoS: Final[Any] = redis.QoS
_Channel: Final[Any] = redis.Channel
log = logging.getLogger(__name__)


class CheckingConsumer(_Consumer):  # type: ignore[misc]  # see above
    """Celery's consumer of tasks; one that cannot be acted upon never reaches a thread."""

    def create_task_handler(
        self, *args: object, **options: object
    ) -> Callable[[TaskMessage], None]:
        """Return what is called with each message."""
        handle: Callable[[TaskMessage], None] = super().create_task_handler(*args, **options)
        # Celery's own tasks run others by name, and we use none of them.
        known = {name for name in self.strategies if not name.startswith("celery.")}

        def receive(message: TaskMessage) -> None:
            try:
                check_task(message, known)
                handle(message)
            except (*self.connection_errors, *self.channel_errors):
                raise
            except Exception as error:  # noqa: BLE001 - one message must not end the worker
                self._refuse(message, error)

        return receive

    def on_decode_error(self, message: TaskMessage, exc: Exception) -> None:
        """Refuse a message that kombu cannot decode."""
        self._refuse(message, exc)

    def _refuse(self, message: TaskMessage, error: Exception) -> None:
        message.reject_log_error(log, self.connection_errors)
        refuse(_reason(error), error)
        # The watchdog counts what a worker has received, of use or not.
        signals.task_rejected.send(sender=self, message=None, exc=None)


class _CheckedMessage(_Message):  # type: ignore[misc]  # see above
    """A message whose envelope is sound."""

    def __init__(self, payload: object, channel: object = None, **options: object) -> None:
        check_envelope(payload)
        super().__init__(payload, channel=channel, **options)


class _CheckingQoS(_QoS):  # type: ignore[misc]  # see above
    """Gives back what was not acknowledged in time, and drops what cannot be given back."""

    def restore_by_tag(self, tag: str, client: object = None, leftmost: bool = False) -> None:  # noqa: FBT001, FBT002 - kombu's signature
        try:
            super().restore_by_tag(tag, client=client, leftmost=leftmost)
        except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
            self._remove_from_indices(tag).execute()
            refuse("no message among those not acknowledged", error)


class _CheckingChannel(_Channel):  # type: ignore[misc]  # see above
    """A channel that outlives what it reads."""

    Message = _CheckedMessage
    QoS = _CheckingQoS

    def _brpop_read(self, **options: object) -> object:
        return self._survive(partial(super()._brpop_read, **options), self.client)

    def _receive_one(self, client: object) -> object:
        return self._survive(partial(super()._receive_one, client), client)

    def _survive(self, read: Callable[[], T], client: object) -> T:
        try:
            return read()
        except DataError as error:  # a channel error to kombu, but only this message is at fault
            refuse("no message", error)
        except (Empty, *self.connection_errors, *self.connection.channel_errors):
            raise
        except Exception as error:
            if getattr(client, "connection", None) is None:
                raise  # the connection is at fault, and not what came over it
            refuse(_reason(error), error)
        raise Empty


def _reason(error: Exception) -> str:
    return str(error) if isinstance(error, Refused) else "no message"


class _CheckingConnection(Connection):
    """A connection that checks messages where kombu itself takes them apart: with Redis."""

    def get_transport_cls(self) -> type[virtual.Transport]:
        return _checking(super().get_transport_cls())  # type: ignore[arg-type]  # classes hash


@cache
def _checking(transport: Any) -> type[virtual.Transport]:  # noqa: ANN401 - a class, of any broker
    found: type[virtual.Transport] = transport
    if not issubclass(getattr(transport, "Channel", object), redis.Channel):
        return found  # RabbitMQ's has none
    channel = type("CheckingChannel", (_CheckingChannel, transport.Channel), {})
    return type("CheckingTransport", (transport,), {"Channel": channel})


class CheckingAmqp(AMQP):
    """Has Celery's connections check what comes over them."""

    Connection = _CheckingConnection
