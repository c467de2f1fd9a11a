"""Which pages of a site are read after its home page."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.evidence.model import Page
from orchestrator.evidence.website import (
    KINDS,
    MOST_LINKS,
    kind_of_page,
    pages_to_read,
    telling_links,
)

HOME = "https://www.acme.example/"


def home(*paths: str) -> Page:
    """Return a home page that links *paths* of its site."""
    return Page(HOME, "Acme", links=telling_links(HOME, [HOME + path for path in paths]))


@pytest.mark.parametrize(
    ("path", "kind"),
    [
        ("sobre-nosotros", "about"),
        ("es/quienes-somos/", "about"),
        ("quem-somos", "about"),
        ("about-us.html", "about"),
        ("aviso-legal", "legal"),
        ("pol%C3%ADtica-de-privacidad", "legal"),
        ("contacto?idioma=es", "contact"),
        ("CONTATO", "contact"),
        ("productos", None),
        ("", None),
    ],
)
def test_a_page_is_known_by_the_last_part_of_its_address(path: str, kind: str | None) -> None:
    """In three languages, whatever its case, accents and suffix."""
    assert kind_of_page(HOME + path) == kind


def test_of_each_kind_the_first_page_is_read() -> None:
    """In the order of their worth, not in that of the menu."""
    page = home("contacto", "aviso-legal", "empresa", "quienes-somos", "privacidad", "blog/1")

    chosen = pages_to_read([page], ())

    assert chosen == tuple(HOME + path for path in ("empresa", "aviso-legal", "contacto"))


def test_what_is_known_is_not_paid_for_again() -> None:
    """The size makes the page about the company superfluous, an e-mail the one with contacts."""
    page = home("empresa", "aviso-legal", "contacto")

    assert pages_to_read([page], {"headcount", "emails"}) == (f"{HOME}aviso-legal",)
    assert pages_to_read([page], {"phones", "tax_ids"}) == page.links


def test_pages_that_were_read_leave_nothing() -> None:
    """Each links all of them again."""
    page = home("empresa", "contacto")
    read = [Page(url, "Acme", links=page.links) for url in page.links]

    assert pages_to_read([page, *read], ()) == ()


def test_other_sites_and_odd_addresses_are_no_pages_of_the_site() -> None:
    """A link that says it is internal may lead anywhere."""
    links = [
        "https://other.example/aviso-legal",
        "javascript:contacto()",
        "mailto:contacto@acme.example",
        f"{HOME}{'a' * 400}-contacto",
        "https://tienda.acme.example/contacto#mapa",
    ]

    assert telling_links(HOME, links) == ("https://tienda.acme.example/contacto",)


@given(st.lists(st.text(max_size=60)))
def test_hostile_links_are_bounded(texts: list[str]) -> None:
    """Any text may stand in an address: nothing fails, and few are kept."""
    links = telling_links(HOME, [HOME + text for text in texts] * 3)

    assert len(links) <= MOST_LINKS
    assert {kind_of_page(link) for link in links} <= set(KINDS)
