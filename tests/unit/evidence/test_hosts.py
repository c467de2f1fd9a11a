"""Which hosts are never a company's own site."""

import pytest

from orchestrator.evidence.hosts import HostKind, host_of, kind_of, registrable


@pytest.mark.parametrize(
    ("host", "kind"),
    [
        ("linkedin.com", HostKind.SOCIAL),
        ("es.linkedin.com", HostKind.SOCIAL),
        ("www.paginasamarillas.com.ar", HostKind.DIRECTORY),
        ("wixsite.com", HostKind.PLATFORM),
        ("acme.wixsite.com", None),
        ("acme-linkedin.com", None),
    ],
)
def test_a_listed_host_stands_for_its_subdomains_and_its_brand_for_its_countries(
    host: str, kind: HostKind | None
) -> None:
    """A listed host covers its subdomains, a listed brand its domains of other countries."""
    assert kind_of(host) is kind


@pytest.mark.parametrize(
    ("url", "host"),
    [
        ("https://www.Acme.es/contacto", "acme.es"),
        ("acme.es", "acme.es"),
        ("https://muñoz.es/", "xn--muoz-hqa.es"),
        ("https://[::1", None),
        ("", None),
        ("\x00", None),
        ("https://localhost/", None),
    ],
)
def test_the_host_of_any_address(url: str, host: str | None) -> None:
    """Whatever a search sends as an address has a usable host or none."""
    assert host_of(url) == host


@pytest.mark.parametrize(
    ("host", "domain"),
    [
        ("tienda.acme.com.mx", "acme.com.mx"),
        ("acme.es", "acme.es"),
        ("www2.acme.wixsite.com", "acme.wixsite.com"),
        ("acme.example", "acme.example"),
        ("com.mx", "com.mx"),
    ],
)
def test_the_registrable_domain(host: str, domain: str) -> None:
    """Subdomains of one owner are one site; those of a site builder are many."""
    assert registrable(host) == domain
