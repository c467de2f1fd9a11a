"""Which purchase about a company comes next, and why no more is bought.

Pure: prices, measured yields and what is still wanted come from the caller; nothing is bought here.
"""

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import cache
from itertools import combinations
from types import MappingProxyType
from typing import TypeAlias

from agents.case import ClaimField, Evidence, Language, Localized

from .model import Step

Fields: TypeAlias = frozenset[ClaimField]
Wants: TypeAlias = Callable[[Fields], bool]

DEFAULT_CEILING_MICROS = 17_000
"""What is spent on one company at most, in micro-USD: one place, one search and its site."""

PRIOR_PURCHASES = 20
"""How many purchases of the default yield a measured one is mixed with."""

_LEAST_RATE = 0.01
"""A step that never brought anything stays in the order, as the last."""

UNITS: Mapping[Step, int] = MappingProxyType(
    # Maps charges for each place, and the first is the company or none is: a second one would
    # leave no money for a search after it.
    {Step.MAPS: 1, Step.SEARCH: 1, Step.CRAWL: 1, Step.PAGES: 3, Step.JOBS: 5}
)
"""How many units (places, pages, jobs) a step buys at most."""

UNIT_PRICES: Mapping[Step, int] = MappingProxyType(
    {
        Step.MAPS: 3_500,
        Step.SEARCH: 5_500,
        Step.CRAWL: 2_000,
        Step.PAGES: 2_000,
        Step.JOBS: 3_500,
    }
)
"""List price of a unit, in micro-USD; the live price of the workspace goes before."""

FIELDS: Mapping[Step, Fields] = MappingProxyType(
    {
        # Of all news, a place says one thing: whether it has closed for good.
        Step.MAPS: frozenset(
            {
                ClaimField.SECTOR,
                ClaimField.COUNTRY,
                ClaimField.WEBSITE,
                ClaimField.PHONE,
                ClaimField.DESCRIPTION,
                ClaimField.NEWS,
            }
        ),
        Step.SEARCH: frozenset(
            {
                ClaimField.WEBSITE,
                ClaimField.EMAIL,
                ClaimField.PHONE,
                ClaimField.SOCIAL,
                ClaimField.DESCRIPTION,
            }
        ),
        Step.CRAWL: frozenset(ClaimField) - {ClaimField.NEWS},
        Step.PAGES: frozenset(ClaimField) - {ClaimField.NEWS},
        Step.JOBS: frozenset({ClaimField.HIRING}),
    }
)
"""What a step can be expected to bring. What it brings only now and then is used when it comes,
but is no reason to buy: a search may show news or a headcount, and mostly shows none."""

_FIND_A_SITE = frozenset({Step.MAPS, Step.SEARCH})

PROFILE_CONFIDENCE = 0.5
"""From here on a value is more probably right than wrong, and one source for it is enough."""

PROFILE_FIELDS: tuple[Fields, ...] = (
    frozenset({ClaimField.WEBSITE}),
    frozenset({ClaimField.SECTOR}),
    frozenset({ClaimField.COUNTRY}),
    frozenset({ClaimField.SIZE_BAND, ClaimField.HEADCOUNT}),
    frozenset({ClaimField.EMAIL, ClaimField.PHONE, ClaimField.SOCIAL}),
)
"""What makes a profile complete: of each set one field."""

_RATES_WITH_PLACE = {
    Step.MAPS: 0.7,
    Step.SEARCH: 0.8,
    Step.CRAWL: 0.85,
    Step.PAGES: 0.85,
    Step.JOBS: 0.3,
}
# Without a country or a city, the first place of that name is often a namesake.
_RATES_BY_NAME = _RATES_WITH_PLACE | {Step.MAPS: 0.35}


class Stop(StrEnum):
    """Why nothing more is bought about a company."""

    DECIDED = "decided"
    EXHAUSTED = "exhausted"
    CAPPED = "capped"


class Skip(StrEnum):
    """Why one step is not bought."""

    DECIDED = "decided"
    NO_SITE = "no_site"
    TOO_EXPENSIVE = "too_expensive"
    UNHELPFUL = "unhelpful"


@dataclass(frozen=True, slots=True)
class Offer:
    """A step that can be bought.

    Attributes:
        step: Which.
        price_micros: What it costs at most, in micro-USD.
        fields: What it can be expected to bring.
        hit_rate: Share of its purchases, 0 to 1, that brought something of use.
    """

    step: Step
    price_micros: int
    fields: Fields
    hit_rate: float


def offers_for(
    *,
    has_place: bool,
    unit_prices: Mapping[Step, int] = UNIT_PRICES,
    yields: Mapping[Step, tuple[int, int]] = MappingProxyType({}),
) -> tuple[Offer, ...]:
    """Return the offers for a company.

    Args:
        has_place: Whether its country or city is known.
        unit_prices: Micro-USD of one unit; a step that is left out is not offered.
        yields: How many purchases of a step were of use, and how many there were.
    """
    assumed = _RATES_WITH_PLACE if has_place else _RATES_BY_NAME
    return tuple(
        Offer(
            step,
            UNITS[step] * unit_prices[step],
            FIELDS[step],
            hit_rate(assumed[step], *yields.get(step, (0, 0))),
        )
        for step in Step
        if step in unit_prices
    )


def hit_rate(assumed: float, hits: int, purchases: int) -> float:
    """Return the yield of *purchases* of which *hits* were of use, smoothed.

    The assumed yield counts like `PRIOR_PURCHASES` purchases, so that few purchases cannot turn
    the order upside down, and many decide it.
    """
    return (assumed * PRIOR_PURCHASES + hits) / (PRIOR_PURCHASES + purchases)


def next_step(
    offers: Sequence[Offer],
    *,
    tried: Collection[Step],
    has_site: bool,
    spent_micros: int,
    ceiling_micros: int = DEFAULT_CEILING_MICROS,
    wants: Wants,
) -> Offer | Stop:
    """Return what to buy next about a company, or why nothing more is.

    A step alone often changes nothing where two together do (a search finds the site, a crawl
    reads it). So plans are judged, sets of steps: the next step is one of a smallest plan
    that could change something and that the ceiling allows as a whole.

    Args:
        offers: At most one for each step.
        tried: The steps that were bought already, with or without success.
        has_site: Whether the company's website is known, so that it can be crawled.
        spent_micros: What this company has cost so far.
        ceiling_micros: What it may cost at most.
        wants: Whether evidence about these fields could change the verdict or is required;
            `agents.case.Agent.wants`. Monotone: never less with more fields.

    Returns:
        The offer. DECIDED if no evidence of any step is wanted, CAPPED if something helpful is
        left that the ceiling forbids, EXHAUSTED if no step that is left can help.
    """
    if not wants(unanswered(offers, tried)):
        return Stop.DECIDED
    left = ceiling_micros - spent_micros
    helpful = [*_smallest_plans(offers, tried, has_site=has_site, wants=wants)]
    affordable = [plan for plan in helpful if _price(plan) <= left]
    ready = {
        offer.step: offer
        for plan in affordable
        for offer in plan
        if has_site or offer.step is not Step.CRAWL
    }
    if ready:
        return min(ready.values(), key=_order)
    return Stop.CAPPED if helpful else Stop.EXHAUSTED


def skipped(
    offers: Sequence[Offer],
    *,
    tried: Collection[Step],
    has_site: bool,
    wants: Wants,
) -> dict[Step, Skip]:
    """Return for each step that was not tried why it is not bought, once `next_step` stops."""
    left = [offer.step for offer in offers if offer.step not in tried]
    if not wants(unanswered(offers, tried)):
        return dict.fromkeys(left, Skip.DECIDED)
    plans = _smallest_plans(offers, tried, has_site=has_site, wants=wants)
    helpful = {offer.step for plan in plans for offer in plan}
    reasons: dict[Step, Skip] = {}
    for step in left:
        # Pages that the home page would link share its fate.
        needed = Step.CRAWL if step is Step.PAGES and Step.CRAWL in left else step
        if needed is Step.CRAWL and not has_site:
            reasons[step] = Skip.NO_SITE
        else:
            reasons[step] = Skip.TOO_EXPENSIVE if needed in helpful else Skip.UNHELPFUL
    return reasons


def unanswered(offers: Sequence[Offer], tried: Collection[Step]) -> Fields:
    """Return the fields that evidence may still be about.

    Those that a step was bought for and did not bring stay unknown. Only of news is silence an
    answer: a place that is not marked as closed is open.
    """
    untried = _all_fields([offer for offer in offers if offer.step not in tried])
    return (_all_fields(offers) - {ClaimField.NEWS}) | untried


def wants_profile(evidence: Evidence | None, fields: Fields) -> bool:
    """Return whether evidence about *fields* may complete the profile of a company.

    For an enrichment without a lead: wanted are website, sector, country, size and contact,
    each until a claim of `PROFILE_CONFIDENCE` is there.
    """
    known = {
        claim.field
        for claim in (evidence.claims if evidence else ())
        if claim.confidence >= PROFILE_CONFIDENCE
    }
    return any(
        known.isdisjoint(alternatives) and not fields.isdisjoint(alternatives)
        for alternatives in PROFILE_FIELDS
    )


def _smallest_plans(
    offers: Sequence[Offer], tried: Collection[Step], *, has_site: bool, wants: Wants
) -> Iterator[frozenset[Offer]]:
    """Yield the sets of untried offers that could change something, and none of whose parts could.

    A crawl needs a site: one that is known, or that another step of the plan may find.
    """
    left = [offer for offer in offers if offer.step not in tried]
    # What all of them together cannot change, no part of them can; and many have equal fields.
    wants = cache(wants)
    if not wants(_all_fields(left)):
        return
    found: list[frozenset[Offer]] = []
    for size in range(1, len(left) + 1):
        for chosen in map(frozenset, combinations(left, size)):
            if any(plan <= chosen for plan in found):
                continue
            if _is_possible(chosen, tried, has_site=has_site) and wants(_all_fields(chosen)):
                found.append(chosen)
                yield chosen


def _is_possible(plan: Collection[Offer], tried: Collection[Step], *, has_site: bool) -> bool:
    steps = {offer.step for offer in plan}
    if Step.PAGES in steps and Step.CRAWL not in tried:
        return False  # the home page links them, and may be enough
    return has_site or Step.CRAWL not in steps or not steps.isdisjoint(_FIND_A_SITE)


def _all_fields(offers: Collection[Offer]) -> Fields:
    return frozenset().union(*(offer.fields for offer in offers))


def _price(plan: Collection[Offer]) -> int:
    return sum(offer.price_micros for offer in plan)


def _order(offer: Offer) -> tuple[bool, float]:
    """Order by price for a hit; but a site that is known is crawled before anything else.

    Only the site says size, technologies and legal identity: little is decided without it.
    """
    cost = offer.price_micros / max(offer.hit_rate, _LEAST_RATE)
    return offer.step is not Step.CRAWL, cost


# --- For people -----------------------------------------------------------------------------------

_NAMES = {
    Step.MAPS: Localized(en="Google Maps", es="Google Maps"),
    Step.SEARCH: Localized(en="Google search", es="la búsqueda de Google"),
    Step.CRAWL: Localized(en="the company's website", es="la web de la empresa"),
    Step.PAGES: Localized(en="more pages of its website", es="más páginas de su web"),
    Step.JOBS: Localized(en="Indeed", es="Indeed"),
}
_NOT_BOUGHT = {
    Skip.DECIDED: Localized(
        en="not bought: nothing it can bring would change the verdict",
        es="no se compra: nada de lo que puede aportar cambiaría el veredicto",
    ),
    Skip.UNHELPFUL: Localized(
        en="not bought: what it can bring is not enough to change the verdict",
        es="no se compra: lo que puede aportar no basta para cambiar el veredicto",
    ),
    Skip.NO_SITE: Localized(
        en="not bought: no website is known",
        es="no se compra: no se conoce ninguna página web",
    ),
    Skip.TOO_EXPENSIVE: Localized(
        en="not bought: it would exceed what one company may cost",
        es="no se compra: superaría lo que puede costar una empresa",
    ),
}
_NOT_BOUGHT_FOR_PROFILE = {
    Skip.DECIDED: Localized(
        en="not bought: the profile is complete as far as any step can complete it",
        es="no se compra: el perfil está completo en lo que algún paso puede completarlo",
    ),
    Skip.UNHELPFUL: Localized(
        en="not bought: it brings nothing that the profile lacks",
        es="no se compra: no aporta nada de lo que le falta al perfil",
    ),
}
_STOPPED = {
    Stop.DECIDED: Localized(
        en="nothing more is bought: no evidence would change the verdict",
        es="no se compra nada más: ninguna evidencia cambiaría el veredicto",
    ),
    Stop.EXHAUSTED: Localized(
        en="nothing more is bought: no step that is left can help",
        es="no se compra nada más: ningún paso restante puede ayudar",
    ),
    Stop.CAPPED: Localized(
        en="nothing more is bought: the rest would exceed what one company may cost",
        es="no se compra nada más: el resto superaría lo que puede costar una empresa",
    ),
}
_COMPLETE = Localized(
    en="nothing more is bought: the profile is complete",
    es="no se compra nada más: el perfil está completo",
)
_BOUGHT = Localized(
    en="bought: it may change the verdict, or bring what is required",
    es="se compra: puede cambiar el veredicto o aportar lo que se exige",
)


def step_name(step: Step, language: Language) -> str:
    """Return how people call the source of *step*."""
    return _NAMES[step].in_language(language)


def why(
    what: Offer | Stop | Skip,
    language: Language,
    *,
    for_profile: bool = False,
    score: tuple[int, int] | None = None,
    threshold: int | None = None,
) -> str:
    """Return the clause that explains a choice of `next_step` or `skipped` to people.

    *for_profile*: `wants_profile` has led to it, not an agent. *score* is the lowest and highest
    that are possible then, *threshold* the one from which a lead advances; None leaves them out.
    """
    if isinstance(what, Offer):
        text = _BOUGHT.in_language(language)
    elif isinstance(what, Stop):
        is_complete = for_profile and what is Stop.DECIDED
        text = (_COMPLETE if is_complete else _STOPPED[what]).in_language(language)
    else:
        texts = _NOT_BOUGHT | (_NOT_BOUGHT_FOR_PROFILE if for_profile else {})
        text = texts[what].in_language(language)
    details = _details(language, score, threshold)
    return f"{text} ({details})" if details else text


def _details(language: Language, score: tuple[int, int] | None, threshold: int | None) -> str:
    parts = []
    if score is not None:
        low, high = score
        word = Localized(en="score", es="puntuación").in_language(language)
        parts.append(f"{word} {low}" if low == high else f"{word} {low}-{high}")
    if threshold is not None:
        word = Localized(en="threshold", es="umbral").in_language(language)
        parts.append(f"{word} {threshold}")
    return ", ".join(parts)
