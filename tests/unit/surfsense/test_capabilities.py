"""What verbs can do and cost: read from any answer, compared with what purchases use."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.evidence.model import Step, Subject
from orchestrator.evidence.waterfall import UNITS
from orchestrator.surfsense.capabilities import (
    LIST_PRICES,
    USED,
    StepPrice,
    cost_of,
    has_field,
    most_it_costs,
    read_capabilities,
)
from orchestrator.surfsense.verbs import VERBS, answer_of, request_of
from tests.support.capabilities import every_verb, verb

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["name", "pricing", "unit", "input_schema", "properties", "items"])
            | st.text(max_size=5),
            inner,
            max_size=4,
        )
    ),
    max_leaves=20,
)
NAMES = st.sampled_from([each.capability for each in VERBS.values()])

GOOGLE_PAGE: dict[str, Any] = {"searchQuery": {"domain": "google.com"}, "organicResults": []}
SEARXNG_PAGE: dict[str, Any] = {"searchQuery": {"domain": "searxng"}, "resultsProvider": "searxng"}
PAGE: dict[str, Any] = {"url": "https://talleres.example/", "status": "success"}
PLACE: dict[str, Any] = {"title": "Talleres", "reviews": []}
JOB: dict[str, Any] = {"title": "Soldador/a", "company": "Otra SL"}


def test_the_service_as_it_is_has_all_steps_at_its_prices() -> None:
    """No drift, and every price is the list price."""
    found = read_capabilities(every_verb())

    assert found.prices == LIST_PRICES
    assert (found.off, found.drift) == ({}, ())


@pytest.mark.parametrize("step", Step)
def test_what_is_compared_is_what_is_sent(step: Step) -> None:
    """A request with a field that is not compared could lose its effect unseen."""
    request = request_of(step, Subject("Talleres", country="ES"), site="https://talleres.example/")

    assert request.keys() == USED[step].request
    assert USED[step].limit in USED[step].request


class Recorded(dict[str, Any]):
    """An item that notes which of its fields are read, inner ones behind a dot."""

    def __init__(self, read: set[str], fields: dict[str, Any], path: str = "") -> None:
        super().__init__(
            {
                name: Recorded(read, value, f"{path}{name}.")
                if isinstance(value, dict)
                else [Recorded(read, each, f"{path}{name}.") for each in value]
                if isinstance(value, list)
                else value
                for name, value in fields.items()
            }
        )
        self._read, self._path = read, path

    def get(self, name: str, default: Any = None) -> Any:  # noqa: ANN401 - what an item has
        """Return a field; one that has fields of its own is noted by those."""
        value = super().get(name, default)
        if not isinstance(value, Recorded) and not (isinstance(value, list) and value):
            self._read.add(self._path + name)
        return value


#: With all that evidence needs, so that every field is looked at; the values are left out.
BARE_PAGE: dict[str, Any] = {
    "url": "https://talleres.example/",
    "status": "success",
    "markdown": "Talleres",
    "metadata": {},
    "contacts": {},
    "links": [{"kind": "internal"}],
}
BARE: dict[Step, dict[str, Any]] = {
    Step.MAPS: {"title": "Talleres"},
    Step.SEARCH: {"organicResults": [{"url": "https://talleres.example/"}]},
    Step.CRAWL: BARE_PAGE,
    Step.PAGES: BARE_PAGE,
    Step.JOBS: {"title": "Soldador/a"},
}


@pytest.mark.parametrize("step", Step)
def test_what_is_compared_is_what_is_read(step: Step) -> None:
    """An answer's field that is not compared could vanish unseen."""
    read: set[str] = set()
    item = Recorded(read, BARE[step])

    kept = answer_of(step, [item])
    if step is Step.MAPS:
        cost_of(step, [item])

    assert kept["items"]
    assert read - {"empresa"} == USED[step].answer


@pytest.mark.parametrize("step", Step)
def test_a_missing_verb_switches_its_step_off(step: Step) -> None:
    """And no step of another verb; the sentence names the verb."""
    own = {each for each in Step if VERBS[each].capability == VERBS[step].capability}

    found = read_capabilities(verb(each) for each in Step if each not in own)

    assert {each for each in Step if not found.has(each)} == own
    assert VERBS[step].capability in found.off[step]


@pytest.mark.parametrize("step", Step)
def test_a_missing_limit_switches_its_step_off(step: Step) -> None:
    """SurfSense ignores fields that it does not know: the price would have no bound."""
    found = read_capabilities([verb(step, lacks=[USED[step].limit])])

    assert USED[step].limit in found.off[step]
    assert not found.has(step)


@pytest.mark.parametrize(
    ("step", "name"),
    [
        (step, name)
        for step, use in USED.items()
        for name in sorted((use.request | use.answer) - {use.limit})
    ],
)
def test_each_missing_field_is_named(step: Step, name: str) -> None:
    """A field that is not taken, or not answered with, is one sentence; the step goes on."""
    found = read_capabilities([verb(step, lacks=[name])])

    assert found.has(step)
    assert found.drift
    assert all(VERBS[step].capability in each and name in each for each in found.drift)


def test_a_new_required_field_is_named() -> None:
    """Each request would be rejected."""
    (sentence,) = read_capabilities([verb(Step.JOBS, requires=["consent"])]).drift

    assert sentence == "indeed.scrape requires consent, which purchases do not set"


@pytest.mark.parametrize(
    ("pricing", "price"),
    [
        ([], StepPrice(0)),
        ([{"unit": "place", "micros_per_unit": 4_000}], StepPrice(4_000, 1_500)),
        ([{"unit": "Maps place", "micros_per_unit": 3_999.2}], StepPrice(4_000, 1_500)),
        (
            [
                {"unit": "review", "micros_per_unit": 9},
                {"unit": "item", "micros_per_unit": 7},
                "odd",
            ],
            StepPrice(7, 9),
        ),
    ],
)
def test_the_live_price_counts(pricing: object, price: StepPrice) -> None:
    """By its unit, whatever it is called; an empty list says that billing is off."""
    found = read_capabilities([verb(Step.MAPS, pricing=pricing)])

    assert found.prices[Step.MAPS] == price
    assert found.drift == ()


@pytest.mark.parametrize(
    "pricing",
    [
        {},
        "free",
        [7],
        [{"unit": "place"}],
        [{"unit": "place", "micros_per_unit": -1}],
        [{"unit": "place", "micros_per_unit": True}],
        [{"unit": "place", "micros_per_unit": 10**12}],
        [{"unit": "review", "micros_per_unit": 1_500}],
    ],
)
def test_a_price_that_cannot_be_read_is_not_zero(pricing: object) -> None:
    """The list price is assumed, and said to be."""
    found = read_capabilities([verb(Step.MAPS, pricing=pricing)])

    assert found.prices[Step.MAPS] == LIST_PRICES[Step.MAPS]
    assert "list price is assumed" in found.drift[0]


@pytest.mark.parametrize(
    "schema",
    [None, [], {}, {"type": "object"}, True, {"$ref": "#/$defs/Missing"}, {"type": ["object"]}],
)
def test_a_schema_that_says_nothing_shows_no_drift(schema: object) -> None:
    """An open object may have any field."""
    found = read_capabilities(
        [verb(Step.CRAWL) | {"input_schema": schema, "output_schema": schema}]
    )

    assert found.has(Step.CRAWL)
    assert found.drift == ()


def test_a_schema_that_refers_to_itself_is_read() -> None:
    """References are followed once."""
    loop = {"$defs": {"A": {"anyOf": [{"$ref": "#/$defs/A"}, {"type": "string"}]}}}

    assert not has_field(loop | {"properties": {"a": {"$ref": "#/$defs/A"}}}, "a.b")
    assert has_field(loop | {"properties": {"a": {"$ref": "#/$defs/A"}}}, "a")


@given(st.lists(JSON | st.dictionaries(st.just("name"), NAMES, min_size=1)), JSON, NAMES)
def test_any_answer_is_read(listed: list[object], odd: object, name: str) -> None:
    """Each step is offered or off, whatever a server says of its verbs."""
    entry = {"name": name, "input_schema": odd, "output_schema": odd, "pricing": odd}

    found = read_capabilities([*listed, entry])

    assert {*found.offers, *found.off} == set(Step)
    assert all(price.item_micros >= 0 for price in found.prices.values())


@pytest.mark.parametrize(
    ("step", "items", "micros"),
    [
        (Step.MAPS, [PLACE], 3_500),
        (Step.MAPS, [PLACE, PLACE | {"reviews": [{}, {}, {}]}], 11_500),
        (Step.SEARCH, [GOOGLE_PAGE], 5_500),
        (Step.SEARCH, [SEARXNG_PAGE, GOOGLE_PAGE], 5_500),
        (Step.SEARCH, [{"resultsProvider": "searxng"}], 0),
        (Step.CRAWL, [PAGE, PAGE, PAGE | {"status": "failed"}, PAGE | {"status": "empty"}], 4_000),
        (Step.JOBS, [JOB, JOB], 7_000),
        (Step.JOBS, [], 0),
        (Step.JOBS, [None, 7], 0),
    ],
)
def test_a_run_that_names_no_cost_is_priced_by_its_items(
    step: Step, items: list[object], micros: int
) -> None:
    """Every place, review and job; Google's pages, and those crawled with content."""
    assert cost_of(step, items) == micros


def test_live_prices_replace_the_list_s() -> None:
    """What is not offered any more keeps its list price: a run of it may still be collected."""
    prices = {Step.MAPS: StepPrice(10, 1)}

    assert cost_of(Step.MAPS, [PLACE | {"reviews": [{}, {}]}], prices) == 12
    assert cost_of(Step.JOBS, [JOB], prices) == 3_500
    assert most_it_costs(Step.MAPS, prices) == 10


@pytest.mark.parametrize("step", Step)
def test_a_request_asks_for_no_more_than_is_reserved(step: Step) -> None:
    """The limit that is sent is the one that the worst case is computed from."""
    site = "https://talleres.example/"
    pages = [f"{site}{page}" for page in ("empresa", "aviso-legal", "contacto")]

    request = request_of(step, Subject("Talleres"), site=site, pages=pages)

    assert request[USED[step].limit] == UNITS[step]
    assert most_it_costs(step) == UNITS[step] * LIST_PRICES[step].item_micros


@given(st.sampled_from(Step), st.lists(JSON | st.sampled_from([PAGE, PLACE, SEARXNG_PAGE, JOB])))
def test_costs_add_up(step: Step, items: list[object]) -> None:
    """Two runs cost what one of all their items costs, so that shares of a batch are exact."""
    half = len(items) // 2

    assert cost_of(step, items) == cost_of(step, items[:half]) + cost_of(step, items[half:])
    assert cost_of(step, items) >= 0
