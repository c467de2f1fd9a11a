"""What the pages, places, hits and job ads of an invented company say about it."""

import re
from dataclasses import replace
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agents.case import ClaimField
from agents.cdao.vocabulary import SizeBand
from orchestrator.evidence import details
from orchestrator.evidence.details import of_hits, of_jobs, of_pages, of_places, social_profile
from orchestrator.evidence.hosts import HostKind
from orchestrator.evidence.model import Hit, JobAd, Method, Observed, Page, Place, Subject
from orchestrator.evidence.signals import (
    MOST_BELIEVABLE,
    category_of,
    date_of,
    headcount_in,
    headline_names,
    notices_in,
    technologies_in,
)
from orchestrator.evidence.texts import plain, single_spaced

HOME = Page(
    url="https://www.talleresrua.example/",
    title="Talleres Rúa",
    text="""# Talleres Rúa

[Inicio](/) [Contacto](/contacto)

Utilizamos cookies propias y de terceros. Fabricamos **calderería** y mecanizado para astilleros.

Somos un equipo de 45 personas. Nuestro ERP es Odoo.

Calle Mayor 4, 48001 Bilbao, España
Tel. +34 944 123 456 | [LinkedIn](https://es.linkedin.com/company/talleres-rua/?trk=a)
CIF B70000013 | ana.ruiz@talleresrua.example
""",
    emails=("info@talleresrua.example", "ana.ruiz@talleresrua.example", "hola@pixelar.example"),
    phones=("+34 944 123 457",),
    socials=("https://www.facebook.com/talleresrua",),
)
CAREERS = Page(
    url="https://www.talleresrua.example/trabaja-con-nosotros",
    title="Empleo",
    text="Tenemos 3 vacantes:\n\n- Calderero/a (H/M)\n- [Técnico de calidad](/x)\n- Mándanos tu CV",
)
SUBJECT = Subject("Talleres Rúa S.L.")
NEWS_HIT = Hit(
    position=3,
    title="Talleres Rúa inaugura una nueva planta en Lugo - El Diario",
    url="https://www.elpais.com/economia/2025/05/07/talleres.html",
)
JOB = JobAd("Soldador/a", "Talleres Rúa", "https://jobs.example/1", "Bilbao")


def values(observed: list[Observed], field: ClaimField) -> list[str | int]:
    """Return the values of one field."""
    return [one.value for one in observed if one.field is field]


@pytest.mark.parametrize(
    ("field", "expected"),
    [
        (ClaimField.DESCRIPTION, ["Fabricamos calderería y mecanizado para astilleros."]),
        (ClaimField.HEADCOUNT, [45]),
        (ClaimField.TECHNOLOGY, ["Odoo"]),
        (ClaimField.TAX_ID, ["B70000013"]),
        (ClaimField.PHONE, ["+34944123456", "+34944123457"]),
        (ClaimField.EMAIL, ["info@talleresrua.example"]),
        (
            ClaimField.SOCIAL,
            ["https://facebook.com/talleresrua", "https://linkedin.com/company/talleres-rua"],
        ),
        (ClaimField.HIRING, [3, "Calderero/a (H/M)", "Técnico de calidad"]),
        (ClaimField.COUNTRY, ["ES", "ES", "ES"]),
        (ClaimField.NEWS, []),
    ],
)
def test_a_field_of_the_pages(field: ClaimField, expected: list[str | int]) -> None:
    """Each field is read from the page that states it."""
    assert values(of_pages([CAREERS, HOME], "ES"), field) == expected


def test_no_quote_has_a_persons_address() -> None:
    """The cell that a value stands in is cut where it names a person's mailbox."""
    found = of_pages([HOME], "ES")

    assert found
    assert not any("ana.ruiz" in one.quote for one in found)


def test_the_country_is_told_by_a_tax_id_a_phone_and_an_address() -> None:
    """Three kinds of sign, three statements; the tax id's is the strongest."""
    methods = [one.method for one in of_pages([HOME], "ES") if one.field is ClaimField.COUNTRY]

    assert methods == [Method.CHECK_DIGIT, Method.PAGE_CONTACT, Method.PAGE_TEXT]


def test_branches_in_two_countries_tell_no_country() -> None:
    """A company with numbers in Spain and Portugal is at home in one of them, but in which?"""
    for written in ("+34 944 123 456", "944 123 456"):
        page = replace(HOME, text=f"Tel. {written}, Lisboa: +351 210 550 101")

        assert values(of_pages([page], "ES"), ClaimField.COUNTRY) == []


def test_a_number_without_its_country_code_tells_no_country() -> None:
    """It was read as the lead's country's: that would prove itself."""
    page = replace(HOME, text="Tel. 944 123 456")

    assert values(of_pages([page], "ES"), ClaimField.COUNTRY) == []


def test_a_street_named_after_a_country_is_no_address_there() -> None:
    """Many towns have an Avenida de Portugal."""
    page = replace(HOME, text="Avenida de Portugal 3, Calle Chile, 1, Madrid\n\nRua Brasil, 5")

    assert values(of_pages([page], None), ClaimField.COUNTRY) == []


def test_a_pages_own_description_is_preferred_unless_it_is_a_templates() -> None:
    """What site builders fill in says nothing."""
    own = replace(HOME, description="Calderería naval en Bilbao desde 1987")
    template = replace(HOME, description="Just another WordPress site with a title")

    assert values(of_pages([own], "ES"), ClaimField.DESCRIPTION) == [own.description]
    assert values(of_pages([template], "ES"), ClaimField.DESCRIPTION) == [
        "Fabricamos calderería y mecanizado para astilleros."
    ]


def test_a_careers_page_without_positions_yields_none() -> None:
    """`No hay vacantes` ends it, whatever is listed beside."""
    page = replace(CAREERS, text="Actualmente no hay vacantes.\n\n- Técnico de calidad")

    assert values(of_pages([page], "ES"), ClaimField.HIRING) == []


def test_other_pages_list_no_positions() -> None:
    """A list of services or of the team is no list of open positions."""
    page = replace(CAREERS, url="https://www.talleresrua.example/equipo", title="Equipo")

    assert values(of_pages([page], "ES"), ClaimField.HIRING) == []


@pytest.mark.parametrize(
    ("text", "size"),
    [
        ("Contamos con más de 200 empleados y 5.000 clientes.", 200),
        ("200+ employees worldwide", 200),
        ("Somos 1.200 colaboradores", 1200),
        ("Mais de 100 funcionários", 100),
        ("Nossa equipe conta com 60 profissionais", 60),
        ("Plantilla de 320 trabajadores en 4 países", 320),
        ("plantilla media de 85", 85),
        ("Damos empleo a más de 350 personas", 350),
        ("51-200 employees", SizeBand.UP_TO_200),
        ("entre 60 y 100 empleados", SizeBand.UP_TO_200),
        ("Somos una microempresa", SizeBand.UP_TO_10),
        ("Más de 25 años de experiencia y 3 oficinas", None),
        ("Ayudamos a empresas de más de 50 empleados", None),
        ("For companies with 50-200 employees", None),
        ("Hemos formado a más de 5.000 profesionales", None),
        ("3.000 profesionales confían en nosotros", None),
        ("Crearemos 50 puestos de trabajo", None),
        ("Incorporamos 200 nuevos empleados", None),
        ("Aforo para 200 personas", None),
        ("Entre 10 y 500 empleados", None),
    ],
)
def test_the_size_of_a_company(text: str, size: int | SizeBand | None) -> None:
    """Its own people are counted, not customers, years or those it trains."""
    found = headcount_in(text)

    assert (found[0] if found else None) == size


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("Este sitio web utiliza Google Analytics, un servicio de Google.", ["Google Analytics"]),
        ("Somos partner oficial de Odoo y SAP Business One.", ["Odoo", "SAP"]),
        ("Powered by Shopify", ["Shopify"]),
        ("Se requiere experiencia en SAP", []),
        ("Vendemos licencias de SAP", []),
        ("Utilizamos sap de los pinos", []),
        ("Alternativa a Salesforce que utiliza IA", []),
        ("Integramos SAP, Oracle, Salesforce, HubSpot, Odoo, Zoho y Tableau", []),
    ],
)
def test_the_technologies_of_a_company(text: str, names: list[str]) -> None:
    """A product counts where the page says that it's used."""
    assert [found.value for found in technologies_in(text)] == names


def test_a_reseller_of_everything_uses_nothing_for_sure() -> None:
    """More products than a company uses are what it sells."""
    names = [
        "SAP",
        "Oracle",
        "Odoo",
        "HubSpot",
        "Salesforce",
        "Zendesk",
        "Shopify",
        "Magento",
        "VTEX",
    ]
    text = "\n".join(f"Somos partner de {name}." for name in names)

    assert len(names) > MOST_BELIEVABLE
    assert values(of_pages([replace(HOME, text=text)], "ES"), ClaimField.TECHNOLOGY) == []


@pytest.mark.parametrize(
    ("url", "profile"),
    [
        ("https://www.linkedin.com/company/acme-sl/?trk=x", "https://linkedin.com/company/acme-sl"),
        ("https://es-es.facebook.com/acme.sl?ref=1", "https://facebook.com/acme.sl"),
        ("https://youtube.com/@acme", "https://youtube.com/@acme"),
        ("https://www.youtube.com/channel/UC1/videos", "https://youtube.com/channel/UC1"),
        ("https://www.linkedin.com/in/ana-ruiz", None),
        ("https://www.facebook.com/sharer/sharer.php?u=x", None),
        ("https://twitter.com/intent/tweet?text=x", None),
        ("https://www.instagram.com/p/xyz/", None),
        ("https://www.youtube.com/watch?v=1", None),
        ("https://facebook.com.evil.example/acme", None),
        ("http://[", None),
    ],
)
def test_a_companys_profile(url: str, profile: str | None) -> None:
    """Profiles of companies count, not those of people, nor buttons for sharing."""
    assert social_profile(url) == profile


@pytest.mark.parametrize(
    ("text", "notices"),
    [
        ("Hemos cerrado definitivamente. Gracias.", ["closure: Hemos cerrado definitivamente."]),
        (
            "Rúa, S.L. (en liquidación)",
            ["insolvency: Rúa, S.L. (en liquidación)"],
        ),
        ("Liquidación de stock: todo en liquidación", []),
        ("Si su empresa se encuentra en concurso de acreedores, nuestros abogados", []),
        ("Cerramos los domingos", []),
    ],
)
def test_a_notice_about_the_companys_end(text: str, notices: list[str]) -> None:
    """What the company says about itself counts, not what it sells or advises on."""
    assert [f"{category.value}: {said}" for category, said, _ in notices_in(text)] == notices


@pytest.mark.parametrize(
    ("headline", "category"),
    [
        ("Acme inaugura una nueva planta en Lugo", "expansion"),
        ("Acme cierra una ronda de 5 millones", "funding"),
        ("Acme raises $5M in Series A", "funding"),
        ("Acme entra en concurso de acreedores", "insolvency"),
        ("Acme, premio a la innovación", "award"),
        ("Acme lança novo produto", "product"),
        ("Acme presenta un ERE para 40 trabajadores", "layoffs"),
        ("Acme adquiere Bolt", "merger"),
        ("Acme baja la persiana tras 40 años", "closure"),
        ("Acme sale de concurso de acreedores", None),
        ("¿Despide a su plantilla Acme?", None),
        ("Acme y el futuro del acero", None),
        ("Acme cierra 2024 con más ventas", None),
    ],
)
def test_what_a_headline_reports(headline: str, category: str | None) -> None:
    """Only a clear word makes a headline news."""
    found = category_of(headline)

    assert (found.value if found else None) == category


def test_a_headline_must_name_the_company(monkeypatch: pytest.MonkeyPatch) -> None:
    """News come from news sites, dated by their address, and name the company."""
    monkeypatch.setattr(details, "kind_of", {"elpais.com": HostKind.NEWS}.get)
    blog = replace(NEWS_HIT, url="https://blog.example/2025/05/07/talleres")
    other = replace(NEWS_HIT, title="Talleres Ría inaugura una nueva planta en Lugo")

    (news,) = of_hits([NEWS_HIT, blog, other], SUBJECT, None)

    assert news.value == "expansion: Talleres Rúa inaugura una nueva planta en Lugo"
    assert news.as_of == datetime(2025, 5, 7, 12, tzinfo=UTC)


def test_a_word_is_no_name() -> None:
    """`La nube crece` is not about a company called Nube."""
    assert headline_names("Nube crece en Bilbao", "Nube S.L.")
    assert not headline_names("La nube crece en Bilbao", "Nube S.L.")
    assert not headline_names("Rúa y Talleres", "Talleres Rúa")


@pytest.mark.parametrize(
    ("written", "date"),
    [
        ("2024-03-12T08:00:00Z", (2024, 3, 12)),
        ("12 mar 2024", (2024, 3, 12)),
        ("Mar 12, 2024", (2024, 3, 12)),
        ("12 de março de 2024", (2024, 3, 12)),
        ("5 ago. 2023", (2023, 8, 5)),
        ("31 feb 2024", None),
        ("hace 3 días", None),
    ],
)
def test_the_date_of_a_headline(written: str, date: tuple[int, int, int] | None) -> None:
    """Dates are read as search engines write them in three languages."""
    found = date_of(Hit(1, "t", "https://news.example/x", date=written))

    assert (found and (found.year, found.month, found.day)) == date


def test_the_description_of_the_own_sites_hit() -> None:
    """The shortest address of the site describes it best; other sites do not."""
    hits = [
        Hit(1, "Rúa", "https://directory.example/rua", "Talleres Rúa en Bilbao: opiniones y mapa"),
        Hit(
            2, "Blog", "https://talleresrua.example/blog", "Cómo elegir una buena calderería naval"
        ),
        Hit(
            3,
            "Rúa",
            "https://www.talleresrua.example/",
            "Calderería naval en Bilbao desde 1987 ...",
        ),
    ]

    assert values(of_hits(hits, SUBJECT, "talleresrua.example"), ClaimField.DESCRIPTION) == [
        "Calderería naval en Bilbao desde 1987"
    ]


def test_the_fields_of_a_place() -> None:
    """Maps states country, website, phone and description, and that a place has closed."""
    place = Place(
        title="Talleres Rúa",
        country="ES",
        website="https://talleresrua.example/",
        phone="944 12 34 56",
        description="Calderería <b>naval</b>",
        permanently_closed=True,
    )

    assert [(one.field, one.value) for one in of_places([place])] == [
        (ClaimField.COUNTRY, "ES"),
        (ClaimField.WEBSITE, "https://talleresrua.example/"),
        (ClaimField.PHONE, "+34944123456"),
        (ClaimField.DESCRIPTION, "Calderería naval"),
        (
            ClaimField.NEWS,
            "closure: Talleres Rúa is marked as permanently closed on Google Maps",
        ),
    ]


def test_job_ads_of_the_company() -> None:
    """Its own open ads are counted; other employers', expired and repeated ones are not."""
    ads = [
        JOB,
        replace(JOB, url="https://jobs.example/2"),
        replace(JOB, title="Delineante"),
        replace(JOB, title="Peón", is_expired=True),
        replace(JOB, title="Chef", company="Talleres Ría"),
    ]

    assert values(of_jobs(ads, SUBJECT.name), ClaimField.HIRING) == [2, "Soldador/a", "Delineante"]
    assert of_jobs(ads[-1:], SUBJECT.name) == []


def letters(text: str) -> str:
    """Return *text* without what markup may leave between its letters."""
    return "".join(filter(str.isalnum, text))


PIECES = st.sampled_from(
    [
        HOME.text,
        CAREERS.text,
        "Hemos cerrado definitivamente.",
        "CIF B70000013",
        "\n- Soldador (H/M)\n",
        " y 30 empleados ",
        "\x1b[31m",
        "\u202e",
        "\ud800",
        "<b>",
        "https://x.com/acme ",
    ]
)
TEXTS = st.lists(PIECES | st.text(max_size=20), max_size=8).map("".join)


@given(
    text=TEXTS,
    title=TEXTS,
    listed=st.lists(st.text(max_size=30) | st.just("https://x.com/acme"), max_size=4).map(tuple),
)
def test_each_quote_stands_in_its_page(text: str, title: str, listed: tuple[str, ...]) -> None:
    """Nothing is claimed that the page does not say, and no value has control characters."""
    page = Page(
        "https://acme.example/empleo",
        text,
        title,
        title,
        emails=listed,
        phones=listed,
        socials=listed,
    )
    source = single_spaced("\n".join((page.title, page.description, page.text, *listed)))

    for one in of_pages([page], "ES"):
        assert one.quote
        assert one.quote in source
        assert one.value == (one.value if isinstance(one.value, int) else single_spaced(one.value))
        if one.field in {ClaimField.DESCRIPTION, ClaimField.TECHNOLOGY, ClaimField.NEWS}:
            said = re.sub("^(?:closure|insolvency): ", "", str(one.value))
            assert letters(said) in letters(plain(one.quote))


@given(title=TEXTS, description=TEXTS, company=st.just("Talleres Rúa") | st.text(max_size=20))
def test_each_quote_stands_in_its_hit_place_or_ad(
    title: str, description: str, company: str
) -> None:
    """The same holds for what is no page."""
    hit = Hit(1, title, "https://talleresrua.example/", description)
    place = Place(title=title, description=description, phone=company, permanently_closed=True)
    ad = JobAd(title, company)
    source = single_spaced(f"{title}\n{description}\n{company}")

    found = [
        *of_hits([hit], SUBJECT, "talleresrua.example"),
        *of_places([place]),
        *of_jobs([ad], SUBJECT.name),
    ]

    assert all(one.quote in source for one in found)
    assert all(
        one.value == single_spaced(str(one.value)) or isinstance(one.value, int) for one in found
    )
