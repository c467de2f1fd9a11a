"""`python -m bench.peers.enqueue ENGINE COUNT`: enqueues so many purchases of new companies."""

import asyncio
import os
import sys
from collections.abc import Iterable

COMPANIES = "Company {} of the bench"


def _celery(companies: Iterable[str]) -> None:
    from bench.peers.celery_threads import buy  # noqa: PLC0415 - each engine alone

    for company in companies:
        buy.delay(company)


def _dramatiq(companies: Iterable[str]) -> None:
    from bench.peers.dramatiq_threads import buy  # noqa: PLC0415 - each engine alone

    for company in companies:
        buy.send(company)


async def _arq(companies: Iterable[str]) -> None:
    from arq import create_pool  # noqa: PLC0415 - each engine alone
    from arq.connections import RedisSettings  # noqa: PLC0415 - each engine alone

    pool = await create_pool(RedisSettings.from_dsn(os.environ["PEER_BROKER"]))
    for company in companies:
        await pool.enqueue_job("buy", company)
    await pool.aclose()


async def _taskiq(companies: Iterable[str]) -> None:
    from bench.peers.taskiq_worker import broker, buy  # noqa: PLC0415 - each engine alone

    await broker.startup()
    for company in companies:
        await buy.kiq(company)
    await broker.shutdown()


def main(engine: str, count: int) -> None:
    """Enqueue one purchase after the other, as callers do."""
    companies = (COMPANIES.format(number) for number in range(count))
    match engine:
        case "celery":
            _celery(companies)
        case "dramatiq":
            _dramatiq(companies)
        case "arq":
            asyncio.run(_arq(companies))
        case "taskiq":
            asyncio.run(_taskiq(companies))
        case _:
            raise SystemExit(f"there is no engine {engine}")


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
