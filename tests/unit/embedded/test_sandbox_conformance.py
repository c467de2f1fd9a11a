"""Conformance: requests and answers have the shapes that are documented of SurfSense.

`tests/golden/surfsense_examples.json` has a request and an answer of each verb, which SurfSense's
own models have accepted. The sandbox must answer so, and our requests must ask for what there is.
"""

import json
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from orchestrator.embedded.sandbox import Behaviour
from orchestrator.embedded.sandbox.companies import World
from orchestrator.embedded.sandbox.company import Company
from orchestrator.embedded.sandbox.requests import FIELDS, REQUESTS, CrawlRequest, capability_of
from orchestrator.embedded.sandbox.verbs import Result, Scene, perform, without_nulls
from orchestrator.evidence.model import Step, Subject
from orchestrator.surfsense.capabilities import LIST_PRICES, has_field, read_capabilities
from orchestrator.surfsense.verbs import VERBS, answer_of, is_askable, kept_in, request_of
from tests.support.project import ROOT

NOW = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
WORLD = World(catalogue_size=120)
COMPANIES = [company for company, _ in WORLD.listed()]
EXAMPLES: dict[str, Any] = json.loads(
    (ROOT / "tests/golden/surfsense_examples.json").read_text("utf-8")
)
#: Lists of an item that are nearly always empty, and objects whose fields are optional.
_OPEN = {"productInfo", "metadata", "resultsProvider"}
_BLANK = {"paidResults", "paidProducts", "benefits", "links", "reviews", "siteLinks"}


def answer(step: Step, company: Company) -> Result:
    """Return the answer to our own request of *step* about *company*."""
    kind = REQUESTS[VERBS[step].capability]
    site = f"https://www.{company.domain or 'nothing.example'}/"
    subject = Subject(company.name, country=company.country, city=company.city)
    body = request_of(step, subject, site=site, pages=[site]) | {"include_details": True}
    behaviour = Behaviour(world="real", wall_rate=0, searxng_rate=0)
    return perform(kind.model_validate(body), Scene(WORLD, behaviour, NOW, 1))


def differences(example: Any, found: Any, path: str) -> list[str]:  # noqa: ANN401 - any JSON
    """Return where *found* lacks a field of *example*, or has it in another type."""
    if isinstance(example, dict):
        if not isinstance(found, dict):
            return [f"{path}: {found!r} is no object"]
        lacking = [f"{path}.{name} is missing" for name in example.keys() - found.keys() - _OPEN]
        inner = [
            each
            for name in example.keys() & found.keys() - _OPEN
            for each in differences(example[name], found[name], f"{path}.{name}")
        ]
        return lacking + inner
    if isinstance(example, list):
        if not isinstance(found, list):
            return [f"{path}: {found!r} is no list"]
        return [d for each in found for d in differences(example[0], each, path)] if example else []
    is_alike = example is None or found is None or type(found) is type(example)
    is_number = isinstance(example, int | float) and isinstance(found, int | float)
    return [] if is_alike or is_number else [f"{path}: {found!r} instead of {example!r}"]


@pytest.mark.parametrize("step", Step)
def test_an_answer_has_the_documented_shape(step: Step) -> None:
    """Every field of the example, in its type, in each item, page or job of many companies."""
    example = EXAMPLES[VERBS[step].capability]["response"]
    example_item = example["items"][0]
    found = [item for company in COMPANIES for item in answer(step, company).items]
    full = [item for item in found if item.get("status", "success") == "success"]

    assert len(full) > 50
    assert {d for item in full for d in differences(example_item, item, "item")} == set()
    for name in example_item:
        if isinstance(example_item[name], list) and example_item[name] and name not in _BLANK:
            assert any(item[name] for item in full), name


@pytest.mark.parametrize("step", Step)
def test_an_answer_has_no_field_that_its_schema_lacks(step: Step) -> None:
    """What the capabilities say is what is sent, at every depth."""
    schema = capability_of(REQUESTS[VERBS[step].capability], is_billed=True, lacks=())
    fields = FIELDS[VERBS[step].capability]

    for company in COMPANIES[:60]:
        for item in answer(step, company).items:
            assert item.keys() <= fields.keys()
            for name, inner in fields.items():
                rows = item[name] if isinstance(item.get(name), list) else [item.get(name)]
                for row in rows:
                    if inner is not None and isinstance(row, dict):
                        assert row.keys() <= inner.keys()
                assert has_field(schema["output_schema"], f"items.{name}")


def test_a_crawl_has_the_documented_contacts() -> None:
    """At its top level, and only there."""
    example = EXAMPLES["web.crawl"]["response"]["contacts"]
    contacts = [answer(Step.CRAWL, company).contacts for company in COMPANIES]

    assert {d for each in contacts for d in differences(example, each, "contacts")} == set()
    assert any(each and all(each.values()) for each in contacts)
    assert all(answer(Step.MAPS, company).contacts is None for company in COMPANIES[:5])


@pytest.mark.parametrize("verb", EXAMPLES)
def test_the_documented_request_is_accepted(verb: str) -> None:
    """None of its fields is unknown."""
    kind, example = REQUESTS[verb], EXAMPLES[verb]["request"]

    request = kind.model_validate(example)

    assert example.keys() <= kind.model_fields.keys()
    assert request.model_dump(include=set(example)) == example


_NAMES = st.text(min_size=1, max_size=80)
_SUBJECTS = st.builds(
    Subject,
    name=_NAMES,
    country=st.sampled_from([None, "ES", "MX", "BR", "US", "DE"]),
    city=st.none() | st.text(max_size=30),
)


@given(_SUBJECTS, st.sampled_from(Step))
def test_our_requests_ask_for_what_there_is(subject: Subject, step: Step) -> None:
    """Of any company: no field is unknown, and none is out of its limits."""
    kind = REQUESTS[VERBS[step].capability]
    site = "https://www.acme.example/"
    body = request_of(step, subject, site=site, pages=[f"{site}aviso-legal"])

    assert body.keys() <= kind.model_fields.keys()
    if is_askable(subject):
        request = kind.model_validate(body)
        assert "\x00" not in request.model_dump_json()
        assert 0 < request.worst_case_micros <= 25_000


def test_the_capabilities_show_no_drift() -> None:
    """The verbs are those that purchases use, at the list prices; a lacking field is named."""
    rows = [capability_of(kind, is_billed=True, lacks=()) for kind in REQUESTS.values()]
    drifted = [
        capability_of(kind, is_billed=False, lacks=("website",)) for kind in REQUESTS.values()
    ]

    found, changed = read_capabilities(rows), read_capabilities(drifted)

    assert found.drift == ()
    assert found.off == {}
    assert found.prices == LIST_PRICES
    assert [sentence for sentence in changed.drift if "website" in sentence]
    assert {price.item_micros for price in changed.prices.values()} == {0}


@pytest.mark.parametrize("step", Step)
def test_what_runs_keep_can_be_read(step: Step) -> None:
    """Items without nulls become evidence, whatever is in their texts."""
    read = [
        kept_in(step, answer_of(step, without_nulls(answer(step, company).items)))
        for company in COMPANIES
    ]

    assert sum(map(bool, read)) > len(COMPANIES) / 3


@pytest.mark.parametrize(
    ("verb", "wrong"),
    [
        ("google_search.scrape", {}),
        ("google_search.scrape", {"queries": []}),
        ("google_search.scrape", {"queries": ["a"] * 21}),
        ("google_search.scrape", {"queries": ["a"], "max_pages_per_query": 11}),
        ("google_maps.scrape", {}),
        ("google_maps.scrape", {"search_queries": ["a"], "max_places": 0}),
        ("google_maps.scrape", {"place_ids": ["a"] * 21}),
        ("web.crawl", {"startUrls": ["acme.example"]}),
        ("web.crawl", {"startUrls": ["http://localhost/"]}),
        ("web.crawl", {"startUrls": ["https://a.example/"], "maxCrawlDepth": 6}),
        ("web.crawl", {"startUrls": ["https://a.example/"], "includeUrlPatterns": ["x"] * 26}),
        ("indeed.scrape", {"country": "es"}),
        ("indeed.scrape", {"search_queries": ["a"], "max_items": 101}),
        ("indeed.scrape", {"search_queries": ["a"], "sort": "salary"}),
    ],
)
def test_a_request_beyond_the_limits_is_refused(verb: str, wrong: dict[str, Any]) -> None:
    """As SurfSense's models refuse it."""
    with pytest.raises(ValidationError):
        REQUESTS[verb].model_validate(wrong)


def test_the_gate_takes_the_worst_case() -> None:
    """The defaults are large, as SurfSense's are."""
    worst = {
        verb: REQUESTS[verb].model_validate(body).worst_case_micros
        for verb, body in {
            "google_search.scrape": {"queries": ["a", "b"], "max_pages_per_query": 2},
            "google_maps.scrape": {"search_queries": ["a"]},
            "indeed.scrape": {"search_queries": ["a"]},
            "web.crawl": {"startUrls": ["https://a.example/"], "maxCrawlDepth": 1},
        }.items()
    }

    assert worst == {
        "google_search.scrape": 22_000,
        "google_maps.scrape": 35_000,
        "indeed.scrape": 87_500,
        "web.crawl": 20_000,
    }
    flat = CrawlRequest(startUrls=["https://a.example/"] * 3)
    assert flat.worst_case_micros == 6_000
