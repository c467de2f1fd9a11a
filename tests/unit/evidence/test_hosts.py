"""Which hosts are never a company's own site, and where a registered domain begins."""

import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

import orchestrator.evidence
from orchestrator.evidence.hosts import (
    HostKind,
    country_of_suffix,
    folded_label,
    host_of,
    kind_of,
    registrable,
)

HOSTS = Path(orchestrator.evidence.__file__).with_name("data") / "hosts.tsv"
A_HOST = re.compile(r"[a-z0-9-]+(\.[a-z0-9-]+)*\.([a-z]{2,}|\*)")


def listed() -> list[tuple[str, str]]:
    """Return the kinds and hosts of the list."""
    lines = HOSTS.read_text(encoding="utf-8").splitlines()
    rows = (line.split("\t") for line in lines if line and not line.startswith("#"))
    return [(kind, host) for kind, hosts in rows for host in hosts.split()]


@pytest.mark.parametrize(
    ("host", "kind"),
    [
        ("linkedin.com", HostKind.SOCIAL),
        ("es.linkedin.com", HostKind.SOCIAL),
        ("www.paginasamarillas.com.ar", HostKind.DIRECTORY),
        ("ranking-empresas.eleconomista.es", HostKind.DIRECTORY),
        ("www.infojobs.net", HostKind.JOBS),
        ("mx.indeed.com", HostKind.JOBS),
        ("pt.wikipedia.org", HostKind.ENCYCLOPEDIA),
        ("articulo.mercadolibre.com.mx", HostKind.MARKETPLACE),
        ("www.amazon.com.br", HostKind.MARKETPLACE),
        ("books.google.com", HostKind.FILES),
        ("maps.google.es", HostKind.SEARCH),
        ("linktr.ee", HostKind.LINKS),
        ("anuncios.milanuncios.com", HostKind.MARKETPLACE),
        ("www.boe.es", HostKind.REGISTRY),
        ("elpais.com", HostKind.NEWS),
        ("tripadvisor.com.mx", HostKind.REVIEWS),
        ("hugedomains.com", HostKind.PARKING),
        ("WWW.LINKEDIN.COM.", HostKind.SOCIAL),
    ],
)
def test_a_listed_host_stands_for_its_subdomains_and_its_brand_for_its_countries(
    host: str, kind: HostKind
) -> None:
    """A listed host covers its subdomains, a listed brand its domains of other countries."""
    assert kind_of(host) is kind


@pytest.mark.parametrize(
    ("host", "kind"),
    [
        ("paginas-amarillas-canarias.example", HostKind.DIRECTORY),
        ("directorio-industrial.example", HostKind.DIRECTORY),
        ("directoriodeempresas.example", HostKind.DIRECTORY),
        ("guiaempresasnorte.example", HostKind.DIRECTORY),
        ("listadodeempresas.example", HostKind.DIRECTORY),
        ("consultacnpjgratis.example", HostKind.REGISTRY),
        ("ofertasdeempleo.example", HostKind.JOBS),
        ("portalvagas.example", HostKind.JOBS),
        ("diariodelaribera.example", HostKind.NEWS),
        ("wikiempresarios.example", HostKind.ENCYCLOPEDIA),
        ("codigosdescuento.example", HostKind.MARKETPLACE),
        ("tramites.gob.mx", HostKind.GOVERNMENT),
        ("cnpj.receita.fazenda.gov.br", HostKind.GOVERNMENT),
        ("city.go.jp", HostKind.GOVERNMENT),
    ],
)
def test_a_site_that_no_list_has_is_known_by_its_words(host: str, kind: HostKind) -> None:
    """The label of a site about many companies says so."""
    assert kind_of(host) is kind


@pytest.mark.parametrize(
    "host",
    [
        "talleresarriaga.example",
        "acme-linkedin.com",
        "notlinkedin.com",
        "guiarte.example",
        "construcciones-ruiz.example",
        "empleoyformacion.example",
        "trabajosverticalesruiz.example",
        "informaticaruiz.example",
        "gobernado.example",
        "govern.example",
        "directa.example",
        "listo.example",
        "",
    ],
)
def test_a_company_may_have_such_a_word_in_its_name(host: str) -> None:
    """A word alone makes no directory; the label must be the phrase of one."""
    assert kind_of(host) is None


def test_a_subdomain_of_a_site_builder_may_be_own_and_its_root_is_not() -> None:
    """The page of a small firm at a site builder is its site, the builder's is not."""
    assert kind_of("wixsite.com") is HostKind.PLATFORM
    assert kind_of("www.wixsite.com") is HostKind.PLATFORM
    assert kind_of("talleresarriaga.wixsite.com") is None
    assert kind_of("panaderia.business.site") is None


@pytest.mark.parametrize(
    ("url", "host"),
    [
        ("https://www.Acme.es/contacto", "acme.es"),
        ("acme.es", "acme.es"),
        ("acme.es/contacto?a=//b", "acme.es"),
        ("http://user:secret@acme.es:8080/", "acme.es"),
        ("https://muñoz.es/", "xn--muoz-hqa.es"),
        ("https://acme.es./", "acme.es"),
        ("https://[::1", None),
        ("https://[::1]/", None),
        ("https://192.168.0.1/", "192.168.0.1"),
        ("", None),
        ("\x00", None),
        ("https://\ud800.es/", None),
        ("https://localhost/", None),
        ("https://" + "a." * 200 + "es/", None),
        ("mailto:info@acme.es", None),
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
        ("wixsite.com", "wixsite.com"),
        ("acme.example", "acme.example"),
        ("com.mx", "com.mx"),
    ],
)
def test_the_registrable_domain(host: str, domain: str) -> None:
    """Subdomains of one owner are one site; those of a site builder are many."""
    assert registrable(host) == domain


def test_the_label_of_a_domain_is_read_without_accents() -> None:
    """A domain with an accent is compared like the name that it stands for."""
    assert folded_label("xn--muoz-hqa.es") == "munoz"
    assert folded_label("acme-sur.com.mx") == "acme-sur"
    assert folded_label("xn--\x7f.es") == "xn--\x7f"


@pytest.mark.parametrize(
    ("domain", "country"),
    [("acme.es", "ES"), ("acme.co.uk", "GB"), ("acme.io", None), ("acme.com", None)],
)
def test_the_country_of_a_suffix(domain: str, country: str | None) -> None:
    """A suffix is of a country unless firms of all countries register under it."""
    assert country_of_suffix(domain) == country


def test_the_list_has_hosts_only_and_each_once() -> None:
    """A typo in the list would be a rule that never holds."""
    rows = listed()
    hosts = [host for _, host in rows]
    assert [host for host in hosts if not A_HOST.fullmatch(host)] == []
    assert sorted(host for host in set(hosts) if hosts.count(host) > 1) == []
    assert {kind for kind, _ in rows} <= set(HostKind)


def test_every_listed_host_is_refused() -> None:
    """No line of the list is without effect."""
    for _, host in listed():
        assert kind_of(host.replace(".*", ".com.mx")) is not None


@given(st.text(max_size=400) | st.from_regex(r"([a-z0-9-]{1,9}\.){1,4}[a-z]{2,3}", fullmatch=True))
def test_any_text_has_a_kind_and_a_domain(text: str) -> None:
    """No text raises; a registrable domain ends the host and is its own."""
    kind_of(text)
    host = host_of(text)
    if host is not None:
        domain = registrable(host)
        assert host == domain or host.endswith(f".{domain}")
        assert registrable(domain) == domain
