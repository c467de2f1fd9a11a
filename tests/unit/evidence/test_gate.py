"""Only what belongs to the company passes; a site whose pages are another company's is lost."""

from dataclasses import replace
from typing import Any

import pytest

from orchestrator.evidence.gate import Answers, Gated, is_on, names_company, pass_gate
from orchestrator.evidence.model import Agreement, Hit, JobAd, Page, Place, Subject
from tests.unit.evidence.companies import (
    DOMAIN,
    HOME,
    KNOWN,
    NAMESAKE_PLACE,
    SUBJECT,
    hit,
    job,
    legal_page,
    page,
    place,
)

_FOREIGN = page(
    "# Panadería Goñi\n\nPan y bollería en Pamplona desde 1950.",
    url="https://panaderiagoni.example/",
    title="Panadería Goñi",
)


_PARKED = page(
    "talleresarriaga.example is for sale. Buy this domain.", title="This domain is for sale"
)


def gated(subject: Subject = SUBJECT, **answers: tuple[object, ...]) -> Gated:
    """Return what the gate says of these answers."""
    return pass_gate(subject, Answers(**answers))  # type: ignore[arg-type]  # each by its name


def agreement_of(item: Place | Hit | Page | JobAd, found: Gated) -> Agreement:
    """Return what was said of one item."""
    (agreement,) = (s.belonging.agreement for s in found.sources if s.item == item)
    return agreement


def test_the_site_is_chosen_over_places_that_agree() -> None:
    """A namesake's place brings no site, whatever its title."""
    found = gated(maps=(NAMESAKE_PLACE, place()))

    assert found.website.domain == DOMAIN
    assert agreement_of(place(), found) is Agreement.AGREE
    assert agreement_of(NAMESAKE_PLACE, found) is not Agreement.AGREE


def test_a_page_that_names_the_company_verifies_its_site() -> None:
    """The other pages of the site are the company's, too."""
    found = gated(maps=(place(),), crawl=(page(), legal_page()))

    assert found.is_verified
    assert agreement_of(legal_page(), found) is Agreement.AGREE


@pytest.mark.parametrize("subject", [SUBJECT, KNOWN])
def test_a_parked_site_is_lost(subject: Subject) -> None:
    """Not even the lead's own domain is its website when it is for sale."""
    found = gated(subject, maps=(place(),), crawl=(_PARKED,))

    assert found.website.url is None
    assert DOMAIN in found.website.reasons[0]
    assert not found.is_verified
    assert agreement_of(_PARKED, found) is not Agreement.AGREE


def test_a_site_that_only_a_search_found_must_name_the_company() -> None:
    """Of a site that nothing but its rank speaks for, silence is enough to be dropped."""
    silent = page("Bienvenidos. Estamos renovando nuestra web.", title="Inicio")

    alone = gated(search=(hit(),), crawl=(silent,))
    backed = gated(search=(hit(),), maps=(place(),), crawl=(silent,))

    assert (alone.website.domain, backed.website.domain) == (None, DOMAIN)
    assert agreement_of(silent, alone) is not Agreement.AGREE
    assert agreement_of(silent, backed) is not Agreement.AGREE


_NAMESAKE_SITE = (
    hit("Talleres Arriaga", "https://www.arriaga-talleres.example/", "Taller de calderería."),
    page(
        "# Talleres Arriaga\n\nTalleres Arriaga SL fabrica piezas de acero en Sevilla. "
        "info@arriaga-talleres.example, Avenida de la Industria 4, 41010 Sevilla.",
        url="https://www.arriaga-talleres.example/",
    ),
)


@pytest.mark.parametrize(
    ("subject", "answers"),
    [
        (SUBJECT, {}),
        # The lead knows no town, but Maps does.
        (replace(SUBJECT, city=None, phones=("+34944000111",)), {"maps": (place(website=None),)}),
    ],
)
def test_a_namesakes_site_in_another_town_is_lost(
    subject: Subject, answers: dict[str, tuple[Place, ...]]
) -> None:
    """It has the whole name and is the only site that a search finds, but never names our town."""
    result, home = _NAMESAKE_SITE

    found = gated(subject, search=(result,), crawl=(home,), **answers)

    assert found.website.domain is None
    assert "no other fact" in found.website.reasons[0]
    assert agreement_of(home, found) is Agreement.CONFLICT
    assert agreement_of(result, found) is Agreement.WEAK


@pytest.mark.parametrize(
    "said", ["También en Bilbao.", "Delegación en Vizcaya.", "Tel. 944 000 111"]
)
def test_a_site_that_names_our_town_region_or_phone_is_kept(said: str) -> None:
    """A company has branches elsewhere, too."""
    result, home = _NAMESAKE_SITE
    branch = replace(home, text=f"{home.text} {said}")
    known = replace(SUBJECT, phones=("+34944000111",))

    found = gated(known, search=(result,), crawl=(branch,))

    assert found.website.domain == "arriaga-talleres.example"


def test_pages_of_another_site_conflict() -> None:
    """What was crawled for a site that is no longer the choice is not the company's."""
    found = gated(maps=(place(),), crawl=(page(), _FOREIGN))

    assert found.is_verified
    assert agreement_of(_FOREIGN, found) is Agreement.CONFLICT


def test_a_verified_site_tells_places_apart() -> None:
    """A namesake's place is in conflict as soon as the company's own site is proven."""
    namesake = replace(NAMESAKE_PLACE, title="Talleres Arriaga", city="Bilbao")

    found = gated(search=(hit(),), crawl=(page(),), maps=(namesake,))

    assert found.website.domain == DOMAIN
    assert agreement_of(namesake, found) is Agreement.CONFLICT


_LISTED = hit(
    "Arriaga SL - Páginas Amarillas", "https://www.paginasamarillas.es/f/1", "Arriaga en Bilbao."
)


@pytest.mark.parametrize(
    ("hits", "agreement"),
    [
        ((), Agreement.WEAK),
        ((_LISTED,), Agreement.WEAK),
        ((_LISTED, replace(_LISTED, description="Textil Arriaga, Bilbao")), Agreement.AGREE),
        ((_LISTED, replace(_LISTED, description="Tel. 944 00 01 11")), Agreement.AGREE),
        ((_LISTED, hit("Inicio", HOME, "Bienvenidos")), Agreement.AGREE),
    ],
)
def test_a_place_of_another_wording_must_be_seen_by_the_search(
    hits: tuple[Hit, ...], agreement: Agreement
) -> None:
    """Textil Arriaga may be the neighbour of an Arriaga in Bilbao that Maps does not know."""
    other = place("Textil Arriaga")

    found = gated(Subject("Arriaga SL", country="ES", city="Bilbao"), maps=(other,), search=hits)

    assert agreement_of(other, found) is agreement


@pytest.mark.parametrize(
    ("title", "website", "agreement"),
    [
        ("Textil Arriaga", "https://arriaga.example/", Agreement.AGREE),
        ("Arriaga Textil", "https://arriaga.example/", Agreement.AGREE),
        ("Textil Arriaga", "https://textilarriaga.example/", Agreement.WEAK),
        ("Arriaga", "https://textilarriaga.example/", Agreement.AGREE),
    ],
)
def test_a_domain_of_the_bare_name_shows_a_place_of_another_wording(
    title: str, website: str, agreement: Agreement
) -> None:
    """A domain that has the place's other words, too, says no more than the place."""
    other = place(title, website=website)

    found = gated(Subject("Arriaga SL", country="ES", city="Bilbao"), maps=(other,))

    assert agreement_of(other, found) is agreement


_OFFICE = (
    hit("Talleres Arriaga", "https://www.arriaga-talleres.example/", "Taller de calderería."),
    page("# Talleres Arriaga\n\nTalleres Arriaga SL", url="https://www.arriaga-talleres.example/"),
)


@pytest.mark.parametrize(
    "fact", [{"city": "Bilbao"}, {"phones": ("+34944000111",)}, {"tax_id": "B58818501"}]
)
def test_a_site_that_shows_nothing_but_the_name_is_not_the_companys(fact: dict[str, Any]) -> None:
    """The only site of that name may be a namesake's; it may be crawled, to see more of it."""
    result, home = _OFFICE
    subject = Subject("Talleres Arriaga SL", country="ES", **fact)

    before, after = (
        gated(subject, search=(result,)),
        gated(subject, search=(result,), crawl=(home,)),
    )
    by_name = gated(Subject("Talleres Arriaga SL", country="ES"), search=(result,), crawl=(home,))

    assert before.website.domain == "arriaga-talleres.example"
    assert agreement_of(result, before) is Agreement.WEAK
    assert after.website.domain is None
    assert agreement_of(home, after) is Agreement.CONFLICT
    assert agreement_of(home, by_name) is Agreement.AGREE


@pytest.mark.parametrize(
    ("subject", "shown", "agreement"),
    [
        (replace(KNOWN, city=None), place(website=None), Agreement.AGREE),
        (replace(KNOWN, city=None), place(website=None, phone=None), Agreement.AGREE),
        (replace(KNOWN, city=None), place(website=None, city="Vigo", phone=None), Agreement.WEAK),
        (KNOWN, place(website=None, city="Vigo"), Agreement.AGREE),
        (KNOWN, place(website=None, city="Vigo", phone="+34 986 00 02 22"), Agreement.WEAK),
        (KNOWN, place("Gestoría Mendoza", website=None, city="Vigo"), Agreement.CONFLICT),
    ],
)
def test_a_place_without_a_site_is_the_companys_if_the_site_knows_it(
    subject: Subject, shown: Place, agreement: Agreement
) -> None:
    """By its phone number, or by its town where the lead names none."""
    assert agreement_of(shown, gated(subject, maps=(shown,), crawl=(page(),))) is agreement


def test_hits_elsewhere_need_a_second_fact() -> None:
    """A name alone may be a namesake's: the town, domain, phone or tax id must stand with it."""
    named = hit("Talleres Arriaga", "https://www.paginasamarillas.es/f/1", "Una empresa de Sevilla")
    tied = hit("Talleres Arriaga", "https://www.paginasamarillas.es/f/2", "Una empresa de Bilbao")
    owned = hit("Talleres Arriaga", "https://arriagabilbao.example/", "Una empresa de Bilbao")
    other = hit("Talleres Mendoza", "https://www.paginasamarillas.es/f/3", "Una empresa de Bilbao")

    found = gated(search=(hit(), named, tied, owned, other), maps=(place(),))

    assert agreement_of(hit(), found) is Agreement.AGREE
    assert agreement_of(tied, found) is Agreement.AGREE
    assert agreement_of(named, found) is Agreement.WEAK
    # Perhaps a namesake's own site: the company's is another one.
    assert agreement_of(owned, found) is Agreement.WEAK
    assert agreement_of(other, found) is Agreement.WEAK


@pytest.mark.parametrize(
    ("facts", "description"),
    [
        ({"domain": DOMAIN}, f"Web: {DOMAIN}"),
        ({"phones": ("+34944000111",)}, "Tel. 944 00 01 11"),
        ({"tax_id": "B-58818501"}, "CIF B58818501"),
        ({"city": "Bilbao"}, "Empresa de BILBAO (Vizcaya)"),
    ],
)
def test_each_fact_of_the_company_ties_a_hit(facts: dict[str, str], description: str) -> None:
    """Whatever is known of the company tells it from its namesakes."""
    named = hit("Talleres Arriaga", "https://www.paginasamarillas.es/f/1", description)

    with_fact = gated(Subject("Talleres Arriaga SL", **facts), search=(named,))  # type: ignore[arg-type]  # by name
    without = gated(Subject("Talleres Arriaga SL"), search=(named,))

    assert agreement_of(named, with_fact) is Agreement.AGREE
    assert agreement_of(named, without) is Agreement.WEAK


def test_a_town_in_the_name_ties_nothing() -> None:
    """Every namesake of "Transportes Bilbao" names Bilbao."""
    named = hit("Transportes Bilbao", "https://www.paginasamarillas.es/f/1", "Transportes Bilbao")

    found = gated(Subject("Transportes Bilbao SL", city="Bilbao"), search=(named,))

    assert agreement_of(named, found) is Agreement.WEAK


@pytest.mark.parametrize(
    ("ad", "agreement"),
    [
        (job(), Agreement.AGREE),
        (job("Talleres Arriaga"), Agreement.AGREE),
        (job(city=None), Agreement.WEAK),
        (job(city="Bilbao, Vizcaya"), Agreement.AGREE),
        (job(city="Sevilla"), Agreement.WEAK),
        (job("Talleres Mendoza SL"), Agreement.CONFLICT),
    ],
)
def test_job_ads_are_the_companys_by_employer_and_town(ad: JobAd, agreement: Agreement) -> None:
    """A search for ads brings those of other employers and of namesakes."""
    assert agreement_of(ad, gated(jobs=(ad,))) is agreement


@pytest.mark.parametrize(
    ("url", "domain", "expected"),
    [
        (HOME, DOMAIN, True),
        (f"https://tienda.{DOMAIN}/", DOMAIN, True),
        (DOMAIN, f"www.{DOMAIN}", True),
        (f"https://not{DOMAIN}/", DOMAIN, False),
        ("no address at all", DOMAIN, False),
        (None, DOMAIN, False),
        (HOME, None, False),
    ],
)
def test_a_site_has_subdomains(url: str | None, domain: str | None, expected: object) -> None:
    """Any host of one registered domain is the same site."""
    assert is_on(url, domain) is expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Titular: TALLERES ARRIAGA, S.L.", True),
        ("Talleres-Arriaga", True),
        ("En Talleres & Arriaga", True),
        ("Arriaga Talleres", False),
        ("Talleres Arriagabeitia", False),
        ("", False),
    ],
)
def test_a_source_names_the_company_word_for_word(text: str, expected: object) -> None:
    """The legal form may be written otherwise, the words may not."""
    (source,) = gated(crawl=(page(text, url=HOME, title=""),)).sources

    assert names_company(SUBJECT, replace(source, text=text)) is expected


def test_doubles_are_one_source() -> None:
    """An item that comes twice counts once."""
    assert len(gated(maps=(place(), place()), search=(hit(), hit())).sources) == 2
