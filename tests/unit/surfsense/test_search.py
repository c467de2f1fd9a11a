"""A company as a search, a search as a company, and items as a payload."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.identity import InvalidCompanyName, company_key
from orchestrator.surfsense.verbs import (
    is_search_for,
    is_searchable,
    payload_from,
    search_request,
)


def result(url: object, **more: object) -> dict[str, Any]:
    """Return a hit on a page of results."""
    return {"title": "Acme", "url": url, "description": "Invented.", "siteLinks": []} | more


@given(st.text())
def test_a_search_is_one_phrase_in_quotes(company: str) -> None:
    """Whatever the name holds: no newline that makes two searches, no quote that ends one."""
    (phrase,) = search_request(company)["queries"]

    assert phrase.count('"') == 2
    assert phrase.isprintable()
    assert is_searchable(company) == (phrase != '""')


@given(st.text(st.characters(categories=("L", "N", "Zs")), min_size=1))
def test_a_search_is_recognized_as_its_companys(company: str) -> None:
    """The request that a run keeps is enough to tell which company it is about."""
    try:
        company_key(company)
    except InvalidCompanyName:
        return
    stored = search_request(company) | {"language_code": "", "a_later_default": False}

    assert is_search_for(company, stored)


def test_companies_of_one_name_are_searched_and_recognized_apart() -> None:
    """The domain or country behind the name is searched for, too, and never mistaken."""
    asked = ["Acme", "Acme GmbH (globex.de)", "Acme (acme.es)", "Acme (MX)"]
    requests = [search_request(company) for company in asked]

    assert [each["queries"] for each in requests] == [
        ['"Acme"'],
        ['"Acme GmbH" globex.de'],
        ['"Acme" acme.es'],
        ['"Acme" MX'],
    ]
    for company in asked:
        assert [is_search_for(company, each) for each in requests] == [
            other == company for other in asked
        ]


@pytest.mark.parametrize(
    "request_",
    [
        None,
        {},
        {"queries": "Acme"},
        {"queries": []},
        {"queries": [7]},
        {"queries": ['"  "'], "max_pages_per_query": 1},
        {"queries": ['"Otra"'], "max_pages_per_query": 1},
        {"queries": ['"Acme"', '"Acme"'], "max_pages_per_query": 1},
        {"queries": ["Acme"], "max_pages_per_query": 1},
        {"queries": ['"Acme"'], "max_pages_per_query": 2},
        {"queries": ['"Acme"'], "max_pages_per_query": 1, "site": "acme.example"},
        {"queries": ['"Acme"'], "max_pages_per_query": 1, "country_code": "es"},
    ],
)
def test_another_search_is_not_recognized(request_: dict[str, Any] | None) -> None:
    """The run of another purchase must not pass for this one."""
    assert not is_search_for("Acme", request_)


def test_the_sandboxs_company_is_the_payload() -> None:
    """As `/enrich` would have answered it."""
    company = {"empresa": "Acme", "simulated": True, "sector": "retail"}

    assert payload_from([{"organicResults": []}, {"empresa": company}], "ACME") == company


def test_real_results_claim_little() -> None:
    """The first hit may be the company's site, which is not verified."""
    items = [
        {"organicResults": [result("https://a.example/"), result("https://b.example/")]},
        {"organicResults": [result("https://c.example/")]},
    ]

    payload = payload_from(items, "Acme")

    source = {"confidence": 0.2, "source_url": "https://a.example/"}
    assert payload == {
        "empresa": "Acme",
        "website": {"value": "https://a.example/"} | source,
        "description": {"value": "Invented."} | source,
        "source_urls": ["https://a.example/", "https://b.example/", "https://c.example/"],
    }


def test_hits_on_other_domains_are_no_evidence_where_the_domain_is_known() -> None:
    """They may be another company's of the same name."""
    hits = [result("https://acme.es/"), result("https://www.globex.de/"), result("https://[")]

    payload = payload_from([{"organicResults": hits}], "Acme GmbH (globex.de)")

    assert payload["empresa"] == "Acme GmbH"
    assert payload["source_urls"] == ["https://www.globex.de/"]
    assert payload_from([{"organicResults": hits[:1]}], "Acme GmbH (globex.de)") == {}
    assert payload_from([{"organicResults": hits[:1]}], "Acme (MX)")["source_urls"] != []


def test_links_into_a_site_make_it_likelier() -> None:
    """Google shows them for the site that a name stands for."""
    items = [{"organicResults": [result("https://a.example/", siteLinks=[{}], description=None)]}]

    payload = payload_from(items, "Acme")

    assert payload["website"]["confidence"] == 0.4
    assert "description" not in payload


@pytest.mark.parametrize(
    "items",
    [
        [],
        [{}],
        [{"organicResults": None, "empresa": "Acme"}],
        [{"organicResults": ["https://a.example", result(7), result("javascript:alert(1)")]}],
    ],
)
def test_nothing_usable_is_an_empty_payload(items: list[dict[str, Any]]) -> None:
    """Odd items claim nothing and break nothing."""
    assert payload_from(items, "Acme") == {}
