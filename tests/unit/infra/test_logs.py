"""Logs: no line has data from outside, and a recurring warning does not fill them."""

import asyncio
import io
import json
import logging
import sys
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import structlog
from pydantic import BaseModel, ValidationError

from agents.cdao import PolicyError
from orchestrator.infra.logs import (
    LINES_A_MINUTE,
    Throttle,
    ThrottledEvents,
    ThrottledLog,
    configure_logging,
)

MARKER = "maria.marker@private.example"
Lines = Callable[[], list[dict[str, Any]]]


class _Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.fixture(autouse=True)
def restored() -> Iterator[None]:
    """Give back what is global, so that other tests log as they did."""
    root = logging.getLogger()
    handlers, level, raising = root.handlers[:], root.level, logging.raiseExceptions
    hooks = sys.excepthook, threading.excepthook
    yield
    structlog.reset_defaults()
    root.handlers[:], logging.raiseExceptions = handlers, raising
    root.setLevel(level)
    sys.excepthook, threading.excepthook = hooks
    for name in ("orchestrator", "agents", "tasks"):
        logging.getLogger(name).setLevel(logging.NOTSET)


@pytest.fixture
def logged() -> Lines:
    """The lines that were logged, at the level that says most."""
    stream = io.StringIO()
    configure_logging("debug", stream=stream)

    def lines() -> list[dict[str, Any]]:
        assert MARKER not in stream.getvalue()
        return [json.loads(line) for line in stream.getvalue().splitlines()]

    return lines


class _Lead(BaseModel):
    number: int


def _invalid() -> None:
    _Lead.model_validate({"number": MARKER})


def _key_error() -> None:
    known: dict[str, int] = {}
    known[MARKER] += 1


def _chained() -> None:
    try:
        _invalid()
    except ValidationError as error:
        raise RuntimeError(MARKER) from error


def _group() -> None:
    raise ExceptionGroup(MARKER, [ValueError(MARKER), KeyError(MARKER)])


def _noted() -> None:
    error = ValueError(MARKER)
    error.add_note(MARKER)
    raise error


@pytest.mark.parametrize("fail", [_invalid, _key_error, _chained, _group, _noted])
@pytest.mark.parametrize("name", ["orchestrator.jobs", "some.library"])
def test_a_traceback_has_places_and_classes_and_no_foreign_message(
    logged: Lines, fail: Callable[[], None], name: str
) -> None:
    """Messages of pydantic, drivers and Python quote the value that they refuse."""
    try:
        fail()
    except Exception:
        logging.getLogger(name).exception("item.failed")
        structlog.get_logger(name).exception("item.failed")

    for line in logged():
        assert fail.__name__ in line["exception"]
        assert "Error" in line["exception"] or "Group" in line["exception"]


def test_our_own_errors_and_the_system_s_say_what_is_wrong(logged: Lines) -> None:
    """They are written for logs."""
    log = structlog.get_logger("orchestrator.x")
    for error in (PolicyError(("weights must add up",)), ConnectionRefusedError(111, "refused")):
        log.error("failed", exc_info=error)

    ours, system = (line["exception"] for line in logged())
    assert "weights must add up" in ours
    assert "refused" in system


def test_libraries_never_log_what_they_send(logged: Lines) -> None:
    """Not below `info`, and the talkative ones not below `warning`, at our `debug`."""
    for name in ("celery.worker", "aiosqlite", "httpx", "sqlalchemy.engine", "asyncio", "psycopg"):
        logging.getLogger(name).debug("sending %s", MARKER)
    for name in ("httpx", "sqlalchemy.engine.Engine", "aiosqlite"):
        logging.getLogger(name).info("sent %s", MARKER)
    structlog.get_logger("orchestrator.x").debug("ours")

    assert [line["event"] for line in logged()] == ["ours"]


def test_celery_s_lines_about_tasks_and_messages_have_no_content(logged: Lines) -> None:
    """Its templates, with what Celery fills in."""
    task = {"name": "emasai.enrich", "id": "1", "exc": MARKER, "args": [MARKER], "runtime": 2}
    trace, consumer = (logging.getLogger(f"celery.{name}") for name in ("app.trace", "worker"))
    trace.error("Task %(name)s[%(id)s] raised unexpected: %(exc)s", task)
    trace.info(
        "Task %(name)s[%(id)s] succeeded: %(return_value)s", {**task, "return_value": MARKER}
    )
    consumer.error("Received unregistered task of type %s.\nThe message was: %s", MARKER, MARKER)
    consumer.critical("Can't decode message body: %r [headers:%s]\n\nbody: %s", ValueError(), 1, 2)
    consumer.error("consumer: Cannot connect to %s: %s.", "redis://h", ValueError(MARKER))

    assert [line["event"] for line in logged()] == [
        "Task emasai.enrich[1] raised unexpected: ...",
        "Task emasai.enrich[1] succeeded: ...",
        "Received unregistered task of type",
        "Can't decode message body",
        "consumer: Cannot connect to redis://h: ValueError.",
    ]


def test_a_task_that_nobody_awaits_is_logged_without_its_message(logged: Lines) -> None:
    """The event loop describes the task with its exception in the line itself."""
    loop = asyncio.new_event_loop()
    loop.call_exception_handler(
        {
            "message": "Task exception was never retrieved",
            "exception": ValueError(MARKER),
            "future": f"<Task {MARKER}>",
        }
    )
    loop.close()

    (line,) = logged()
    assert line["event"] == "Task exception was never retrieved"
    assert "ValueError" in line["exception"]


def test_what_ends_a_process_or_a_thread_is_logged_like_all_else(logged: Lines) -> None:
    """Python's own way prints the message."""

    def fail() -> None:
        raise ValueError(MARKER)

    thread = threading.Thread(target=fail)
    thread.start()
    thread.join()
    error = ValueError(MARKER)
    sys.excepthook(ValueError, error, None)

    assert [line["event"] for line in logged()] == ["thread.failed", "process.failed"]


def test_a_line_cannot_act_on_a_terminal() -> None:
    """Neither as JSON nor as text for people."""
    hostile = "\x1b]0;owned\x07\u202e\x9b2J"
    for stream in (io.StringIO(), _Terminal()):
        configure_logging("info", stream=stream)

        structlog.get_logger("orchestrator.x").info("asked", tenant=hostile)
        logging.getLogger("some.library").warning("got %s", hostile)

        assert not set("\x07\u202e\x9b") & set(stream.getvalue())
        assert "\x1b]" not in stream.getvalue()
        assert len(stream.getvalue().splitlines()) == 2


def test_what_stays_wrong_is_not_said_a_thousand_times(logged: Lines) -> None:
    """Twenty lines of one event a minute; other events, and what is no trouble, have all theirs."""
    log = structlog.get_logger("orchestrator.x")
    for number in range(1000):
        log.warning("lease.renewal_failed", number=number)
        log.info("chunk.worked", number=number)
    log.error("place.failed")

    assert Counter(line["event"] for line in logged()) == {
        "lease.renewal_failed": LINES_A_MINUTE,
        "chunk.worked": 1000,
        "place.failed": 1,
    }


def test_the_first_line_of_the_next_minute_says_how_many_were_left_out() -> None:
    """So that the log still shows how often it failed."""
    seconds = _FakeSeconds()
    processor = ThrottledEvents(Throttle(LINES_A_MINUTE, monotonic=seconds))
    for _ in range(LINES_A_MINUTE):
        assert "left_out" not in processor(None, "warning", {"event": "lease.renewal_failed"})
    for _ in range(7):
        with pytest.raises(structlog.DropEvent):
            processor(None, "warning", {"event": "lease.renewal_failed"})
    seconds.now = 61.0

    line = processor(None, "warning", {"event": "lease.renewal_failed"})

    assert line["left_out"] == 7


class _FakeLog:
    """Keeps the lines."""

    def __init__(self) -> None:
        self.lines: list[tuple[str, dict[str, object]]] = []

    def warning(self, event: str, /, **fields: object) -> None:
        """Keep one line."""
        self.lines.append((event, fields))


class _FakeSeconds:
    """A monotonic clock that a test sets."""

    now = 0.0

    def __call__(self) -> float:
        """Return the seconds."""
        return self.now


def test_a_throttled_warning_is_logged_once_a_minute_with_the_number_left_out() -> None:
    """The first line comes at once, the next after a minute with the number in between."""
    log, seconds = _FakeLog(), _FakeSeconds()
    throttled = ThrottledLog(log, monotonic=seconds)

    for _ in range(3):
        throttled.warning("redis.away", error="TimeoutError")
    seconds.now = 59.9
    throttled.warning("redis.away", error="TimeoutError")
    seconds.now = 60.0
    throttled.warning("redis.away", error="ConnectionError")

    assert log.lines == [
        ("redis.away", {"left_out": 0, "error": "TimeoutError"}),
        ("redis.away", {"left_out": 3, "error": "ConnectionError"}),
    ]


def test_one_throttled_warning_does_not_hide_another() -> None:
    """Each event has a minute of its own."""
    log = _FakeLog()
    throttled = ThrottledLog(log, monotonic=_FakeSeconds())

    throttled.warning("redis.away")
    throttled.warning("value.corrupt")

    assert [event for event, _ in log.lines] == ["redis.away", "value.corrupt"]
