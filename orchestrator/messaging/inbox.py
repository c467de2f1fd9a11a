"""What a worker does with bytes on its queues that are no message of ours: refuse them, go on.

Celery and kombu expect well-formed messages. Bytes that are no JSON, a body that is no base64 or
headers of another shape raise where nothing catches, so that one message ends every worker that
takes it; and what they do refuse, they log with its body, which may hold personal data. So every
message is checked before they see it (`consumer.py` sees to that). A refused one is dropped, logged
in one line by its reason, and announced by the signal `message_refused`.
"""

import logging
from collections.abc import Container, Mapping
from typing import Any, Final, Protocol

import structlog
from celery.utils.dispatch import Signal
from celery.utils.time import maybe_iso8601
from kombu.utils.json import dumps

from orchestrator.infra.logs import error_class

log = structlog.get_logger(__name__)

#: Sent with `reason` for each message that was refused.
message_refused: Final = Signal(name="message_refused", providing_args=["reason"])

#: What the body of a task may be encoded in. Other codecs unpack, and a small body may grow large.
_ENCODINGS: Final = frozenset({"utf-8", "utf8", "ascii", "us-ascii"})
_CONTENT_TYPE: Final = "application/json"
#: Length of a task's id and of other names in headers; Celery's own are UUIDs.
_LONGEST_NAME: Final = 255
#: Loggers of Celery that quote what was sent to them.
_QUOTING: Final = ("celery.worker.pidbox", "kombu.pidbox", "kombu.transport.redis")


class Refused(ValueError):
    """A message that is not acted upon, for *reason*; it is never quoted."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)


def refuse(reason: str, error: BaseException | None = None) -> None:
    """Log and announce that a message was refused for *reason*."""
    log.warning(
        "message.refused", reason=reason, error=None if error is None else error_class(error)
    )
    message_refused.send(sender=None, reason=reason)


def quote_nothing() -> None:
    """Have Celery's loggers tell that a control message failed, and not what was in it."""
    for name in _QUOTING:
        logger = logging.getLogger(name)
        if not any(isinstance(each, _Unquoted) for each in logger.filters):
            logger.addFilter(_Unquoted())


class _Unquoted(logging.Filter):
    """Keeps the text of a log line, which Celery wrote, and drops its values and traceback."""

    def filter(self, record: logging.LogRecord) -> bool:
        if record.levelno >= logging.WARNING:
            error = record.exc_info[1] if record.exc_info else None
            record.msg, record.args = (
                f"{record.msg!s} ({error_class(error)})" if error else str(record.msg),
                (),
            )
            record.exc_info = None
        return True


def check_envelope(raw: object) -> None:
    """Check a message as it came from the broker, before kombu takes it apart. Pure.

    Raises:
        Refused: Kombu would fail with it, or unpack it without a bound.
    """
    if not isinstance(raw, dict):
        raise Refused("no message")
    properties, headers = raw.get("properties"), raw.get("headers")
    if not isinstance(properties, dict) or not _is_name(properties.get("delivery_tag")):
        raise Refused("no delivery tag")
    delivery = properties.get("delivery_info")
    if not isinstance(delivery, dict) or not all(
        isinstance(delivery.get(name), str) for name in ("exchange", "routing_key")
    ):
        raise Refused("no delivery information")
    if not (headers is None or isinstance(headers, dict)):
        raise Refused("headers of another shape")
    if headers and headers.get("compression"):
        raise Refused("compressed")
    if not isinstance(raw.get("body"), str | None):
        raise Refused("body of another shape")
    if properties.get("body_encoding") not in {None, "base64"}:
        raise Refused("body in another encoding")


class TaskMessage(Protocol):
    """What is used of a message of kombu's."""

    body: bytes
    content_type: object
    content_encoding: object
    headers: dict[str, Any]
    _decoded_cache: object

    @property
    def payload(self) -> object:
        """The decoded body."""

    def reject_log_error(self, logger: logging.Logger, errors: tuple[type[Exception], ...]) -> None:
        """Drop the message; *errors* of its connection are logged."""


def check_task(message: TaskMessage, known: Container[str]) -> None:
    """Check a message that is to become a task, and rewrite it so that Celery can rely on it.

    Of its headers only those are left that ours need; one of Celery's older protocol, which other
    languages send, becomes one of the present.

    Raises:
        Refused: It is no task of those that are *known*.
    """
    encoding = message.content_encoding
    if message.content_type != _CONTENT_TYPE or not (
        isinstance(encoding, str) and encoding.lower() in _ENCODINGS
    ):
        raise Refused("content of another type")
    try:
        payload = message.payload
    except Exception as error:
        raise Refused("body that cannot be decoded") from error
    headers: Mapping[str, Any] = message.headers
    arguments: tuple[object, object]
    if isinstance(payload, dict):
        headers, arguments = payload, (payload.get("args", []), payload.get("kwargs", {}))
        message.body = dumps([*arguments, {}]).encode()
        message._decoded_cache = None  # noqa: SLF001 - of the body that was replaced
    else:
        arguments = _arguments_of(payload)
    if not isinstance(arguments[0], list) or not isinstance(arguments[1], dict):
        raise Refused("arguments of another shape")
    if not isinstance(headers.get("task"), str) or headers["task"] not in known:
        raise Refused("unknown task")
    message.headers = _headers_of(headers)


def _arguments_of(payload: object) -> tuple[object, object]:
    """Return positional and named arguments; no task of ours is a part of a chain or a chord."""
    match payload:
        case [args, kwargs, dict(canvas)] if not any(canvas.values()):
            return args, kwargs
        case [_, _, dict()]:
            raise Refused("a part of a canvas")
        case _:
            raise Refused("no task")


def _headers_of(given: Mapping[str, Any]) -> dict[str, Any]:
    if not _is_name(given.get("id")):
        raise Refused("no id")
    for name in ("root_id", "parent_id"):
        if not (given.get(name) is None or _is_name(given[name])):
            raise Refused(f"header {name}")
    for name in ("eta", "expires"):
        try:
            maybe_iso8601(given.get(name))
        except Exception as error:
            raise Refused(f"header {name}") from error
    return {
        "lang": "py",
        "task": given["task"],
        "id": given["id"],
        "root_id": given.get("root_id") or given["id"],
        "parent_id": given.get("parent_id"),
        "group": None,
        "eta": given.get("eta"),
        "expires": given.get("expires"),
        "retries": 0,
        "timelimit": [None, None],
        # Celery would log them.
        "argsrepr": "",
        "kwargsrepr": "",
    }


def _is_name(value: object) -> bool:
    return isinstance(value, str) and 0 < len(value) <= _LONGEST_NAME and value.isprintable()
