"""The next step is the cheapest that can still change something, and a stop says why."""

from collections.abc import Collection

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agents.case import Case, Claim, ClaimField, Evidence
from agents.cdao import CdaoAgent, default_policy
from orchestrator.evidence.model import Step
from orchestrator.evidence.waterfall import (
    DEFAULT_CEILING_MICROS,
    FIELDS,
    PROFILE_CONFIDENCE,
    Fields,
    Offer,
    Skip,
    Stop,
    Wants,
    hit_rate,
    next_step,
    offers_for,
    skipped,
    step_name,
    wants_profile,
    why,
)
from tests.unit.agents.builders import NOW, claim, lead

F = ClaimField
CRAWL_ONLY = F.TECHNOLOGY
MAPS_ONLY = F.NEWS


def wanting(*alternatives: Collection[ClaimField]) -> Wants:
    """Return a caller that wants evidence if all fields of one of *alternatives* are offered."""
    return lambda offered: any(offered.issuperset(fields) for fields in alternatives)


def choose(
    wants: Wants,
    *,
    tried: Collection[Step] = (),
    has_site: bool = False,
    has_place: bool = True,
    spent: int = 0,
    ceiling: int = DEFAULT_CEILING_MICROS,
) -> Step | Stop:
    """Return the step that is chosen at the default prices, or why none is."""
    result = next_step(
        offers_for(has_place=has_place),
        tried=tried,
        has_site=has_site,
        spent_micros=spent,
        ceiling_micros=ceiling,
        wants=wants,
    )
    return result.step if isinstance(result, Offer) else result


# --- Order ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("has_place", "has_site", "expected"),
    [
        (True, False, Step.MAPS),
        (False, False, Step.SEARCH),
        (True, True, Step.CRAWL),
        (False, True, Step.CRAWL),
    ],
)
def test_the_first_step_depends_on_what_is_known(
    *, has_place: bool, has_site: bool, expected: Step
) -> None:
    """A known site is crawled; else a company with a place is looked up on the map."""
    wants = wanting({F.WEBSITE}, {F.HIRING})

    step = choose(wants, has_place=has_place, has_site=has_site, ceiling=100_000)

    assert step is expected


def test_jobs_come_last() -> None:
    """The dearest step that finds the least is bought when nothing else is left."""
    tried: list[Step] = []

    while isinstance(step := choose(lambda _: True, tried=tried, ceiling=100_000), Step):
        tried.append(step)

    assert tried == [Step.MAPS, Step.SEARCH, Step.JOBS]
    assert step is Stop.EXHAUSTED


def test_the_measured_yield_decides_the_order() -> None:
    """A step that hardly ever brings something waits for one with a better price for a hit."""
    offers = offers_for(has_place=True, yields={Step.MAPS: (0, 1_000)})

    step = next_step(
        offers, tried=(), has_site=False, spent_micros=0, wants=wanting({F.WEBSITE})
    )  # fmt: skip

    assert isinstance(step, Offer)
    assert step.step is Step.SEARCH


# --- Plans ----------------------------------------------------------------------------------------


def test_a_step_is_bought_for_what_it_makes_possible() -> None:
    """A search that by itself changes nothing is bought, since it may find the site to crawl."""
    steps = [
        choose(wanting({CRAWL_ONLY}), tried=tried) for tried in ((), [Step.MAPS], [Step.SEARCH])
    ]

    assert steps == [Step.MAPS, Step.SEARCH, Step.MAPS]


def test_a_site_that_cannot_be_found_is_not_crawled() -> None:
    """Once Maps and search have found no site, the crawl is no way out."""
    step = choose(wanting({CRAWL_ONLY}), tried=[Step.MAPS, Step.SEARCH])

    assert step is Stop.EXHAUSTED


def test_half_a_plan_is_not_bought() -> None:
    """A search is not bought for a crawl that the ceiling forbids after it."""
    wants, spent = wanting({CRAWL_ONLY}), DEFAULT_CEILING_MICROS - 5_500 - 2_000

    steps = [choose(wants, tried=[Step.MAPS], spent=paid) for paid in (spent, spent + 1)]

    assert steps == [Step.SEARCH, Stop.CAPPED]


def test_steps_that_help_only_together_are_bought() -> None:
    """Where neither step alone is enough, the first of both is bought."""
    wants = wanting({MAPS_ONLY, CRAWL_ONLY})

    steps = [
        choose(wants, has_site=True),
        choose(wants, has_site=True, spent=DEFAULT_CEILING_MICROS - 5_499),
    ]

    assert steps == [Step.CRAWL, Stop.CAPPED]


def test_a_step_that_adds_nothing_to_a_plan_is_left_out() -> None:
    """A cheaper hit is no reason to buy a search where only Maps can help."""
    step = choose(wanting({MAPS_ONLY}), has_place=False)

    assert step is Step.MAPS


def test_a_dead_end_is_seen_at_once() -> None:
    """Plans are weighed only if all steps together could change something, and never twice."""
    asked: list[Fields] = []

    def ask(*wanted: ClaimField, tried: Collection[Step] = ()) -> tuple[Step | Stop, list[Fields]]:
        asked.clear()

        def wants(offered: Fields) -> bool:
            asked.append(offered)
            return offered.issuperset(wanted)

        return choose(wants, tried=tried, has_site=True), asked[1:]

    dead_end = ask(F.COUNTRY, tried=[Step.MAPS, Step.CRAWL, Step.PAGES])
    step, weighed = ask(MAPS_ONLY, CRAWL_ONLY)

    assert dead_end == (Stop.EXHAUSTED, [FIELDS[Step.SEARCH] | FIELDS[Step.JOBS]])
    assert step is Step.CRAWL
    assert len(set(weighed)) == len(weighed)


# --- Stops ----------------------------------------------------------------------------------------


def test_nothing_wanted_is_decided() -> None:
    """A verdict that no evidence can change buys nothing."""
    assert choose(lambda _: False) is Stop.DECIDED
    assert choose(lambda _: False, tried=list(Step)) is Stop.DECIDED


def test_what_was_sought_in_vain_is_exhausted() -> None:
    """A field that all its steps did not bring is still wanted, but nothing can be done."""
    wants = wanting({F.SECTOR})

    site = [Step.CRAWL, Step.PAGES]
    stops = [choose(wants, tried=[*Step]), choose(wants, tried=[Step.MAPS, *site])]

    assert stops == [Stop.EXHAUSTED, Stop.EXHAUSTED]


def test_no_news_is_good_news() -> None:
    """A closure that Maps did not report is ruled out: nothing is wanted any more."""
    wants = wanting({F.NEWS})

    stops = [choose(wants), choose(wants, tried=[Step.MAPS])]

    assert stops == [Step.MAPS, Stop.DECIDED]


@pytest.mark.parametrize(("ceiling", "expected"), [(3_500, Step.MAPS), (3_499, Stop.CAPPED)])
def test_the_ceiling_is_what_may_be_spent(ceiling: int, expected: Step | Stop) -> None:
    """A step may use up what is left to the last micro-USD, and no more."""
    assert choose(wanting({MAPS_ONLY}), ceiling=ceiling) is expected
    assert choose(wanting({MAPS_ONLY}), ceiling=ceiling + 200, spent=200) is expected


@pytest.mark.parametrize(
    ("wants", "has_site", "expected"),
    [
        (wanting({F.SIZE_BAND}), True, (Skip.TOO_EXPENSIVE, Skip.UNHELPFUL)),
        (wanting({F.SIZE_BAND}), False, (Skip.NO_SITE, Skip.UNHELPFUL)),
        (wanting({F.HIRING}), False, (Skip.NO_SITE, Skip.TOO_EXPENSIVE)),
        (wanting(), True, (Skip.DECIDED, Skip.DECIDED)),
    ],
)
def test_each_step_that_is_not_bought_has_its_reason(
    wants: Wants, *, has_site: bool, expected: tuple[Skip, Skip]
) -> None:
    """A person sees for each step that is left what was in its way; further pages wait for home."""
    site, jobs = expected

    skips = skipped(
        offers_for(has_place=True), tried=[Step.MAPS, Step.SEARCH], has_site=has_site, wants=wants
    )

    assert skips == {Step.CRAWL: site, Step.PAGES: site, Step.JOBS: jobs}


def test_further_pages_are_read_after_the_home_page() -> None:
    """They are known by its links, and are bought only if it was not enough."""
    wants = wanting({F.SIZE_BAND})

    steps = [choose(wants, has_site=True, tried=tried) for tried in ([], [Step.CRAWL])]

    assert steps == [Step.CRAWL, Step.PAGES]


def test_the_default_ceiling_is_one_place_one_search_and_one_site() -> None:
    """What identifies and describes a company fits; open positions do not."""
    prices = {offer.step: offer.price_micros for offer in offers_for(has_place=True)}

    assert prices == {
        Step.MAPS: 3_500,
        Step.SEARCH: 5_500,
        Step.CRAWL: 2_000,
        Step.PAGES: 6_000,
        Step.JOBS: 17_500,
    }
    assert sum(prices.values()) - prices[Step.JOBS] == DEFAULT_CEILING_MICROS


# --- Laws -----------------------------------------------------------------------------------------

FIELD_SETS = st.frozensets(st.sampled_from(list(ClaimField)), min_size=1, max_size=3)
WANTS = st.lists(FIELD_SETS, max_size=4).map(lambda alternatives: wanting(*alternatives))
OFFERS = st.tuples(
    *(
        st.builds(
            Offer,
            step=st.just(step),
            price_micros=st.integers(0, 9),
            fields=st.just(FIELDS[step]) | FIELD_SETS,
            hit_rate=st.floats(0, 1),
        )
        for step in Step
    )
)
TRIED = st.sets(st.sampled_from(list(Step)))
HAS_SITE = st.booleans()


@given(offers=OFFERS, tried=TRIED, has_site=HAS_SITE, wants=WANTS, ceiling=st.integers(0, 40))
def test_a_purchase_is_possible_affordable_and_of_use(
    *,
    offers: tuple[Offer, ...],
    tried: set[Step],
    has_site: bool,
    wants: Wants,
    ceiling: int,
) -> None:
    """Bought is what was not tried, fits under the ceiling, and a wanted field may come of."""
    choice = next_step(
        offers,
        tried=tried,
        has_site=has_site,
        spent_micros=5,
        ceiling_micros=ceiling,
        wants=wants,
    )

    if isinstance(choice, Offer):
        assert choice.step not in tried
        assert choice.step is not Step.CRAWL or has_site
        assert choice.step is not Step.PAGES or Step.CRAWL in tried
        assert 5 + choice.price_micros <= ceiling
        untried = [offer for offer in offers if offer.step not in tried]
        assert wants(_union(untried))
        if len(untried) == 1:
            assert wants(choice.fields)


@given(offers=OFFERS, tried=TRIED, has_site=HAS_SITE, wants=WANTS, ceiling=st.integers(0, 40))
def test_a_stop_is_true(
    *, offers: tuple[Offer, ...], tried: set[Step], has_site: bool, wants: Wants, ceiling: int
) -> None:
    """More money helps where the ceiling is blamed, and nowhere else; a skip has its reason."""
    choice, with_more = (
        next_step(
            offers,
            tried=tried,
            has_site=has_site,
            spent_micros=0,
            ceiling_micros=limit,
            wants=wants,
        )
        for limit in (ceiling, 1000)
    )

    assert isinstance(with_more, Offer) is (isinstance(choice, Offer) or choice is Stop.CAPPED)
    assert (choice is Stop.DECIDED) is (with_more is Stop.DECIDED)
    if choice is Stop.DECIDED:
        assert not wants(_union([offer for offer in offers if offer.step not in tried]))
    if isinstance(choice, Stop):
        skips = skipped(offers, tried=tried, has_site=has_site, wants=wants)
        assert set(skips) == set(Step) - tried
        assert (Skip.DECIDED in skips.values()) is (choice is Stop.DECIDED and bool(skips))
        assert Skip.TOO_EXPENSIVE not in skips.values() or choice is Stop.CAPPED


@given(
    offers=OFFERS, has_site=HAS_SITE, finds_site=st.sets(st.sampled_from(list(Step))), wants=WANTS
)
def test_the_waterfall_ends_within_its_ceiling(
    *, offers: tuple[Offer, ...], has_site: bool, finds_site: set[Step], wants: Wants
) -> None:
    """However the steps turn out, each is bought once at most, and the sum stays within."""
    tried: list[Step] = []
    spent = 0

    while isinstance(
        choice := next_step(
            offers,
            tried=tried,
            has_site=has_site,
            spent_micros=spent,
            ceiling_micros=20,
            wants=wants,
        ),
        Offer,
    ):
        tried.append(choice.step)
        spent += choice.price_micros
        has_site = has_site or choice.step in finds_site

    assert len(tried) == len(set(tried))
    assert spent <= 20


def _union(offers: Collection[Offer]) -> Fields:
    return frozenset(field for offer in offers for field in offer.fields)


# --- With the agent -------------------------------------------------------------------------------

AGENT = CdaoAgent(default_policy())
FOUND_ON_MAPS = (
    claim("sector", "retail", confidence=0.7),
    claim("country", "ES", confidence=0.9),
    claim("website", "acme.example", confidence=0.7),
    claim("phone", "+34 900", confidence=0.9),
)
FOUND_ON_SITE = (
    claim("sector", "retail", confidence=0.9),
    claim("website", "acme.example", confidence=0.95),
    claim("email", "info@acme.example", confidence=0.95),
    claim("size_band", "51-200", confidence=0.7),
)


def judged(*claims: Claim, tried: Collection[Step], spent: int) -> Step | Stop:
    """Return what the CDAO agent's lead buys next, given what was found."""
    known = Case(lead=lead(email="ana@acme.example", country="ES"), now=NOW).with_evidence(
        Evidence(company="Acme", claims=claims)
    )
    return choose(
        lambda fields: AGENT.wants(known, fields),
        tried=tried,
        has_site=any(each.field is F.WEBSITE for each in claims),
        spent=spent,
    )


def test_a_good_company_costs_a_place_and_a_crawl() -> None:
    """Maps, then the crawl; then the lead is viable for certain, and no search is bought."""
    steps = [
        judged(tried=(), spent=0),
        judged(*FOUND_ON_MAPS, tried=[Step.MAPS], spent=3_500),
        judged(*FOUND_ON_MAPS, *FOUND_ON_SITE, tried=[Step.MAPS, Step.CRAWL], spent=11_500),
    ]

    assert steps == [Step.MAPS, Step.CRAWL, Stop.DECIDED]


@pytest.mark.parametrize(
    "fatal",
    [
        claim("country", "DE", confidence=0.9),
        claim("news", "closure: Acme has closed for good", confidence=0.9),
        claim("sector", "public_administration", confidence=0.8),
        claim("website", "competitor.example", confidence=0.9),
    ],
)
def test_a_lost_lead_costs_a_place(fatal: Claim) -> None:
    """What Maps reveals about a company that is no prospect saves the crawl."""
    stop = judged(fatal, tried=[Step.MAPS], spent=3_500)

    assert stop is Stop.DECIDED


def test_a_closure_is_ruled_out_before_a_lead_is_called() -> None:
    """A viable lead that was found by search is looked up on the map, too."""
    steps = [
        judged(*FOUND_ON_MAPS, *FOUND_ON_SITE, tried=[Step.SEARCH, Step.CRAWL], spent=spent)
        for spent in (13_500, 13_501)
    ]

    assert steps == [Step.MAPS, Stop.CAPPED]


def test_a_company_that_nothing_is_found_about_is_exhausted() -> None:
    """Maps and search brought nothing: no site to crawl, and nothing else that could help."""
    stop = judged(tried=[Step.MAPS, Step.SEARCH], spent=9_000)

    assert stop is Stop.EXHAUSTED


# --- Numbers --------------------------------------------------------------------------------------


def test_few_purchases_hardly_move_the_yield() -> None:
    """The assumed yield counts like twenty purchases; with many, the measured one decides."""
    rates = [hit_rate(0.5, *counts) for counts in ((0, 0), (0, 1), (0, 20), (900, 1000))]

    assert rates == pytest.approx([0.5, 10 / 21, 0.25, 910 / 1020])


def test_measured_yields_and_live_prices_go_before() -> None:
    """An offer costs its units at the workspace's price; a step without a price is not offered."""
    offers = offers_for(
        has_place=False,
        unit_prices={Step.CRAWL: 1_000, Step.MAPS: 0},
        yields={Step.CRAWL: (0, 20)},
    )

    assert [(offer.step, offer.price_micros, offer.hit_rate) for offer in offers] == [
        (Step.MAPS, 0, offers_for(has_place=False)[0].hit_rate),
        (Step.CRAWL, 1_000, hit_rate(offers_for(has_place=False)[2].hit_rate, 0, 20)),
    ]
    assert offers_for(has_place=False)[0].hit_rate < offers_for(has_place=True)[0].hit_rate


# --- Without a lead -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("missing", "field", "is_wanted"),
    [
        ("website", F.WEBSITE, True),
        ("sector", F.SECTOR, True),
        ("country", F.COUNTRY, True),
        ("size_band", F.HEADCOUNT, True),
        ("size_band", F.SIZE_BAND, True),
        ("phone", F.EMAIL, True),
        ("phone", F.SOCIAL, True),
        ("phone", F.WEBSITE, False),
        ("phone", F.DESCRIPTION, False),
    ],
)
def test_a_profile_is_bought_until_it_is_complete(
    missing: str, field: ClaimField, *, is_wanted: bool
) -> None:
    """Without a lead, what is missing or doubtful is wanted, and only that."""
    whole = (*FOUND_ON_MAPS, claim("size_band", "51-200", confidence=PROFILE_CONFIDENCE))
    rest = [each for each in whole if each.field != missing]
    doubtful = claim(missing, "x", confidence=PROFILE_CONFIDENCE - 0.01)

    wants = [
        wants_profile(Evidence(company="Acme", claims=tuple(claims)), frozenset({field}))
        for claims in (rest, [*rest, doubtful], whole)
    ]

    assert wants == [is_wanted, is_wanted, False]
    assert wants_profile(None, frozenset({F.SECTOR}))


# --- For people -----------------------------------------------------------------------------------


def test_a_person_reads_why_in_both_languages() -> None:
    """Each choice has a sentence of its own in each language, with the score where it is known."""
    choices = [offers_for(has_place=True)[0], *Stop, *Skip]

    sentences = {why(choice, language) for choice in choices for language in ("en", "es")}

    assert len(sentences) == 2 * len(choices)
    assert why(Skip.DECIDED, "en", score=(78, 85), threshold=65) == (
        "not bought: nothing it can bring would change the verdict (score 78-85, threshold 65)"
    )
    assert why(Skip.NO_SITE, "es", score=(40, 40)) == (
        "no se compra: no se conoce ninguna página web (puntuación 40)"
    )
    assert why(Stop.CAPPED, "es", threshold=65).endswith(" (umbral 65)")


def test_every_source_has_a_name() -> None:
    """People read names instead of the steps' words."""
    assert step_name(Step.CRAWL, "en") == "the company's website"
    assert step_name(Step.CRAWL, "es") == "la web de la empresa"
    assert all(step_name(step, "en") != step for step in Step)
