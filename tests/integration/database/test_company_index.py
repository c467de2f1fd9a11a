"""The company index over SQL: claims of a whole fleet, decisions that nobody can change."""

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncEngine

from orchestrator.clock import utc_now
from orchestrator.company_index import CompanyIndex, IdentityDecisions
from orchestrator.database import open_engine, writing
from orchestrator.identity import Mention, identify
from orchestrator.identity.decisions import BadDecision, DecisionKind, NewDecision
from orchestrator.identity.resolution import Because
from tests.support.async_waiting import eventually

SPLIT = NewDecision(DecisionKind.SPLIT, "acme", None, "ana", "two companies")
SPAIN = identify("Acme SL", country="ES", domain="acme.es")
GERMANY = identify("Acme GmbH", country="DE", domain="globex.de")


@pytest.fixture
async def other_engine(url: str) -> AsyncIterator[AsyncEngine]:
    """Return an engine of another process on the same database."""
    engine = open_engine(url)
    yield engine
    await engine.dispose()


def _index(engine: AsyncEngine) -> CompanyIndex:
    return CompanyIndex(engine, utc_now, refresh_after=timedelta(0))


async def test_two_processes_never_take_two_companies_for_one(
    engine: AsyncEngine, other_engine: AsyncEngine
) -> None:
    """However their claims of a name meet, one has the name's key, the other one its own."""
    pairs = [
        (
            identify(f"Acme{n} SL", country="ES", domain="acme.es"),
            identify(f"Acme{n} GmbH", country="DE", domain="globex.de"),
        )
        for n in range(20)
    ]
    here, there = _index(engine), _index(other_engine)

    spain, germany = await asyncio.gather(
        asyncio.gather(*(here.resolve(one) for one, _ in pairs)),
        asyncio.gather(*(there.resolve(other) for _, other in pairs)),
    )

    for one, other in zip(spain, germany, strict=True):
        plain = one.identity.name_key
        assert {one.key, other.key} in (
            {plain, f"{plain}~globex.de"},
            {plain, f"{plain}~acme.es"},
        )


async def test_a_claim_outlives_its_process(engine: AsyncEngine, other_engine: AsyncEngine) -> None:
    """The same domain leads to the same key, whoever asks and whatever order."""
    first, second = await _index(engine).resolve(SPAIN), await _index(engine).resolve(GERMANY)

    there = _index(other_engine)

    assert (await there.resolve(GERMANY)).key == second.key == "acme~globex.de"
    assert (await there.resolve(SPAIN)).key == first.key == "acme"
    assert (await there.resolve(identify("Acme"))).is_ambiguous
    assert (await there.resolve(identify("Acme", country="ES"))).key == "acme"


async def test_a_list_is_resolved_as_a_whole(engine: AsyncEngine) -> None:
    """The bare name is nobody's as soon as the list has two companies of it, in any order."""
    index = CompanyIndex(engine, utc_now)
    assert (await index.resolve(identify("Acme"))).key == "acme"

    bare, spain, germany = await index.resolve_all([identify("Acme"), SPAIN, GERMANY])

    assert (bare.is_ambiguous, len(bare.candidates)) == (True, 2)
    assert (spain.key, germany.key) == ("acme", "acme~globex.de")


async def test_looking_tells_what_would_be_claimed_and_claims_nothing(engine: AsyncEngine) -> None:
    """Who comes first has the name, and whoever only looked did not come."""
    index = _index(engine)

    foreseen = await index.look_all([SPAIN, GERMANY])
    resolved = await index.resolve_all([GERMANY, SPAIN])

    assert [each.key for each in foreseen] == ["acme", "acme~globex.de"]
    assert [each.key for each in resolved] == ["acme", "acme~acme.es"]
    assert [each.key for each in await index.look_all([SPAIN, GERMANY])] == ["acme~acme.es", "acme"]


async def test_a_refined_key_stands_for_its_company(engine: AsyncEngine) -> None:
    """It needs no claim and makes none; a split name's own key is nobody's."""
    index = _index(engine)
    await index.resolve_all([SPAIN, GERMANY])

    meant = await index.resolve(Mention("acme~globex.de").identify())
    await IdentityDecisions(engine, utc_now).enter(SPLIT)

    assert (meant.key, meant.because) == ("acme~globex.de", Because.KEY)
    assert len(await index.claims_on("acme")) == 2
    assert (await index.look_up_key("acme", "Acme")).is_ambiguous
    assert not (await index.look_up_key("acme~globex.de", "Acme")).is_ambiguous


async def test_a_decision_takes_effect_in_a_running_process(
    engine: AsyncEngine, other_engine: AsyncEngine
) -> None:
    """Within its refresh; until then nothing is read for a lookup."""
    running = CompanyIndex(other_engine, utc_now, refresh_after=timedelta(milliseconds=200))
    before = await running.resolve(identify("Acme"))

    await IdentityDecisions(engine, utc_now).enter(SPLIT)

    async def is_split() -> bool:
        return (await running.resolve(identify("Acme"))).is_ambiguous

    assert not before.is_ambiguous
    await eventually(is_split, "the split is in force")


async def test_decisions_are_numbered_without_gaps_however_many_decide(
    engine: AsyncEngine, other_engine: AsyncEngine
) -> None:
    """Each is checked against all before it: of two that contradict each other, one stays."""
    both = [IdentityDecisions(each, utc_now) for each in (engine, other_engine)]
    news = [NewDecision(DecisionKind.MERGE, f"a{i % 5}", f"b{i}", "ana", "same") for i in range(10)]

    ended = await asyncio.gather(
        *(both[i % 2].enter(new) for i, new in enumerate(news)), return_exceptions=True
    )

    assert sum(isinstance(each, BadDecision) for each in ended) == 5
    assert [each.number for each in await both[0].all()] == [1, 2, 3, 4, 5]


@pytest.mark.parametrize(
    "change", ["UPDATE identity_decisions SET why = 'x'", "DELETE FROM identity_decisions"]
)
async def test_the_database_refuses_to_change_a_decision(engine: AsyncEngine, change: str) -> None:
    """Who, when and why stay for ever."""
    await IdentityDecisions(engine, utc_now).enter(SPLIT)

    with pytest.raises(DBAPIError, match="append-only"):
        async with writing(engine, "tamper") as connection:
            await connection.execute(text(change))
