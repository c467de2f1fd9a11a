"""Logging for every process: one line an event, JSON unless a person is watching.

Payloads, names of people and secrets are never logged; events have company keys and ids. This
module ensures it for what libraries log:

- An exception of a library is logged by its class and the places in the code, never by its message:
  those of pydantic, of drivers and of Python quote the value that they refuse.
- Libraries log from `info` on, whatever the level is: below it they log what they send.
- Lines of Celery and asyncio about a message, a task or a future lose its content.

Control characters are shown as escapes, so that no line acts on a terminal or ends early.
"""

import asyncio
import logging
import re
import sys
import threading
import time
import traceback
from collections.abc import Callable, Iterator, Mapping
from types import TracebackType
from typing import Any, Final, Protocol, TextIO

import structlog

from orchestrator.infra.printable import printable, printable_json

log = structlog.get_logger(__name__)

#: Packages whose lines, and whose exceptions' messages, are written for logs.
_OURS: Final = ("orchestrator", "agents", "tasks")
#: Libraries that log a line for each request or statement, with its address or text.
_TALKATIVE: Final = ("httpx", "httpcore", "aiohttp", "aiosqlite", "sqlalchemy", "urllib3", "h11")
#: What Celery puts into its lines about tasks, and what is in it.
_OF_TASKS: Final = ("args", "kwargs", "exc", "traceback", "return_value", "internal")
#: Celery's lines about messages that it cannot take: their reason, their headers, their body.
_QUOTES_A_MESSAGE: Final = re.compile("message.*%", re.DOTALL | re.IGNORECASE)
#: Lines of one event in a minute, where it is a warning or an error.
LINES_A_MINUTE: Final = 20
_MINUTE_S: Final = 60.0
_SECTION: Final = "\nThe above exception was the cause or context of this one:\n\n"


def configure_logging(level: str, *, stream: TextIO | None = None) -> None:
    """Send structlog and the standard library through one handler on *stream*.

    Exceptions that end the process or a thread go the same way.

    Args:
        level: `debug`, `info`, `warning` or `error`.
        stream: Standard error unless given; rendered for people if it is a terminal.
    """
    target = stream or sys.stderr
    handler = logging.StreamHandler(target)
    handler.addFilter(_without_data)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=_SHARED,
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                structlog.processors.ExceptionRenderer(_format_traceback),
                *_renderer(for_people=target.isatty()),
            ],
        )
    )
    ours = logging.getLevelNamesMapping()[level.upper()]
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(max(ours, logging.INFO))
    for name in _OURS:
        logging.getLogger(name).setLevel(ours)
    for name in _TALKATIVE:
        logging.getLogger(name).setLevel(max(ours, logging.WARNING))
    # A line that cannot be formatted would be written out with its arguments.
    logging.raiseExceptions = False
    sys.excepthook = _process_failed
    threading.excepthook = _thread_failed
    _configure_structlog(
        ours,
        structlog.stdlib.LoggerFactory(),
        structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
    )


def use_in_library(level: str) -> None:
    """Log to standard error by the rules above, unless the host program has configured structlog.

    structlog's own defaults would print to standard output, tracebacks with local variables.
    """
    if structlog.is_configured():
        return
    _configure_structlog(
        logging.getLevelNamesMapping()[level.upper()],
        structlog.PrintLoggerFactory(sys.stderr),
        structlog.processors.ExceptionRenderer(_format_traceback),
        *_renderer(for_people=sys.stderr.isatty()),
    )


def _configure_structlog(
    level: int, loggers: Callable[..., Any], *last: structlog.typing.Processor
) -> None:
    """Have structlog throttle, complete and filter events, then pass them on to *last*."""
    structlog.configure(
        processors=[ThrottledEvents(Throttle(LINES_A_MINUTE)), *_SHARED, *last],
        logger_factory=loggers,
        wrapper_class=structlog.make_filtering_bound_logger(level),
    )


class Throttle:
    """Admits so many lines about one event a minute, and counts those that it leaves out.

    Every item, lease and loop of a process meets a backend that is unavailable or full: thousands
    of equal lines, which would hide the others. Threads may share it.
    """

    def __init__(self, lines: int, *, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._lines = lines
        self._monotonic = monotonic
        self._lock = threading.Lock()
        self._minutes: dict[str, tuple[float, int]] = {}  # guarded by self._lock

    def admit(self, event: str) -> int | None:
        """Return how many lines about *event* were left out before this one; None to leave it out.

        The number is of the minute before, and 0 unless this line is the first of its minute.
        """
        now = self._monotonic()
        with self._lock:
            began, lines = self._minutes.get(event, (now, 0))
            left_out = 0
            if now - began >= _MINUTE_S:
                left_out, began, lines = max(0, lines - self._lines), now, 0
            self._minutes[event] = (began, lines + 1)
        return left_out if lines < self._lines else None


class Log(Protocol):
    """What a `ThrottledLog` needs of a structlog logger."""

    def warning(self, event: str, /, **fields: object) -> object:
        """Write one line."""


class ThrottledLog:
    """Logs a recurring warning once a minute, with the number of those left out in between.

    It needs no `configure_logging`, so it also throttles what other services log through us.
    """

    def __init__(self, log: Log, *, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._log = log
        self._throttle = Throttle(1, monotonic=monotonic)

    def warning(self, event: str, **fields: object) -> None:
        """Log *event* with *fields*, or count it for the next line about the same event."""
        left_out = self._throttle.admit(event)
        if left_out is not None:
            self._log.warning(event, left_out=left_out, **fields)


class ThrottledEvents:
    """A structlog processor: drops the warnings and errors that *throttle* does not admit."""

    def __init__(self, throttle: Throttle) -> None:
        self._throttle = throttle

    def __call__(
        self, _logger: object, method: str, event: structlog.typing.EventDict
    ) -> structlog.typing.EventDict:
        """Return *event*, with the number of lines left out before it.

        Raises:
            DropEvent: Its minute has had its lines.
        """
        if method in ("debug", "info", "critical"):
            return event
        left_out = self._throttle.admit(str(event.get("event")))
        if left_out is None:
            raise structlog.DropEvent
        return {**event, "left_out": left_out} if left_out else event


_SHARED: Final[tuple[structlog.typing.Processor, ...]] = (
    structlog.contextvars.merge_contextvars,
    structlog.stdlib.add_log_level,
    structlog.processors.TimeStamper(fmt="iso", utc=True),
)


def _renderer(*, for_people: bool) -> tuple[structlog.typing.Processor, ...]:
    if for_people:
        plain = structlog.dev.ConsoleRenderer(exception_formatter=structlog.dev.plain_traceback)
        return (_printable_values, plain)
    return (structlog.processors.JSONRenderer(ensure_ascii=False), _printable_line)


def _printable_values(
    _logger: object, _method: str, event: structlog.typing.EventDict
) -> structlog.typing.EventDict:
    return {k: printable(v) if isinstance(v, str) else v for k, v in event.items()}


def _printable_line(_logger: object, _method: str, line: Any) -> str:  # noqa: ANN401 - of structlog
    return printable_json(str(line))


def _without_data(record: logging.LogRecord) -> bool:
    """Remove the data from a library's record."""
    if record.name.partition(".")[0] in _OURS:
        return True
    if record.name == "asyncio":
        # "Task exception was never retrieved", then the task with its exception's message.
        record.msg, record.args = record.getMessage().partition("\n")[0].partition("<")[0], ()
    elif record.name.startswith("celery") and _QUOTES_A_MESSAGE.search(str(record.msg)):
        record.msg, record.args = str(record.msg).partition("%")[0].strip(" :\n"), ()
    elif isinstance(record.args, Mapping):
        record.args = {k: "..." if k in _OF_TASKS else v for k, v in record.args.items()}
    elif record.args:
        record.args = tuple(
            _headline(each) if isinstance(each, BaseException) else each for each in record.args
        )
    return True


def _format_traceback(exc_info: structlog.typing.ExcInfo) -> str:
    """Return the traceback of an exception and of those behind it, without foreign messages."""
    return "".join(_lines(exc_info[1], set()))


def _lines(error: BaseException, seen: set[int]) -> Iterator[str]:
    seen.add(id(error))
    behind = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
    others = error.exceptions if isinstance(error, BaseExceptionGroup) else ()
    for other in (behind, *others):
        if other is not None and id(other) not in seen:
            yield from _lines(other, seen)
            yield _SECTION
    yield "Traceback (most recent call last):\n"
    yield from traceback.format_tb(error.__traceback__)
    yield f"{_headline(error)}\n"


def _headline(error: BaseException) -> str:
    kind = type(error)
    name = (
        kind.__qualname__
        if kind.__module__ == "builtins"
        else f"{kind.__module__}.{kind.__qualname__}"
    )
    is_ours = kind.__module__.partition(".")[0] in _OURS
    # Those of the operating system name an address or a file.
    says = is_ours or isinstance(error, OSError)
    if says:
        return f"{name}: {error}"
    # A database's own code for what is wrong, such as 23505 or SQLITE_BUSY.
    code = getattr(error, "sqlstate", None) or getattr(error, "sqlite_errorname", None)
    return f"{name} ({code})" if code else name


def error_class(error: BaseException) -> str:
    """Return the class of *error* with that of its first cause; never its message.

    Messages of foreign errors may quote data or a password. `StoreUnavailable(TimeoutError)` is a
    server that does not answer, `StoreUnavailable(OutOfMemoryError)` one that is full.
    """
    name, first, seen = type(error).__name__, error, {id(error)}
    while first.__cause__ is not None and id(first.__cause__) not in seen:
        if isinstance(first.__cause__, asyncio.CancelledError):
            break  # how a timeout is made
        first = first.__cause__
        seen.add(id(first))
    return name if first is error else f"{name}({type(first).__name__})"


def _process_failed(
    kind: type[BaseException], error: BaseException, frames: TracebackType | None
) -> None:
    if issubclass(kind, KeyboardInterrupt):
        return
    log.critical("process.failed", exc_info=(kind, error, frames))


def _thread_failed(failed: threading.ExceptHookArgs) -> None:
    if failed.exc_value is not None and not isinstance(failed.exc_value, SystemExit):
        log.critical("thread.failed", exc_info=failed.exc_value)
