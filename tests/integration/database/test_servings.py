"""How often a purchase has served, on SQLite and PostgreSQL alike."""

import asyncio
from datetime import timedelta

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from orchestrator.database import open_engine
from orchestrator.purchasing import Reuse, ReuseStatistics

SOON = timedelta(milliseconds=10)


async def test_servings_of_all_processes_add_up(engine: AsyncEngine) -> None:
    """Several writers of the same purchases, at the same time, lose nothing."""
    writers = [ReuseStatistics(engine, flush_after=SOON) for _ in range(4)]

    async def serve(servings: ReuseStatistics, offset: int) -> None:
        for number in range(200):
            servings.add(f"p{(number + offset) % 20}", "hit", 7)
            if number % 50 == 0:
                await asyncio.sleep(0.02)
        await servings.aclose()

    await asyncio.gather(*(serve(servings, offset) for offset, servings in enumerate(writers)))

    found = await writers[0].of([f"p{number}" for number in range(20)])
    assert found == sorted(
        (Reuse(f"p{number}", "hit", 40, 280) for number in range(20)),
        key=lambda serving: serving.purchase_id,
    )


async def test_each_way_of_serving_is_told_apart(engine: AsyncEngine) -> None:
    """The lookup that found it and those that waited; a company without lookups is not listed."""
    servings = ReuseStatistics(engine)
    for source in ("hit", "coalesced", "hit"):
        servings.add("p1", source, 5)
    servings.add("p2", "stale", 5)
    await servings.aclose()

    assert await servings.of(["p1", "unknown"]) == [
        Reuse("p1", "coalesced", 1, 5),
        Reuse("p1", "hit", 2, 10),
    ]


async def test_more_purchases_than_one_statement_takes(engine: AsyncEngine) -> None:
    """A company with a long history is explained, too."""
    servings = ReuseStatistics(engine)
    names = [f"p{number:04}" for number in range(1200)]
    for name in names:
        servings.add(name, "hit", 1)
    await servings.aclose()

    assert [each.purchase_id for each in await servings.of(names)] == names


async def test_a_database_that_is_away_costs_nobody_anything(engine: AsyncEngine, url: str) -> None:
    """What could not be written is kept, and written later."""
    away = open_engine("postgresql://none@127.0.0.1:1/nowhere")
    servings = ReuseStatistics(away, flush_after=SOON)
    servings.add("p1", "hit", 5)
    await asyncio.sleep(0.1)
    servings._engine = open_engine(url)  # noqa: SLF001 - as if the same server were back

    await servings.aclose()
    await servings._engine.dispose()  # noqa: SLF001 - opened above
    await away.dispose()

    assert await ReuseStatistics(engine).of(["p1"]) == [Reuse("p1", "hit", 1, 5)]


@pytest.mark.parametrize("count", [0, 1])
async def test_closing_without_or_with_little_to_write_is_quick(
    engine: AsyncEngine, count: int
) -> None:
    """No caller waits for the next flush."""
    servings = ReuseStatistics(engine)
    for _ in range(count):
        servings.add("p1", "hit", 5)

    async with asyncio.timeout(2):
        await servings.aclose()

    assert len(await servings.of(["p1"])) == count
