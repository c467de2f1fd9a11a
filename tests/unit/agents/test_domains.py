"""Domains are found in what people type, and compared at their dots."""

import pytest

from agents.cdao import default_policy
from agents.domains import domain_of_email, host_of, is_public_mail, is_within


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


@pytest.mark.parametrize(
    "domain", ["gmail.com", "hotmail.es", "yahoo.com.mx", "uol.com.br", "mailinator.com"]
)
def test_free_and_disposable_mail_is_public_mail(domain: str) -> None:
    """Both kinds say nothing about a company, on the domain itself and below it."""
    assert is_public_mail(domain)
    assert is_public_mail(f"eu.{domain}")


@pytest.mark.parametrize("domain", ["acme.com", "notgmail.com", "com", "gmail.com.acme.es"])
def test_a_domain_that_resembles_free_mail_is_not(domain: str) -> None:
    """Domains are compared label by label, from the end."""
    assert not is_public_mail(domain)


def test_the_policy_lists_only_what_the_lists_lack() -> None:
    """A provider that the kept lists know by now leaves the policy."""
    assert [d for d in default_policy().domains.free_mail if is_public_mail(d)] == []
