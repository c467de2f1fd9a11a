"""The invented world's companies: plausible, well-formed, and the same every time."""

from collections import Counter
from functools import cache
from types import ModuleType

import phonenumbers
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from stdnum.ar import cuit
from stdnum.br import cnpj
from stdnum.cl import rut
from stdnum.co import nit
from stdnum.es import cif
from stdnum.mx import rfc
from stdnum.pe import ruc
from stdnum.pt import nif

from agents.cdao.vocabulary import Sector
from orchestrator.embedded.sandbox import vocabulary
from orchestrator.embedded.sandbox.companies import World
from orchestrator.embedded.sandbox.company import Company, Trait
from orchestrator.embedded.sandbox.fake_data import SeededRandom
from orchestrator.embedded.sandbox.truth import catalogue_of, truth_about
from orchestrator.embedded.sandbox.vocabulary import KINDS, formatted, invent_tax_id
from orchestrator.identity import company_key


@cache
def the_world() -> World:
    """Return the world of all tests here, which takes a second to invent."""
    return World(seed=3, catalogue_size=600)


@cache
def listed() -> list[Company]:
    """Return the companies of its catalogue."""
    return [company for company, _ in the_world().listed()]


VALIDATORS: dict[str, ModuleType] = {
    "CIF": cif,
    "RFC": rfc,
    "CNPJ": cnpj,
    "RUT": rut,
    "NIT": nit,
    "RUC": ruc,
    "NIPC": nif,
    "CUIT": cuit,
}


def all_near(company: Company) -> list[Company]:
    """Return *company* and those that are taken for it."""
    return [company, *the_world().namesakes(company.id), the_world().neighbour(company)]


@example("北京公司")
@given(st.text(min_size=1, max_size=60))
@settings(max_examples=60)
def test_any_name_has_a_company(name: str) -> None:
    """Whatever is asked for, the truth is complete, or the name names no company."""
    truth = truth_about(the_world(), name)

    if truth is not None:
        assert truth["sector"] in set(Sector)
        assert truth["country"] in vocabulary.countries()
        assert truth["phones"]
        assert (truth["domain"] or ".example").endswith(".example")
        assert (truth["domain"] or "").isascii()


def test_the_truth_depends_on_seed_and_name_alone() -> None:
    """Neither the order of questions nor the size of the catalogue changes a company."""
    asked_late = World(seed=3, catalogue_size=50)
    asked_late.company("something_else")
    other = World(seed=4, catalogue_size=1)

    assert [c for c, _ in asked_late.listed()] == listed()[:50]
    assert asked_late.company("acme") == the_world().company("acme")
    assert asked_late.namesakes(listed()[0].id) == the_world().namesakes(listed()[0].id)
    assert other.company("acme") != the_world().company("acme")


def test_a_spelling_does_not_matter() -> None:
    """Legal form, case and the city after the name lead to the same company."""
    company = listed()[0]

    keys = {
        the_world().key_of(name)
        for name in (
            company.name,
            company.brand.upper(),
            f"{company.brand} {company.city}",
            company_key(company.name).replace("_", " "),
        )
    }

    assert keys == {company.id}
    assert the_world().key_of("Acme S.L. Bilbao") == the_world().key_of("ACME") == "acme"
    assert the_world().key_of("  ") is None


def test_phones_are_valid_in_their_country() -> None:
    """Of every city, so that a reader of numbers accepts them."""
    for company in listed():
        for phone in company.phones:
            number = phonenumbers.parse(phone)
            assert phonenumbers.is_valid_number_for_region(number, company.country), company


@pytest.mark.parametrize("kind", KINDS)
def test_tax_ids_have_valid_check_digits(kind: str) -> None:
    """However they are written, they are the same number."""
    for draw in range(200):
        number = invent_tax_id(kind, SeededRandom(kind, draw))
        written = {formatted(kind, number, style) for style in range(3)}

        plain = {VALIDATORS[kind].validate(text.replace(".", "")) for text in written}
        assert plain == {number}


def test_every_company_of_the_catalogue_has_its_own_host() -> None:
    """No two share a site, whether asked for or taken for another; all hosts are reserved."""
    near = {each.id: each for company in listed() for each in all_near(company)}
    domains = Counter(company.domain for company in near.values() if company.domain)

    assert {domain for domain, count in domains.items() if count > 1} == set()
    assert all(domain.endswith(".example") and domain.count(".") == 1 for domain in domains)
    for company in near.values():
        if company.domain:
            site = the_world().site_at(f"www.{company.domain}")
            assert site is not None
            assert site.company == company


def test_a_host_is_found_again_after_a_restart() -> None:
    """By the words of its label, also where nothing was asked before, and under real domains."""
    asked = next(
        company
        for number in range(100)
        if (company := the_world().company(f"vidrios{number}_del_sol")).domain
        and Trait.NAMESAKES in company.traits
    )
    other = the_world().namesakes(asked.id)[0]
    fresh = World(seed=3, catalogue_size=1)

    sites = [fresh.site_at(host) for host in (other.domain or "", asked.domain or "")]

    assert [site and site.company for site in sites] == [other, asked]
    elsewhere = fresh.site_at("www.vidrios9-del-sol.com")
    there = fresh.company("vidrios9_del_sol")
    assert (elsewhere and elsewhere.company) == (there if there.domain else None)
    assert fresh.site_at("-.example") is None


def test_others_of_the_name_are_other_companies() -> None:
    """They share the brand, and neither place nor phone, host nor tax id."""
    named = [company for company in listed() if Trait.NAMESAKES in company.traits]

    assert len(named) > 50
    for company in named:
        for other in the_world().namesakes(company.id):
            assert other.brand == company.brand
            assert (other.country, other.city) != (company.country, company.city)
            assert other.domain != company.domain
            assert set(other.phones).isdisjoint(company.phones)
            assert other.tax_id is None or other.tax_id != company.tax_id


def test_all_hard_cases_occur_in_a_realistic_mix() -> None:
    """None is missing from a thousand companies, and most companies can be found."""
    met = Counter(trait for company in listed() for trait in company.traits)
    sizes = {company.size_band for company in listed()}

    assert set(Trait) - {Trait.HUGE} <= set(met)
    assert 0.04 < met[Trait.NO_WEBSITE] / len(listed()) < 0.25
    assert 0.25 < met[Trait.OUTRANKED] / len(listed()) < 0.65
    assert 0.8 < sum(company.is_findable for company in listed()) / len(listed()) < 0.97
    assert len(sizes) == 6
    assert {company.sector for company in listed()} == set(Sector)


def test_what_needs_a_site_occurs_on_sites_alone() -> None:
    """The labels of a company without site do not speak of it."""
    for company in listed():
        if company.domain is None:
            assert not company.traits & {Trait.SOFT_404, Trait.DESIGNER, Trait.OUTRANKED}
        assert bool(company.emails) == (company.domain is not None)


def test_the_catalogue_says_what_leads_say() -> None:
    """Names always, facts sometimes, and of a company with namesakes no more than of others."""
    rows = catalogue_of(the_world())

    assert len(rows) == len(listed())
    assert [company_key(row["company"]) for row in rows] == [c.id for c in listed()]
    assert 0 < sum("website" in row for row in rows) < len(rows) / 2
    with_others = [
        row for row, each in zip(rows, listed(), strict=True) if the_world().namesakes(each.id)
    ]
    assert 0 < sum("city" in row for row in with_others) < len(with_others)


def test_the_truth_tells_what_can_be_found_where() -> None:
    """A company that no source knows is not findable, and nothing is stated of it."""
    unknown = next(c for c in listed() if Trait.UNFINDABLE in c.traits)
    known = next(c for c in listed() if c.has_place and c.has_readable_site and c.tax_id_on_site)

    nothing, much = truth_about(the_world(), unknown.name), truth_about(the_world(), known.name)

    assert nothing is not None
    assert much is not None
    assert nothing["findable"] is False
    assert not any(nothing["stated"].values())
    assert much["findable"] is True
    assert {"maps", "crawl"} <= set(much["stated"]["sector"])
