"""A backend is unavailable for longer than its callers wait; the buyer lives: nothing is lost.

What has an answer anywhere is adopted and not bought again, and the ledger is the bill.
"""

import asyncio
import sqlite3
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager, closing
from pathlib import Path

import pytest
import redis as blocking

from tests.support.async_waiting import eventually
from tests.support.crew import CrewMember
from tests.support.hostile_seller import Behaviour
from tests.support.installation import Installation, running_installation

COMPANIES = 12
#: Enough to fill the pages that an empty SQLite database has.
COMPANIES_OF_A_FULL_DATABASE = 100
#: Answers come while the server is unavailable, for longer than those who wait have patience.
ANSWER_S, PATIENCE_S, AWAY_S = 3.0, 2.0, 8.0


@asynccontextmanager
async def _valkey_killed(installation: Installation) -> AsyncIterator[None]:
    installation.kill_valkey()
    yield
    await asyncio.to_thread(installation.bring_valkey_back)


@asynccontextmanager
async def _valkey_full(installation: Installation) -> AsyncIterator[None]:
    with blocking.Redis.from_url(installation.valkey.url) as client:
        client.config_set("maxmemory", "1")
        yield
        client.config_set("maxmemory", "0")


@asynccontextmanager
async def _disk_full(installation: Installation) -> AsyncIterator[None]:
    """Have snapshots fail, whereupon Valkey refuses to write (MISCONF)."""
    in_the_way = installation.folder / "valkey" / "dump.rdb"
    in_the_way.mkdir()
    with blocking.Redis.from_url(installation.valkey.url) as client:

        async def snapshot_is(state: str) -> None:
            async def is_so() -> bool:
                return str(client.info("persistence")["rdb_last_bgsave_status"]) == state

            client.bgsave()
            await eventually(is_so, f"the last snapshot is {state}")

        client.config_set("save", "3600 1000000")
        await snapshot_is("err")
        yield
        in_the_way.rmdir()
        await snapshot_is("ok")


@asynccontextmanager
async def _database_locked(installation: Installation) -> AsyncIterator[None]:
    with closing(sqlite3.connect(installation.database, isolation_level=None)) as connection:
        connection.execute("BEGIN EXCLUSIVE")
        yield
        connection.execute("ROLLBACK")


@asynccontextmanager
async def _database_full(installation: Installation) -> AsyncIterator[None]:
    """Leave the worker's SQLite database no room to grow; the worker is told what to do."""
    sign = Path(installation.variables["DATABASE_FULL_WHILE"])
    await asyncio.to_thread(sign.touch)
    yield
    (worker,) = installation.crew.members
    await eventually(
        lambda: _has_logged(worker, "the database is full: could not settle purchases; make room"),
        "the worker says what to do",
    )
    await asyncio.to_thread(sign.unlink)


async def _has_logged(worker: CrewMember, text: str) -> bool:
    return text in worker.log.read_text("utf-8")


AWAY: tuple[Callable[[Installation], AbstractAsyncContextManager[None]], ...] = (
    _valkey_killed,
    _valkey_full,
    _disk_full,
    _database_locked,
    _database_full,
)


@pytest.mark.timeout(300)
@pytest.mark.parametrize("protocol", ["enrich", "workspace"])
async def test_what_is_answered_while_a_server_is_away_is_bought_once(
    protocol: str, tmp_path: Path
) -> None:
    """Each lookup is answered, each company is charged once, and the ledger says so exactly."""
    common = {"EMASAI_SURFSENSE_TIMEOUT_S": "60", "COMMIT_PATIENCE_S": str(PATIENCE_S)}

    async def faults_while(
        away: Callable[[Installation], AbstractAsyncContextManager[None]],
    ) -> list[str]:
        folder = tmp_path / away.__name__
        companies = COMPANIES_OF_A_FULL_DATABASE if away is _database_full else COMPANIES
        variables = {**common, "DATABASE_FULL_WHILE": str(folder / "full")}
        async with running_installation(
            folder, protocol=protocol, variables=variables
        ) as installation:
            installation.seller.behave(Behaviour(ANSWER_S, ANSWER_S))
            await installation.start_crew(1, app="tests.support.planted_worker")
            await installation.submit([f"Lejana {number}" for number in range(companies)])
            await installation.until_orders(companies)
            async with away(installation):
                await asyncio.sleep(AWAY_S)
            (job,) = await installation.until_all_jobs_ended(within_s=100)
            faults = await installation.faults_of_the_books(within_s=60)
            faults += [f"{each} is uncertain" for each in installation.audit().uncertain]
            statuses = await installation.statuses_of(job)
            return faults if statuses == {"enriched": companies} else [*faults, str(statuses)]

    faults = await asyncio.gather(*map(faults_while, AWAY))

    assert dict(zip([away.__name__ for away in AWAY], faults, strict=True)) == {
        away.__name__: [] for away in AWAY
    }
