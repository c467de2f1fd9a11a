"""The company index over SQL: assignments of a whole fleet, decisions that never change."""

import asyncio
from datetime import timedelta

import pytest
from sqlalchemy import Connection, event, text
from sqlalchemy.exc import DBAPIError, OperationalError
from sqlalchemy.ext.asyncio import AsyncEngine

from orchestrator.database import DatabaseForbids, DatabaseUnavailable, writing
from orchestrator.identity import Identity, Mention, identify
from orchestrator.identity.index import CompanyIndex, IdentityDecisions
from orchestrator.identity.resolution import (
    BadDecision,
    DecisionKind,
    MatchReason,
    NewDecision,
    Resolved,
)
from orchestrator.infra.clock import utc_now
from orchestrator.purchasing import Ledger
from tests.support.async_waiting import eventually
from tests.support.cases import purchase

SPLIT = NewDecision(DecisionKind.SPLIT, "acme", None, "ana", "two companies")
SPAIN = identify("Acme SL", country="ES", domain="acme.es")
GERMANY = identify("Acme GmbH", country="DE", domain="globex.de")


def _index(engine: AsyncEngine) -> CompanyIndex:
    return CompanyIndex(engine, utc_now, refresh_after=timedelta(0))


async def _meant(index: CompanyIndex, identity: Identity) -> Resolved:
    return (await index.resolve_all([identity]))[0]


def _refuse(*_: object) -> None:
    raise OperationalError("SELECT", None, OSError("the database is unavailable"))


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

    for spain, germany in pairs:  # one by one: a list of them would be entered in one transaction
        one, other = await asyncio.gather(_meant(here, spain), _meant(there, germany))

        plain = one.identity.name_key
        assert {one.key, other.key} in (
            {plain, f"{plain}~globex.de"},
            {plain, f"{plain}~acme.es"},
        )


async def test_a_claim_outlives_its_process(engine: AsyncEngine, other_engine: AsyncEngine) -> None:
    """The same domain leads to the same key, in every process and any order."""
    first, second = await _meant(_index(engine), SPAIN), await _meant(_index(engine), GERMANY)

    there = _index(other_engine)

    assert (await _meant(there, GERMANY)).key == second.key == "acme~globex.de"
    assert (await _meant(there, SPAIN)).key == first.key == "acme"
    assert (await _meant(there, identify("Acme"))).is_ambiguous
    assert (await _meant(there, identify("Acme", country="ES"))).key == "acme"


async def test_a_list_is_resolved_as_a_whole(engine: AsyncEngine) -> None:
    """The bare name is ambiguous as soon as the list has two companies of it, in any order."""
    index = CompanyIndex(engine, utc_now)
    assert (await _meant(index, identify("Acme"))).key == "acme"

    bare, spain, germany = await index.resolve_all([identify("Acme"), SPAIN, GERMANY])

    assert (bare.is_ambiguous, len(bare.candidates)) == (True, 2)
    assert (spain.key, germany.key) == ("acme", "acme~globex.de")


async def test_looking_tells_what_would_be_claimed_and_claims_nothing(engine: AsyncEngine) -> None:
    """The first lead has the name; a preview assigns nothing."""
    index = _index(engine)

    preview = await index.preview_all([SPAIN, GERMANY])
    resolved = await index.resolve_all([GERMANY, SPAIN])

    assert [each.key for each in preview] == ["acme", "acme~globex.de"]
    assert [each.key for each in resolved] == ["acme", "acme~acme.es"]
    assert [each.key for each in await index.preview_all([SPAIN, GERMANY])] == [
        "acme~acme.es",
        "acme",
    ]


async def test_a_refined_key_stands_for_its_company(engine: AsyncEngine) -> None:
    """It needs no assignment and makes none; a split name's own key is ambiguous."""
    index = _index(engine)
    await index.resolve_all([SPAIN, GERMANY])

    meant = await _meant(index, Mention("acme~globex.de").identify())
    await IdentityDecisions(engine, utc_now).enter(SPLIT)

    assert (meant.key, meant.reason) == ("acme~globex.de", MatchReason.KEY)
    assert len(await index.assignments_of("acme")) == 2
    assert (await index.resolve_key("acme", "Acme")).is_ambiguous
    assert not (await index.resolve_key("acme~globex.de", "Acme")).is_ambiguous


async def test_a_decision_takes_effect_in_a_running_process(
    engine: AsyncEngine, other_engine: AsyncEngine
) -> None:
    """Within its refresh; until then nothing is read for a lookup."""
    running = CompanyIndex(other_engine, utc_now, refresh_after=timedelta(milliseconds=200))
    before = await _meant(running, identify("Acme"))

    await IdentityDecisions(engine, utc_now).enter(SPLIT)

    async def is_split() -> bool:
        return (await _meant(running, identify("Acme"))).is_ambiguous

    assert not before.is_ambiguous
    await eventually(is_split, "the split is in force")


async def test_a_split_refines_what_a_process_has_met_before(engine: AsyncEngine) -> None:
    """A key that is remembered from before the split is the name's own, which is ambiguous now."""
    index = _index(engine)
    before = await _meant(index, SPAIN)

    await IdentityDecisions(engine, utc_now).enter(SPLIT)

    assert (before.key, (await _meant(index, SPAIN)).key) == ("acme", "acme~acme.es")


async def test_a_company_includes_the_keys_of_its_other_spellings(engine: AsyncEngine) -> None:
    """What is stored under any of them is forgotten and watched with it."""
    decisions = IdentityDecisions(engine, utc_now)
    for kind, subject, target in (
        (DecisionKind.MERGE, "facebook", "meta"),
        (DecisionKind.ALIAS, "meta_platforms", "facebook"),
    ):
        await decisions.enter(NewDecision(kind, subject, target, "ana", "renamed"))

    for key in ("meta", "facebook", "meta_platforms"):
        assert await _index(engine).merged_keys(key) == ("meta", "facebook", "meta_platforms")


async def test_a_bare_name_is_not_resolved_without_the_claims_that_have_just_refined_it(
    engine: AsyncEngine,
) -> None:
    """What was in memory before would lead it to the first company, whichever is meant."""
    index = CompanyIndex(engine, utc_now, refresh_after=timedelta(hours=1))
    assert (await _meant(index, identify("Acme"))).key == "acme"

    def go_away(_: Connection) -> None:
        event.listen(engine.sync_engine, "before_cursor_execute", _refuse)

    event.listen(engine.sync_engine, "commit", go_away)  # of the claims; reading commits nothing

    with pytest.raises(DatabaseUnavailable, match="read the company index"):
        await index.resolve_all([SPAIN, GERMANY, identify("Acme")])


@pytest.mark.parametrize(
    ("outcomes", "key"),
    [
        ({"acme": "found"}, "acme"),
        ({"acme": "found", "globex": "not_found"}, "acme"),
        ({"acme": "found", "globex": "found"}, "sa~grupo.es"),
        ({"acme": "not_found"}, "sa~grupo.es"),
        ({}, "sa~grupo.es"),
    ],
)
async def test_a_name_that_says_nothing_means_the_only_company_bought_under_its_domain(
    engine: AsyncEngine, outcomes: dict[str, str], key: str
) -> None:
    """Where several were, or one that does not exist, the domain does not say which is meant."""
    index, ledger = _index(engine), Ledger(engine, utc_now)
    await index.resolve_all([identify(name, domain="grupo.es") for name in ("Acme", "Globex")])
    for number, (company, outcome) in enumerate(outcomes.items()):
        await ledger.settle(purchase(number, company_key=company, outcome=outcome))

    resolved = await _meant(index, identify("S.A.", domain="grupo.es"))

    assert (resolved.key, resolved.reason) == (key, MatchReason.DOMAIN)


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
    """The person, the time and the reason are kept permanently."""
    await IdentityDecisions(engine, utc_now).enter(SPLIT)

    with pytest.raises((DBAPIError, DatabaseForbids), match=r"append-only|may not tamper"):
        async with writing(engine, "tamper") as connection:
            await connection.execute(text(change))
