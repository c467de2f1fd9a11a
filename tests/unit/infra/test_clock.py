"""A wrong clock is corrected by the server's, and reported."""

import ast
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from orchestrator.doctor import Level
from orchestrator.doctor.workers import judge_clock
from orchestrator.infra.clock import ServerClock
from tests.support.project import ROOT, project_files_like

NOON = datetime(2026, 11, 30, 12, tzinfo=UTC)
DAY = timedelta(days=1)

#: The one place.
READERS = ("orchestrator/infra/clock.py",)
_READS = {"now", "utcnow", "today", "time", "time_ns"}
_OF = {"datetime", "date", "time"}


@pytest.mark.parametrize("ahead", [DAY, -DAY, timedelta(minutes=1)])
async def test_a_wrong_clock_is_corrected(ahead: timedelta) -> None:
    """By the server's time; before the first comparison nothing is corrected."""
    clock = ServerClock(lambda: NOON + ahead)

    async def server() -> datetime:
        return NOON

    assert clock() == NOON + ahead
    assert await clock.follow(server) == ahead
    assert (clock(), clock.ahead) == (NOON, ahead)
    assert await clock.follow(server) == timedelta(0)


async def test_what_an_answer_takes_is_no_difference() -> None:
    """A slow server reads its clock at some instant between the request and the answer."""
    instants = iter([NOON, NOON + timedelta(seconds=9), NOON])
    clock = ServerClock(lambda: next(instants))

    async def server() -> datetime:
        return NOON

    assert await clock.follow(server) == timedelta(0)


@pytest.mark.parametrize(
    ("ahead", "level", "words"),
    [
        (timedelta(0), Level.OK, "agrees with Redis"),
        (timedelta(seconds=5), Level.WARNING, "5 s ahead of that of Redis"),
        (DAY, Level.FAULT, "86,400 s ahead of"),
        (-DAY, Level.FAULT, "86,400 s behind"),
    ],
)
def test_the_doctor_says_by_how_much(ahead: timedelta, level: Level, words: str) -> None:
    """A minute is a fault, a few seconds are a warning."""
    diagnosis = judge_clock("Redis", ahead)

    assert diagnosis.level is level
    assert words in diagnosis.what


def _reads(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.ImportFrom) and node.module == "time":
            if _READS & {alias.name for alias in node.names}:
                yield path.relative_to(ROOT).as_posix()
        elif (
            isinstance(node, ast.Attribute)
            and isinstance(node.value, ast.Name)
            and (node.attr in _READS and node.value.id in _OF)
        ):
            yield path.relative_to(ROOT).as_posix()


def test_the_time_is_read_in_one_place() -> None:
    """Everything else is handed a clock, so that a wrong one can be corrected, and faked."""
    found = {
        reader
        for path in project_files_like("*.py")
        if path.relative_to(ROOT).parts[0] in {"agents", "orchestrator", "tasks"}
        for reader in _reads(path)
    }

    assert {each for each in found if not each.startswith(READERS)} == set()
