"""An invented company, and what each step brings about it; a test states only what it is about."""

from datetime import UTC, datetime, timedelta

from orchestrator.evidence.model import Hit, JobAd, Page, Place, Step, Subject

NOW = datetime(2026, 11, 23, 9, 30, tzinfo=UTC)
BOUGHT_AT = {step: NOW - timedelta(minutes=number) for number, step in enumerate(Step)}

NAME = "Talleres Arriaga SL"
DOMAIN = "talleresarriaga.example"
HOME = f"https://www.{DOMAIN}/"
SUBJECT = Subject(NAME, country="ES", city="Bilbao")
#: The same company, of which the lead's own mail tells the domain.
KNOWN = Subject(NAME, domain=DOMAIN, country="ES", city="Bilbao")


def place(
    title: str = "Talleres Arriaga",
    *,
    website: str | None = HOME,
    city: str | None = "Bilbao",
    phone: str | None = "+34 944 00 01 11",
    category: str | None = "Taller metalúrgico",
    permanently_closed: bool = False,
    number: int = 1,
) -> Place:
    """Return the company's place on Google Maps."""
    return Place(
        title,
        category=category,
        address=f"Gran Vía {number}, {city}",
        city=city,
        country="ES",
        website=website,
        phone=phone,
        permanently_closed=permanently_closed,
        url=f"https://www.google.com/maps/place/?q=place_id:{number}",
    )


def hit(
    title: str = "Talleres Arriaga | Calderería en Bilbao",
    url: str = HOME,
    description: str = "Fabricamos calderería y piezas de acero para la industria desde 1974.",
    *,
    position: int = 1,
) -> Hit:
    """Return the search result for the company's own site."""
    return Hit(position, title, url, description, has_site_links=position == 1)


def page(
    text: str = (
        "# Talleres Arriaga\n\nTalleres Arriaga SL fabrica calderería y piezas de acero en Bilbao "
        "para la industria metalúrgica.\n\nEscríbanos a info@talleresarriaga.example o llame al "
        "+34 944 000 111."
    ),
    *,
    url: str = HOME,
    title: str = "Talleres Arriaga",
) -> Page:
    """Return the home page of the company's site."""
    return Page(url, text, title=title, description="Calderería y mecanizado en Bilbao")


def legal_page() -> Page:
    """Return the page that says in law whose site it is."""
    text = f"Aviso legal\n\nEste sitio es de {NAME}, con CIF B58818501, en Bilbao."
    return Page(f"{HOME}aviso-legal", text, title="Aviso legal")


def job(company: str = NAME, *, city: str | None = "Bilbao", title: str = "Calderero") -> JobAd:
    """Return an open position at the company."""
    url = f"https://es.indeed.com/viewjob?jk={title}-{city}"
    return JobAd(title, company, url=url, city=city, published_at=NOW - timedelta(days=3))


# Of a namesake in another town, with a site of its own.
NAMESAKE_PLACE = place(
    "Talleres Arriaga Sevilla", website="https://arriagasevilla.example/", city="Sevilla", number=9
)
