"""Domains are found in what people type, and compared at their dots."""

import pytest

from agents.cdao.domains import domain_of_email, host_of, is_within


@pytest.mark.parametrize(
    "website",
    [
        "acme.com",
        "WWW.Acme.com",
        "https://acme.com/contacto?x=1",
        "http://u:p@acme.com:8080/",
        "//acme.com",
        " acme.com. ",
        "acme.com/about",
    ],
)
def test_a_website_has_its_host(website: str) -> None:
    """URLs and bare hosts come to the same host."""
    host = host_of(website)

    assert host == "acme.com"


@pytest.mark.parametrize("website", ["", "n/a", "localhost", "http://[", "acme com", "-.-", "a..b"])
def test_what_is_no_website_has_no_host(website: str) -> None:
    """Nonsense is unknown, never an error."""
    host = host_of(website)

    assert host is None


@pytest.mark.parametrize(
    ("email", "domain"),
    [
        ("ana@Acme.com", "acme.com"),
        ("a@b@acme.com", "acme.com"),
        ("acme.com", None),
        ("@acme.com", None),
        ("ana@", None),
        ("", None),
    ],
)
def test_an_email_has_its_domain(email: str, domain: str | None) -> None:
    """The domain is what follows the last at sign, if anything does."""
    found = domain_of_email(email)

    assert found == domain


def test_domains_are_compared_at_their_dots() -> None:
    """A subdomain belongs to its parent; a longer name that ends the same does not."""
    within = [is_within(d, "acme.com") for d in ("acme.com", "mail.acme.com", "notacme.com")]

    assert within == [True, True, False]
