"""What the verbs of a workspace can do and cost: prices by step, and drift from what we use. Pure.

`USED` is what purchases send and read. SurfSense ignores a request field that it does not know, and
leaves out a field that it has renamed, both without an error: so its schemas are compared with
`USED` when a process starts, and each difference is named in a sentence.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from math import ceil
from typing import Any, Final, NamedTuple

from orchestrator.evidence.model import Step
from orchestrator.evidence.waterfall import UNIT_PRICES, UNITS
from orchestrator.surfsense.errors import one_line
from orchestrator.surfsense.verbs import VERBS

JsonObject = Mapping[str, Any]


class StepPrice(NamedTuple):
    """What one item of a step costs in micro-USD: a page, a place, a job ad.

    `review_micros` is charged for each review that is attached to a place.
    """

    item_micros: int
    review_micros: int = 0


#: SurfSense's list prices, which count until a workspace has told its own.
LIST_PRICES: Final[Mapping[Step, StepPrice]] = {
    step: StepPrice(micros, 1_500 if step is Step.MAPS else 0)
    for step, micros in UNIT_PRICES.items()
}


@dataclass(frozen=True, slots=True)
class Use:
    """What purchases use of a verb.

    Attributes:
        unit: Part of the name of the unit that an item is charged by.
        limit: The request field that bounds the items, and so the price.
        request: The request fields that are sent.
        answer: The fields of an item that are read, those of inner objects behind a dot.
    """

    unit: str
    limit: str
    request: frozenset[str]
    answer: frozenset[str]


def _fields(text: str) -> frozenset[str]:
    return frozenset(text.split())


_CRAWL: Final = Use(
    unit="page",
    limit="maxCrawlPages",
    request=_fields("startUrls maxCrawlDepth maxCrawlPages maxLength"),
    answer=_fields(
        "url status markdown metadata.title metadata.description contacts.emails "
        "contacts.phones contacts.socials links.url links.kind"
    ),
)

USED: Final[Mapping[Step, Use]] = {
    Step.MAPS: Use(
        unit="place",
        limit="max_places",
        request=_fields("search_queries location max_places language include_details"),
        answer=_fields(
            "title categoryName categories address city countryCode website phone phoneUnformatted "
            "description permanentlyClosed reviewsCount reviews url"
        ),
    ),
    Step.SEARCH: Use(
        unit="page",
        limit="max_pages_per_query",
        request=_fields("queries max_pages_per_query country_code language_code site"),
        answer=_fields(
            "organicResults.position organicResults.title organicResults.url "
            "organicResults.description organicResults.siteLinks organicResults.date"
        ),
    ),
    Step.CRAWL: _CRAWL,
    Step.PAGES: _CRAWL,
    Step.JOBS: Use(
        unit="job",
        limit="max_items",
        request=_fields("search_queries country max_items max_items_per_query from_days"),
        answer=_fields("title company jobUrl city formattedLocation datePublished expired"),
    ),
}

#: A price beyond it, $1,000 an item, is no price.
_MOST_MICROS: Final = 1_000_000_000
#: Parts of the names of units that are charged on top of an item.
_EXTRAS: Final = ("review", "captcha")
#: Parts of a schema that stand for it.
_VARIANTS: Final = ("anyOf", "oneOf", "allOf")


@dataclass(frozen=True, slots=True)
class Offer:
    """A verb as a workspace has it now; each of `drift` is a sentence."""

    capability: str
    price: StepPrice
    drift: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Capabilities:
    """The steps that a workspace can serve.

    Attributes:
        offers: What each of them is bought by.
        off: Why each other step is off, as a sentence.
    """

    offers: Mapping[Step, Offer] = field(default_factory=dict)
    off: Mapping[Step, str] = field(default_factory=dict)

    def has(self, step: Step) -> bool:
        """Return whether *step* may be bought."""
        return step in self.offers

    @property
    def prices(self) -> Mapping[Step, StepPrice]:
        """The price of each step that may be bought."""
        return {step: offer.price for step, offer in self.offers.items()}

    @property
    def drift(self) -> tuple[str, ...]:
        """How the verbs differ from what purchases use, a sentence each."""
        # Two steps are of one verb.
        sentences = (sentence for offer in self.offers.values() for sentence in offer.drift)
        return tuple(dict.fromkeys(sentences))


def read_capabilities(listed: Iterable[object]) -> Capabilities:
    """Return what the *listed* verbs of a workspace, as SurfSense describes them, are good for.

    A verb that is missing switches its step off. So does one whose `limit` is gone, since SurfSense
    would ignore it, and charge for as many items as it likes. A schema that is not there, or says
    nothing of a field, shows no drift.
    """
    verbs = {str(verb.get("name")): verb for verb in listed if isinstance(verb, dict)}
    offers: dict[Step, Offer] = {}
    off: dict[Step, str] = {}
    for step, use in USED.items():
        name = VERBS[step].capability
        verb = verbs.get(name)
        if verb is None:
            off[step] = f"this version of SurfSense does not have {name}"
        elif not has_field(verb.get("input_schema"), use.limit):
            off[step] = f"{name} no longer takes {use.limit}, which bounds its price"
        else:
            offers[step] = _offer_of(step, verb)
    return Capabilities(offers, off)


def cost_of(
    step: Step,
    items: Sequence[object],
    prices: Mapping[Step, StepPrice] = LIST_PRICES,
) -> int:
    """Return what a run with these *items* has cost, in micro-USD, where it does not say so.

    Pages that came from SearXNG instead of Google, and pages that could not be crawled, are free.

    >>> cost_of(Step.CRAWL, [{"status": "success"}, {"status": "failed"}])
    2000
    """
    price = prices.get(step, LIST_PRICES[step])
    charged = [each for each in items if isinstance(each, dict) and _is_charged(step, each)]
    reviews = sum(len(each["reviews"]) for each in charged if isinstance(each.get("reviews"), list))
    return len(charged) * price.item_micros + reviews * price.review_micros


def most_it_costs(step: Step, prices: Mapping[Step, StepPrice] = LIST_PRICES) -> int:
    """Return what the request of *step* about one company can cost, in micro-USD.

    SurfSense compares it with the credit before it starts a run.

    >>> most_it_costs(Step.CRAWL), most_it_costs(Step.PAGES)
    (2000, 6000)
    """
    return UNITS[step] * prices.get(step, LIST_PRICES[step]).item_micros


def has_field(schema: object, path: str) -> bool:
    """Return whether a JSON *schema* has the field at *path*, or leaves open whether it has.

    Args:
        schema: Of an object; references lead into its own `$defs`.
        path: Names with dots between them; lists on the way stand for their elements.

    >>> has_field({"properties": {"a": {"type": "array", "items": {"type": "string"}}}}, "a")
    True
    >>> has_field({"properties": {"a": {}}}, "b"), has_field({"type": "object"}, "b")
    (False, True)
    """
    nodes = [schema]
    for name in path.split("."):
        found = _variants_of(nodes, schema)
        inner = [properties[name] for each in found if name in (properties := _inner(each))]
        if not inner:
            return any(_is_open(each) for each in found) or not found
        nodes = inner
    return True


def _offer_of(step: Step, verb: JsonObject) -> Offer:
    name = VERBS[step].capability
    price = _price_in(step, verb.get("pricing"))
    unknown = () if price else ("does not say its price; the list price is assumed",)
    drift = tuple(f"{name} {what}" for what in (*unknown, *_drift_of(USED[step], verb)))
    return Offer(name, price or LIST_PRICES[step], drift)


def _drift_of(use: Use, verb: JsonObject) -> Iterable[str]:
    sent, read = verb.get("input_schema"), verb.get("output_schema")
    for name in sorted(use.request):
        if not has_field(sent, name):
            yield f"ignores {name}, which purchases set"
    for name in _required_by(sent):
        if name not in use.request:
            yield f"requires {name}, which purchases do not set"
    for name in sorted(use.answer):
        if not has_field(read, f"items.{name}"):
            yield f"no longer answers with {name}, which the evidence is read from"


def _required_by(schema: object) -> list[str]:
    required = schema.get("required") if isinstance(schema, dict) else None
    names = [one_line(each, 60) for each in required] if isinstance(required, list) else []
    return sorted(filter(None, names))


def _price_in(step: Step, pricing: object) -> StepPrice | None:
    """Return the price of a step, 0 where billing is off; None if it cannot be read."""
    if pricing == []:
        return StepPrice(0)
    units = [
        (one_line(each.get("unit")).lower(), micros)
        for each in (pricing if isinstance(pricing, list) else [])
        if isinstance(each, dict) and (micros := _micros(each.get("micros_per_unit"))) is not None
    ]
    items = [each for each in units if not any(extra in each[0] for extra in _EXTRAS)]
    own = [micros for unit, micros in items if USED[step].unit in unit]
    reviews = [micros for unit, micros in units if "review" in unit]
    if not items:
        return None
    return StepPrice(
        max(own or [micros for _, micros in items]),
        max(reviews, default=LIST_PRICES[step].review_micros),
    )


def _micros(value: object) -> int | None:
    if not isinstance(value, int | float) or isinstance(value, bool):
        return None
    return ceil(value) if 0 <= value <= _MOST_MICROS else None


def _is_charged(step: Step, item: JsonObject) -> bool:
    if step in {Step.CRAWL, Step.PAGES}:
        return item.get("status") == "success"
    if step is Step.SEARCH:
        query = item.get("searchQuery")
        domain = query.get("domain") if isinstance(query, dict) else None
        return "searxng" not in (item.get("resultsProvider"), domain)
    return True


def _variants_of(nodes: Iterable[object], root: object) -> list[JsonObject]:
    """Return the schemas that *nodes* stand for: behind references, of choices and of lists."""
    found: list[JsonObject] = []
    waiting, seen = list(nodes), set[int]()
    while waiting:
        node = waiting.pop()
        if not isinstance(node, dict) or id(node) in seen:
            continue
        seen.add(id(node))
        further = [_referred_to(node.get("$ref"), root), node.get("items")]
        for name in _VARIANTS:
            variants = node.get(name)
            further += variants if isinstance(variants, list) else []
        further = [each for each in further if isinstance(each, dict)]
        waiting += further
        if not further or "properties" in node:
            found.append(node)
    return found


def _referred_to(reference: object, root: object) -> object:
    if not isinstance(reference, str) or not isinstance(root, dict):
        return None
    definitions = root.get("$defs")
    name = reference.removeprefix("#/$defs/")
    return definitions.get(name) if isinstance(definitions, dict) else None


def _inner(schema: JsonObject) -> JsonObject:
    properties = schema.get("properties")
    return properties if isinstance(properties, dict) else {}


def _is_open(schema: JsonObject) -> bool:
    """Return whether a schema may have any field: it is an object's, or any value's."""
    kind = schema.get("type", "object")
    return not _inner(schema) and "object" in (kind if isinstance(kind, list) else [kind])
