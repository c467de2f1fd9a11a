"""One company from several purchases: each step once, for any number of callers."""

import asyncio
from collections.abc import Mapping
from datetime import timedelta
from typing import Any, Self, cast

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from agents.case import ClaimField, Evidence
from orchestrator.embedded.stack import Valkey
from orchestrator.evidence.model import Step
from orchestrator.evidence.waterfall import UNITS, wants_profile
from orchestrator.handlers.explanation import explain_ambiguity
from orchestrator.identity import Mention, step_key
from orchestrator.memo import Flight, Loaded, Source
from orchestrator.purchasing import (
    EnrichmentStatus,
    EvidenceArchive,
    EvidenceReader,
    EvidenceReference,
    subject_of,
)
from orchestrator.purchasing.research import Questions
from orchestrator.surfsense import (
    ServiceUnavailable,
    SourceRefused,
)
from tests.integration.purchasing.conftest import FREE, Worlds
from tests.integration.purchasing.step_shop import (
    EMAIL,
    ITEMS,
    LINKS,
    MENTION,
    NAME,
    PAGE,
    PLACE,
    PRICES,
    SITE,
    StepShop,
    open_world,
)


@pytest.fixture
def shop() -> StepShop:
    """Return a seller of steps."""
    return StepShop()


def only(*steps: Step):  # type: ignore[no-untyped-def]  # noqa: ANN201 - a Wants
    """Want what *steps* bring, and nothing else."""
    known = {Step.MAPS: ClaimField.PHONE, Step.CRAWL: ClaimField.EMAIL}

    def wants(evidence: Evidence | None, fields: frozenset[ClaimField]) -> bool:
        have = {claim.field for claim in (evidence.claims if evidence else ())}
        return any(known[step] in fields and known[step] not in have for step in steps)

    return wants


async def test_a_company_is_assembled_from_its_steps_and_bought_once(
    worlds: Worlds, shared_valkey: Valkey, shop: StepShop
) -> None:
    """The ledger has a line for each step, the memo one answer; a second lookup is free."""
    world = open_world(worlds, shared_valkey, shop)
    company = await world.enricher.identify(MENTION)

    found = await world.enricher.enrich(company, FREE)
    again = await world.enricher.enrich(company, FREE)

    entries = await world.ledger.purchases_of(company.key)
    assert found.status is EnrichmentStatus.FOUND
    assert found.source is Source.BOUGHT
    assert found.answer["website"]["value"] == SITE
    assert found.answer["emails"][0]["value"] == EMAIL
    assert found.cost_micros == sum(shop.bill.values()) == sum(e.cost_micros for e in entries) > 0
    assert {entry.source for entry in entries} <= {"google_maps", "google_search", "web"}
    assert found.purchase_id == "+".join(
        entry.purchase_id for entry in sorted(entries, key=lambda entry: entry.started_at)
    )
    assert again.source is Source.HIT
    assert (again.cost_micros, again.saved_micros) == (0, found.cost_micros)
    assert len(shop.sold) == len(set(shop.sold)) == len(entries)


async def test_many_callers_in_two_processes_buy_each_step_once(
    worlds: Worlds, shared_valkey: Valkey, shop: StepShop
) -> None:
    """What the callers paid together is the seller's bill."""
    one, other = (open_world(worlds, shared_valkey, shop) for _ in range(2))
    company = await one.enricher.identify(MENTION)

    found = await asyncio.gather(
        *(world.enricher.enrich(company, FREE) for world in (one, other) for _ in range(20))
    )

    assert len(shop.sold) == len(set(shop.sold))
    assert sum(each.cost_micros for each in found) == sum(shop.bill.values())
    assert len({each.purchase_id for each in found}) == 1


async def test_an_answer_that_lacks_what_another_caller_wants_is_completed(
    worlds: Worlds, shared_valkey: Valkey, shop: StepShop
) -> None:
    """Only the steps that are missing are bought; what is known counts as saved."""
    world = open_world(worlds, shared_valkey, shop)
    company = await world.enricher.identify(MENTION)

    first = await world.enricher.enrich(company, FREE, wants=only(Step.MAPS))
    assert shop.sold == [Step.MAPS]
    second = await world.enricher.enrich(company, FREE, wants=only(Step.MAPS, Step.CRAWL))
    third = await world.enricher.enrich(company, FREE, wants=only(Step.MAPS))

    assert shop.sold == [Step.MAPS, Step.CRAWL]
    assert (first.cost_micros, first.saved_micros) == (PRICES[Step.MAPS], 0)
    assert second.source is Source.BOUGHT
    assert (second.cost_micros, second.saved_micros) == (PRICES[Step.CRAWL], PRICES[Step.MAPS])
    assert second.answer["emails"][0]["value"] == EMAIL
    assert third.source is Source.HIT
    assert third.saved_micros == PRICES[Step.MAPS] + PRICES[Step.CRAWL]


async def test_more_pages_are_read_where_the_home_page_was_not_enough(
    worlds: Worlds, shared_valkey: Valkey, shop: StepShop
) -> None:
    """Those that it links and that may say what is missing, each at the price of a page."""
    shop.items[Step.CRAWL] = [PAGE | {"links": LINKS}]
    world = open_world(worlds, shared_valkey, shop)

    def wants(evidence: Evidence | None, fields: frozenset[ClaimField]) -> bool:
        del evidence
        return ClaimField.TAX_ID in fields

    company = await world.enricher.identify(Mention(NAME, SITE, "ES"))
    found = await world.enricher.enrich(company, FREE, wants=wants)

    assert shop.sold == [Step.CRAWL, Step.PAGES]
    assert shop.asked_for[Step.PAGES]["startUrls"] == [f"{SITE}aviso-legal"]
    assert shop.bill == dict.fromkeys(Step, 0) | {Step.CRAWL: 2_000, Step.PAGES: 2_000}
    assert f"{SITE}aviso-legal" in {each["url"] for each in found.answer["evidence"]["sources"]}


async def test_a_preview_says_whether_a_caller_would_buy_more(
    worlds: Worlds, shared_valkey: Valkey, shop: StepShop
) -> None:
    """A fresh entry that lacks what is wanted is not enough; nothing is bought to find that out."""
    world = open_world(worlds, shared_valkey, shop)
    company = await world.enricher.identify(MENTION)
    await world.enricher.enrich(company, FREE, wants=only(Step.MAPS))

    previews = await world.enricher.preview(
        [(MENTION, only(Step.MAPS)), (MENTION, only(Step.CRAWL)), (MENTION, None)]
    )

    assert [preview.buys for preview in previews] == [False, True, False]
    assert [preview.fresh for preview in previews] == [True, False, False]
    assert shop.sold == [Step.MAPS]


async def test_a_step_that_fails_for_now_is_all_that_is_bought_again(
    worlds: Worlds, shared_valkey: Valkey, shop: StepShop
) -> None:
    """The failure is the caller's; what was bought before it stays."""
    shop.errors[Step.CRAWL] = [ServiceUnavailable(NAME, "the run failed")]
    world = open_world(worlds, shared_valkey, shop)
    company = await world.enricher.identify(MENTION)

    with pytest.raises(ServiceUnavailable):
        await world.enricher.enrich(company, FREE, wants=only(Step.MAPS, Step.CRAWL))
    await world.memo.invalidate(
        f"surfsense:{company.key}", step_key(company.key, Step.CRAWL, "talleresarriaga.example")
    )
    found = await world.enricher.enrich(company, FREE, wants=only(Step.MAPS, Step.CRAWL))

    assert shop.sold == [Step.MAPS, Step.CRAWL, Step.CRAWL]
    assert found.answer["emails"][0]["value"] == EMAIL
    assert shop.bill[Step.MAPS] == PRICES[Step.MAPS]


async def test_a_source_that_refuses_is_left_out(
    worlds: Worlds, shared_valkey: Valkey, shop: StepShop
) -> None:
    """The others still answer, and the entry says which step failed."""
    shop.errors[Step.MAPS] = [SourceRefused(NAME, "the source refused")]
    world = open_world(worlds, shared_valkey, shop)
    company = await world.enricher.identify(MENTION)

    found = await world.enricher.enrich(company, FREE)

    assert found.status is EnrichmentStatus.FOUND
    assert Step.SEARCH in shop.sold
    entry = await world.memo.peek(f"surfsense:{company.key}")
    assert entry is not None
    failed = [each["step"] for each in entry.payload["steps"] if each["failure"]]
    assert failed == ["maps"]


async def test_no_source_with_an_answer_is_unknown_and_not_no_such_company(
    worlds: Worlds, shared_valkey: Valkey, shop: StepShop
) -> None:
    """Walled searches are free, and believed for a short while only."""
    shop.items = {step: [] for step in Step}
    world = open_world(worlds, shared_valkey, shop)
    company = await world.enricher.identify(MENTION)

    found = await world.enricher.enrich(company, FREE)

    assert found.status is EnrichmentStatus.UNKNOWN
    assert (found.cost_micros, found.evidence) == (0, None)
    entry = await world.memo.peek(f"surfsense:{company.key}")
    assert entry is not None
    assert entry.expires_at_ms - entry.stored_at_ms <= timedelta(minutes=30) // timedelta(
        milliseconds=1
    )


async def test_no_step_is_bought_beyond_the_price_of_a_company(
    worlds: Worlds, shared_valkey: Valkey, shop: StepShop
) -> None:
    """The entry says that it was the ceiling, and not that there is nothing else."""
    ceiling = PRICES[Step.MAPS] + UNITS[Step.SEARCH]
    world = open_world(worlds, shared_valkey, shop, ceiling)
    company = await world.enricher.identify(MENTION)

    found = await world.enricher.enrich(company, FREE)

    assert found.cost_micros <= ceiling
    entry = await world.memo.peek(f"surfsense:{company.key}")
    assert entry is not None
    assert entry.payload["stopped"] == "capped"


async def test_a_profile_that_is_complete_is_enough() -> None:
    """The default of a lookup without a lead asks for no more than it uses."""
    assert wants_profile(None, frozenset({ClaimField.SECTOR}))
    assert not wants_profile(None, frozenset({ClaimField.NEWS}))


async def test_what_was_bought_for_one_town_is_not_served_for_another(
    worlds: Worlds, shared_valkey: Valkey, shop: StepShop
) -> None:
    """Namesakes share a key and what was bought; each lead is judged by its own facts."""
    world = open_world(worlds, shared_valkey, shop)
    bilbao, sevilla, unknown = [
        await world.enricher.identify(Mention(NAME, country="ES", city=city))
        for city in ("Bilbao", "Sevilla", None)
    ]

    first = await world.enricher.enrich(bilbao, FREE)
    bought = len(shop.sold)
    other = await world.enricher.enrich(sevilla, FREE)
    again = await world.enricher.enrich(bilbao, FREE)
    by_name = await world.enricher.enrich(unknown, FREE)

    assert bilbao.key == sevilla.key
    assert first.answer["website"]["value"] == SITE
    assert other.status is EnrichmentStatus.UNKNOWN
    assert again.answer["emails"] == first.answer["emails"]
    assert by_name.answer == again.answer
    assert len(shop.sold) > bought  # the other lead's own questions
    assert [
        each and each.status for each in await world.enricher.find_known([bilbao, sevilla])
    ] == [
        EnrichmentStatus.FOUND,
        None,
    ]


SEVILLA_SITE = "https://arriaga-sevilla.example/"
#: What is sold of the company of the same name in Seville.
IN_SEVILLA: Mapping[Step, list[dict[str, Any]]] = {
    Step.MAPS: [
        PLACE | {"city": "Sevilla", "website": SEVILLA_SITE, "phoneUnformatted": "+34954000222"}
    ],
    Step.CRAWL: [
        PAGE
        | {
            "url": SEVILLA_SITE,
            "markdown": "# Talleres Arriaga SL\n\nCarpintería en Sevilla.",
            "contacts": {"emails": ["hola@arriaga-sevilla.example"], "phones": [], "socials": []},
        }
    ],
    Step.SEARCH: [],
    Step.PAGES: [],
    Step.JOBS: [],
}


class TwoTowns(StepShop):
    """Sells what is of the town, or of the site, that is asked for."""

    def of_step(self, step: Step, body: Mapping[str, Any], price_micros: int | None) -> Self:
        """Return the seller of *step* with the stock of what *body* is about."""
        bound = super().of_step(step, body, price_micros)
        is_sevilla = "Sevilla" in str(body) or SEVILLA_SITE in str(body)
        bound.items = {**(IN_SEVILLA if is_sevilla else ITEMS)}
        return bound


async def test_companies_of_one_name_in_two_towns_are_both_found(
    worlds: Worlds, shared_valkey: Valkey, engine: AsyncEngine
) -> None:
    """Each question is bought once, and each lead has its own company's evidence.

    So it is in the archive, too, by which leads are judged again.
    """
    shop = TwoTowns()
    one, other = (open_world(worlds, shared_valkey, shop) for _ in range(2))
    bilbao, sevilla = [
        await one.enricher.identify(Mention(NAME, country="ES", city=city))
        for city in ("Bilbao", "Sevilla")
    ]
    wants = only(Step.MAPS, Step.CRAWL)

    first = await one.enricher.enrich(bilbao, FREE, wants=wants)
    both = await asyncio.gather(
        *(world.enricher.enrich(sevilla, FREE, wants=wants) for world in (one, other, one))
    )
    again = [await other.enricher.enrich(each, FREE, wants=wants) for each in (bilbao, sevilla)]
    reader = EvidenceReader(EvidenceArchive(engine), one.memo)
    judged_again = [await reader.latest(each) for each in (bilbao, sevilla)]

    assert bilbao.key == sevilla.key
    assert sorted(shop.sold) == [Step.CRAWL] * 2 + [Step.MAPS] * 2
    assert [each.answer["website"]["value"] for each in (first, both[0])] == [SITE, SEVILLA_SITE]
    assert [each.answer["emails"] for each in again] == [
        first.answer["emails"],
        both[0].answer["emails"],
    ]
    assert [each and each.answer.get("website") for each in judged_again] == [
        each.answer["website"] for each in again
    ]
    assert {each.purchase_id for each in both} == {both[0].purchase_id}
    assert sum(each.cost_micros for each in (first, *both, *again)) == sum(shop.bill.values())


async def test_all_entries_of_a_company_are_known(
    worlds: Worlds, shared_valkey: Valkey, shop: StepShop
) -> None:
    """So that they can be forgotten, and searched for a person, whatever was asked."""
    world = open_world(worlds, shared_valkey, shop)
    company = await world.enricher.identify(MENTION)
    await world.enricher.enrich(company, FREE)

    stored = cast("list[bytes]", await world.memo_redis.keys(f"surfsense:{company.key}:*"))
    known = await Questions(world.memo_redis, entries_live=timedelta(0)).of(company.key)

    assert len(stored) == len(set(shop.sold)) > 0
    assert {key.decode() for key in stored} <= set(known)
    await world.memo.invalidate(*known)
    assert await world.memo_redis.keys(f"surfsense:{company.key}:*") == []


async def test_what_was_bought_by_other_facts_of_the_company_is_not_bought_again(
    worlds: Worlds, shared_valkey: Valkey, shop: StepShop
) -> None:
    """A lead with the town finds what was bought for one with the website, as far as it fits."""
    world = open_world(worlds, shared_valkey, shop)
    by_site, by_town = [
        await world.enricher.identify(mention)
        for mention in (Mention(NAME, SITE, "ES"), Mention(NAME, None, "ES", "Bilbao"))
    ]
    wants = only(Step.MAPS, Step.CRAWL)

    await world.enricher.enrich(by_site, FREE, wants=wants)
    sold = list(shop.sold)
    found = await world.enricher.enrich(by_town, FREE, wants=wants)

    assert by_site.key == by_town.key
    assert found.answer["emails"][0]["value"] == EMAIL
    assert shop.sold == sold


async def test_steps_of_earlier_versions_are_read(
    worlds: Worlds, shared_valkey: Valkey, shop: StepShop
) -> None:
    """Under their keys, where questions about a name were not told apart: nothing is paid twice."""
    world = open_world(worlds, shared_valkey, shop)
    company = await world.enricher.identify(MENTION)
    await world.enricher.enrich(company, FREE, wants=only(Step.MAPS))
    key = step_key(company.key, Step.MAPS, "bilbao es")
    entry = await world.memo.peek(key)
    assert entry is not None
    await world.memo.invalidate(f"surfsense:{company.key}", key)
    payload = {name: value for name, value in entry.payload.items() if name != "asked"}

    async def load(flight: Flight) -> Loaded:
        return Loaded(entry.status, payload, timedelta(hours=1), flight.past_ms())

    await world.memo.get(step_key(company.key, Step.MAPS), load)

    found = await world.enricher.enrich(company, FREE, wants=only(Step.MAPS))

    assert found.answer["website"]["value"] == SITE
    assert shop.sold == [Step.MAPS]


async def test_a_lead_by_name_and_country_alone_is_ambiguous_and_buys_nothing(
    worlds: Worlds, shared_valkey: Valkey, shop: StepShop
) -> None:
    """A profile may be shown by name; a verdict never rests on it."""
    world = open_world(worlds, shared_valkey, shop)
    mention = Mention(NAME, country="ES")
    company = await world.enricher.identify(mention)

    lead = await world.enricher.enrich(company, FREE, wants=only(Step.MAPS))
    (preview,) = await world.enricher.preview([(mention, only(Step.MAPS))])

    assert (lead.status, lead.source) == (EnrichmentStatus.AMBIGUOUS, None)
    assert "website or town" in explain_ambiguity(lead, mention).reason.en
    assert preview.is_ambiguous
    assert not preview.buys
    assert shop.sold == []
    assert (await world.enricher.enrich(company, FREE)).status is EnrichmentStatus.FOUND


async def test_the_archive_is_judged_by_the_facts_of_who_asks(
    worlds: Worlds, shared_valkey: Valkey, shop: StepShop, engine: AsyncEngine
) -> None:
    """Neither a rejudgement nor a result file takes the evidence of a namesake."""
    world = open_world(worlds, shared_valkey, shop)
    bilbao, sevilla = [
        await world.enricher.identify(Mention(NAME, country="ES", city=city))
        for city in ("Bilbao", "Sevilla")
    ]
    found = await world.enricher.enrich(bilbao, FREE)
    await world.memo.invalidate(f"surfsense:{bilbao.key}")
    reader = EvidenceReader(EvidenceArchive(engine), world.memo)

    ours, theirs = await reader.latest(bilbao), await reader.latest(sevilla)
    assert found.as_of is not None
    of_ours, of_theirs = await reader.find(
        [
            EvidenceReference(bilbao.key, found.purchase_id, found.as_of, subject_of(each))
            for each in (bilbao, sevilla)
        ]
    )

    assert ours is not None
    assert theirs is not None
    assert (ours.status, theirs.status) == (EnrichmentStatus.FOUND, EnrichmentStatus.UNKNOWN)
    assert of_ours == found.evidence
    assert of_theirs is None
