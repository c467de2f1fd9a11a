"""Whether values may be taken from a crawled page."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.evidence.agreement import Sign, page_belongs, sign_of
from orchestrator.evidence.model import Agreement, Page, Subject

ARRIAGA = Subject(
    "Talleres Arriaga S.L.",
    country="ES",
    city="Bilbao",
    phones=("+34944000111",),
    tax_id="ES B-48000008",
)
LONG = "Fabricamos estructuras y tuberías de acero para obra civil y naval desde 1974. " * 20
DOMAIN = "talleresarriaga.example"
HOME = Page(f"https://www.{DOMAIN}/", f"Talleres Arriaga\n{LONG}", title="Talleres Arriaga")
OTHER = "metalnorte.example"


def agreement(page: Page, domain: str | None = DOMAIN, subject: Subject = ARRIAGA) -> Agreement:
    """Return the verdict alone."""
    return page_belongs(subject, page, domain).agreement


def on_other(**changes: object) -> Page:
    """Return a page on a domain that is not made of the name."""
    return replace(HOME, url=f"https://{OTHER}/", **changes)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("page", "domain"),
    [
        (HOME, DOMAIN),
        (HOME, None),
        (replace(HOME, title="Contacto", text=f"{LONG} Arriaga {LONG}"), DOMAIN),
        (replace(HOME, title="", text=LONG, emails=(f"info@{DOMAIN}",)), DOMAIN),
        (on_other(text=f"{HOME.text} Calle Mayor 4, Bilbao"), OTHER),
        (on_other(emails=(f"info@{OTHER}",)), OTHER),
        (on_other(title="", text=f"{LONG} CIF: B48000008"), OTHER),
        (on_other(title="", text=f"{LONG} N.I.F. ES-B48.000.008."), OTHER),
        (on_other(text=f"Arriaga {LONG} Tel. 944 00 01 11"), OTHER),
        (on_other(text=f"Arriaga {LONG}", phones=("944-000-111",)), OTHER),
    ],
)
def test_a_page_of_the_company_agrees(page: Page, domain: str | None) -> None:
    """Its domain with its name, its tax id, its phone, or its name with something beside it."""
    assert agreement(page, domain) is Agreement.AGREE


@pytest.mark.parametrize(
    ("page", "domain"),
    [
        (replace(HOME, title="", text=LONG), DOMAIN),
        (on_other(), OTHER),
        (on_other(title="", text=f"Arriaga {LONG}"), OTHER),
        (on_other(title="", text=f"{LONG} Tel. 944 00 01 11"), OTHER),
        (on_other(emails=("info@gmail.com", "arriaga", "")), OTHER),
        (replace(HOME, phones=("+39 02 1234 5678",)), DOMAIN),
        (Page(HOME.url, "La página que buscas no existe.", title="Talleres Arriaga"), DOMAIN),
        (replace(HOME, title="404 - Talleres Arriaga"), DOMAIN),
        (
            Page(HOME.url, "Checking your browser before accessing", title="Just a moment..."),
            DOMAIN,
        ),
        (Page(HOME.url, "Web en construcción", title="Talleres Arriaga"), DOMAIN),
    ],
)
def test_too_little_is_weak(page: Page, domain: str | None) -> None:
    """A name alone, an error page or a wall yields no value, and is no other company either."""
    assert agreement(page, domain) is Agreement.WEAK


@pytest.mark.parametrize(
    ("page", "domain"),
    [
        (HOME, OTHER),
        (on_other(title="Grúas Zubieta", text=LONG), OTHER),
        (Page(HOME.url, "Este dominio está en venta", title=DOMAIN), DOMAIN),
        (Page(HOME.url, "Buy this domain", title="Talleres Arriaga"), DOMAIN),
    ],
)
def test_another_site_is_a_conflict(page: Page, domain: str | None) -> None:
    """Another domain, a parked one, and a page that names nothing of the company."""
    assert agreement(page, domain) is Agreement.CONFLICT


def test_the_own_domain_needs_no_name() -> None:
    """A brand's site may never name the company; a parked one has no owner."""
    subject = replace(ARRIAGA, domain=OTHER)
    assert agreement(on_other(title="Metal Norte", text=LONG), OTHER, subject) is Agreement.AGREE
    parked = Page(f"https://{OTHER}/", "This domain is for sale")
    assert agreement(parked, OTHER, subject) is Agreement.CONFLICT


def test_a_long_page_may_mention_a_sale() -> None:
    """A web designer writes about domains for sale; only a short page is parked."""
    page = replace(HOME, text=f"{HOME.text} ¿Tu dominio está en venta? Coming soon. 404 not found.")
    assert agreement(page) is Agreement.AGREE


def test_phones_abroad_are_borne_if_the_town_is_named() -> None:
    """An exporter has numbers of many countries; a namesake abroad does not name our town."""
    page = replace(HOME, phones=("+39 02 1234 5678",))
    assert agreement(page) is Agreement.WEAK
    assert agreement(replace(page, text=f"{page.text} Bilbao")) is Agreement.AGREE
    assert agreement(replace(page, phones=("+39 02 1234 5678", "944 00 01 12"))) is Agreement.AGREE


@pytest.mark.parametrize("text", ["CIF: B48000009", "CIF: XB480000081", "CIF: B480000081"])
def test_another_tax_id_is_not_the_companys(text: str) -> None:
    """Every character of a tax id counts, and nothing may stand around it."""
    assert agreement(on_other(title="", text=f"{LONG} {text}"), OTHER) is Agreement.CONFLICT


def test_facts_that_are_not_known_prove_nothing() -> None:
    """Without phone, tax id and town, a page has none of them either."""
    bare = Subject("Talleres Arriaga")
    assert agreement(on_other(emails=()), OTHER, bare) is Agreement.WEAK
    odd = replace(ARRIAGA, phones=("12", "+341"), tax_id="12")
    assert agreement(on_other(title="", text=f"{LONG} 12 341"), OTHER, odd) is Agreement.CONFLICT


def test_the_reasons_say_what_was_found() -> None:
    """Each reason is a clause that a person can check."""
    text = f"{HOME.text} Bilbao, tel. 944 000 111, CIF B48000008"
    page = replace(HOME, text=text, emails=(f"info@{DOMAIN}",), phones=("+39 02 1234 5678",))
    subject = replace(ARRIAGA, domain=DOMAIN)
    assert page_belongs(subject, page, DOMAIN).reasons == (
        "it is on the company's own domain",
        "it shows the company's tax id",
        "it shows the company's phone number",
        "its phone numbers are of another country",
        "it names Talleres Arriaga S.L.",
        "its domain is made of the name",
        "it has an e-mail address on its domain",
        "it names Bilbao",
    )
    other = on_other(title="Grúas Zubieta", text=LONG)
    assert page_belongs(ARRIAGA, other, OTHER).reasons == (
        "it does not name Talleres Arriaga S.L.",
    )
    partly = on_other(title="", text=f"Arriaga {LONG}")
    assert page_belongs(ARRIAGA, partly, OTHER).reasons == (
        "it has the distinctive words of Talleres Arriaga S.L.",
    )


@pytest.mark.parametrize(
    ("title", "text", "sign"),
    [
        ("", "Este dominio está a la venta", Sign.FOR_SALE),
        ("acme.example", "The domain is for sale. Make an offer!", Sign.FOR_SALE),
        ("Página no encontrada", LONG, Sign.NOT_FOUND),
        ("Acme", "Erro 404: página não encontrada", Sign.NOT_FOUND),
        ("Attention Required! | Cloudflare", "", Sign.BLOCKED),
        ("Acme", "Próximamente", Sign.EMPTY),
        ("Coming soon to Bilbao", LONG, None),
        ("Acme", "Calderería en Bilbao", None),
        ("", "", None),
    ],
)
def test_pages_that_are_of_no_company(title: str, text: str, sign: Sign | None) -> None:
    """Phrases count on short pages; a missing page is known by its title at any length."""
    assert sign_of(title, text) is sign


@given(
    st.text(max_size=80),
    st.text(max_size=500),
    st.text(max_size=60),
    st.lists(st.text(max_size=40), max_size=3).map(tuple),
)
def test_any_page_is_judged(name: str, text: str, other: str, values: tuple[str, ...]) -> None:
    """No text raises, and each verdict has a reason."""
    subject = Subject(name, other, other, other, values, other)
    page = Page(other, text, text, text, values, values, values)
    assert page_belongs(subject, page, None).reasons
    assert page_belongs(ARRIAGA, replace(page, url=HOME.url), DOMAIN).reasons
