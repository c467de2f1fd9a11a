"""A caller that is cancelled in the middle of a transaction leaves no connection and no lock."""

import asyncio
import contextlib
import gc
import sqlite3
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from pathlib import Path

import aiosqlite.core
import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from orchestrator.database import open_engine, reading, writing

#: More than what opening a connection and one transaction on it take.
_ENOUGH_ANSWERS = 100

Open = Callable[[AsyncEngine, str], AbstractAsyncContextManager[AsyncConnection]]


async def _transaction(engine: AsyncEngine, opened: Open) -> None:
    async with opened(engine, "read a row") as connection:
        await connection.execute(text("SELECT 1"))


@pytest.mark.parametrize("before", [0, 1], ids=["new connection", "pooled connection"])
@pytest.mark.parametrize("opened", [reading, writing])
async def test_a_caller_cancelled_at_any_answer_of_sqlite_leaves_nothing(
    opened: Open, before: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The pool's own statements count, too; *before* is how many transactions the pool has seen."""
    path = tmp_path / "emasai.db"
    answers_left = 0
    caller: asyncio.Task[None] | None = None
    deliver = aiosqlite.core.set_result

    def cancel_at_the_last(future: asyncio.Future[object], result: object) -> None:
        nonlocal answers_left
        answers_left -= 1
        if caller is not None and answers_left == 0:
            caller.cancel()
        deliver(future, result)

    monkeypatch.setattr(aiosqlite.core, "set_result", cancel_at_the_last)
    cancelled = 0
    for answers in range(1, _ENOUGH_ANSWERS):
        engine = open_engine(f"sqlite:///{path}")
        for _ in range(before):
            await _transaction(engine, opened)
        answers_left = answers
        caller = asyncio.create_task(_transaction(engine, opened))
        with contextlib.suppress(asyncio.CancelledError):
            await caller
        await engine.dispose()
        # The task, and with it the traceback of the statement that was cut short, still lives.
        with contextlib.closing(sqlite3.connect(path, timeout=0)) as another:
            another.execute("BEGIN IMMEDIATE")
        if not caller.cancelled():
            break
        cancelled += 1
        caller = None
        gc.collect()  # a connection left open is reported here
    assert 0 < cancelled < _ENOUGH_ANSWERS - 1
