"""Bought ahead of its expiry: only when asked for, only what is read, never over a soft cap."""

from collections.abc import AsyncIterator
from datetime import timedelta

import pytest
from redis.asyncio import Redis
from sqlalchemy.ext.asyncio import AsyncEngine

from orchestrator.infra.counters import Counters
from orchestrator.memo import Refresh, Source
from orchestrator.purchasing import Enricher, Servings
from tests.integration.purchasing.conftest import FREE, World
from tests.support.async_waiting import eventually


@pytest.fixture
async def eager(world: World, jobs_redis: Redis, engine: AsyncEngine) -> AsyncIterator[Enricher]:
    """Return an enricher that refreshes what is read twice in the last three hours of its life."""
    counters, servings = Counters(jobs_redis), Servings(engine)
    refresh = Refresh(ahead=timedelta(hours=3), reads=2)
    yield Enricher(world.memo, world.purchaser, counters, servings, world.index, refresh=refresh)
    await servings.aclose()
    await counters.aclose()


async def test_what_is_read_often_is_bought_anew_by_nobodys_job(
    world: World, eager: Enricher
) -> None:
    """The readers are served at once; the second purchase is charged to no job."""
    await eager.enrich("Acme", FREE)

    sources = [(await eager.enrich("Acme", FREE)).source for _ in range(2)]

    async def is_refreshed() -> bool:
        return len(await world.ledger.purchases_of("acme")) == 2

    await eventually(is_refreshed, "the company is bought anew")
    assert sources == [Source.HIT, Source.HIT]
    assert [p.job_id for p in await world.ledger.purchases_of("acme")] == ["job-free", None]


async def test_without_being_asked_nothing_is_refreshed(world: World) -> None:
    """The default spends nothing on what may not be read again."""
    for _ in range(5):
        await world.enricher.enrich("Acme", FREE)

    assert len(await world.ledger.purchases_of("acme")) == 1
