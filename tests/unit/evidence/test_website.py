"""Which of the results is the company's website, and when none of them is named."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.evidence.hosts import registrable
from orchestrator.evidence.model import Hit, Place, Subject
from orchestrator.evidence.website import MARK, WebsiteChoice, choose

ARRIAGA = Subject("Talleres Arriaga S.L.", country="ES", city="Bilbao")
NOISE = (
    ("Talleres Arriaga SL | LinkedIn", "https://es.linkedin.com/company/talleres-arriaga"),
    ("TALLERES ARRIAGA SL - Bilbao - Empresite", "https://empresite.eleconomista.es/ARRIAGA.html"),
    ("Talleres Arriaga - Bilbao | Facebook", "https://www.facebook.com/talleresarriaga/"),
    ("Talleres Arriaga en Bilbao", "https://www.paginasamarillas.es/f/bilbao/arriaga_1.html"),
)


def results(*found: tuple[str, str] | tuple[str, str, str]) -> list[Hit]:
    """Return hits of (title, URL, description) in this order."""
    return [
        Hit(position, title, url, "".join(description))
        for position, (title, url, *description) in enumerate(found, 1)
    ]


def chosen(subject: Subject, *found: tuple[str, str] | tuple[str, str, str]) -> str | None:
    """Return the domain that is chosen among these results."""
    return choose(subject, results(*found), ()).domain


OWN = ("Talleres Arriaga | Calderería en Bilbao", "https://www.talleresarriaga.example/")


@pytest.mark.parametrize(
    "own",
    [
        OWN,
        ("Calderería en Bilbao", "https://www.talleresarriaga.example/"),
        ("Inicio", "https://talleresarriaga.example/", "Talleres Arriaga, Bilbao."),
        ("Contacto - Talleres Arriaga", "https://www.talleresarriaga.example/contacto"),
        ("Inicio - Talleres Arriaga", "https://www.talarriaga.example/"),
        ("Calderería", "https://www.tabil.example/", "Calderería en Bilbao."),
    ],
)
def test_the_own_site_behind_directories_is_chosen(own: tuple[str, str]) -> None:
    """Networks and directories stand first; the company's site is the one named after it."""
    assert chosen(ARRIAGA, *NOISE, own) == registrable(own[1].split("/")[2].removeprefix("www."))


@pytest.mark.parametrize(
    "found",
    [
        (),
        NOISE,
        # A namesake elsewhere, by its title, by its domain, by its description only.
        (("Talleres Arriaga Vigo | Calderería", "https://www.talleresarriagavigo.example/"),),
        (("Talleres Arriaga | Vigo", "https://www.talleresarriaga.example/"),),
        # Another name in the same town, whatever its domain looks like.
        (("Talleres Mendieta", "https://www.talleresmendieta.example/", "Calderería. Bilbao."),),
        (("Mendieta calderería", "https://www.arriagataller.example/", "Calderería. Bilbao."),),
        (("Arriaga Abogados | Bilbao", "https://www.arriagaabogados.example/"),),
        # A page about the company on a site that no list has.
        (("Talleres Arriaga", "https://www.unlisted.example/bilbao/talleres-arriaga-sl"),),
        (("Talleres Arriaga - Bilbao", "https://www.unlisted.example/f/12345", "Bilbao."),),
        (("Talleres Arriaga | Tienda", "https://www.grupomendieta.example/talleres"),),
        # A domain that was given up.
        (("Talleres Arriaga", "https://talleresarriaga.example/", "Dominio en venta"),),
        (("Talleres Arriaga", "https://www.tr-arriaga.it/"),),
    ],
)
def test_no_site_is_named_where_none_is_sure(found: tuple[tuple[str, str], ...]) -> None:
    """The wrong company's website is worse than none."""
    choice = choose(ARRIAGA, results(*NOISE, *found), ())
    assert (choice.url, choice.domain) == (None, None)
    assert choice.reasons


@pytest.mark.parametrize(
    "pages",
    [
        ("https://www.unlisted.example/f/12345",),
        ("https://www.unlisted.example/talleres-arriaga", "https://www.unlisted.example/"),
    ],
)
def test_a_page_about_the_company_is_not_its_site(pages: tuple[str, ...]) -> None:
    """A directory that no list has may stand first, and its home page among the results."""
    found = (("Talleres Arriaga - Bilbao", url, "Talleres Arriaga en Bilbao") for url in pages)
    assert chosen(ARRIAGA, *found) is None


def test_a_description_may_name_the_company() -> None:
    """A home page's title is often a word; what is written below it has the name."""
    subject, url = replace(ARRIAGA, city=None), "https://www.tallarriag.example/"
    assert chosen(subject, ("Inicio", url)) is None
    assert chosen(subject, ("Inicio", url, "Talleres Arriaga desde 1974")) == "tallarriag.example"


def test_slogans_are_borne_where_several_pages_are_on_the_names_domain() -> None:
    """One title that names something else may be another company's, several are slogans."""
    subject = replace(ARRIAGA, city=None)
    home = ("Soldamos futuro", "https://www.talleresarriaga.example/")
    other = ("Puentes singulares", "https://www.talleresarriaga.example/puentes")
    assert chosen(subject, home) is None
    assert chosen(subject, home, other) == "talleresarriaga.example"


def test_the_full_name_wins_over_a_namesake_of_the_same_label() -> None:
    """Of two domains of one label, the one that shows the name is the company's."""
    namesake = ("ARRIAGA", "https://arriaga.io/")
    own = ("Talleres Arriaga: calderería", "https://www.arriaga.com/")
    assert chosen(replace(ARRIAGA, city=None), namesake, own) == "arriaga.com"


def test_two_equally_likely_sites_are_a_question_for_a_person() -> None:
    """Neither is named, and both are listed."""
    choice = choose(
        replace(ARRIAGA, city=None),
        results(
            ("Mendieta", "https://mendieta.example/"),
            ("Talleres Arriaga", "https://talleres-arriaga.example/"),
            ("Talleres Arriaga", "https://grupoarriaga.example/"),
        ),
        (),
    )
    assert choice.domain is None
    assert choice.reasons == (
        "talleres-arriaga.example and grupoarriaga.example are equally likely",
    )
    assert [candidate.domain for candidate in choice.candidates[:2]] == [
        "talleres-arriaga.example",
        "grupoarriaga.example",
    ]


def test_the_suffix_of_another_country_counts_against_a_site() -> None:
    """Of two sites of one label, the one of the company's country is taken."""
    found = (
        ("Talleres Arriaga", "https://www.arriaga.it/"),
        ("Talleres Arriaga", "https://www.arriaga.es/"),
    )
    assert chosen(ARRIAGA, *found) == "arriaga.es"


def test_domains_of_one_label_are_no_rivals() -> None:
    """A company that has `arriaga.com` mostly has `arriaga.net`, too: the first one is taken."""
    found = (
        ("Talleres Arriaga", "https://www.arriaga.com/"),
        ("Talleres Arriaga", "https://www.arriaga.net/"),
    )
    assert chosen(ARRIAGA, *NOISE, *found) == "arriaga.com"


def test_the_known_domain_wins_outright() -> None:
    """What the lead says is not searched for; the results only say where its home page is."""
    subject = replace(ARRIAGA, domain="arriaga-metal.example")
    choice = choose(subject, results(*NOISE, OWN), ())
    assert choice.url == "https://arriaga-metal.example/"
    assert choice.domain == "arriaga-metal.example"
    assert choice.reasons == ("arriaga-metal.example is the company's known domain",)
    assert [candidate.domain for candidate in choice.candidates] == ["talleresarriaga.example"]

    shown = results(("Arriaga", "http://www.arriaga-metal.example/inicio"))
    assert choose(subject, shown, ()).url == "http://www.arriaga-metal.example/"


def test_a_network_given_as_the_domain_is_not_the_companys() -> None:
    """A lead whose website is its page at a network has no known domain."""
    subject = replace(ARRIAGA, domain="facebook.com")
    assert choose(subject, results(*NOISE, OWN), ()).domain == "talleresarriaga.example"
    assert choose(subject, results(*NOISE), ()).domain is None


def test_a_network_has_a_website_too() -> None:
    """The root of a listed host is the site of the company that runs it."""
    subject = Subject("LinkedIn Corporation", country="US")
    hits = ("LinkedIn: Log In or Sign Up", "https://www.linkedin.com/")
    page = ("LinkedIn | LinkedIn", "https://www.linkedin.com/company/linkedin")
    assert chosen(subject, hits) == "linkedin.com"
    assert chosen(subject, page) is None


def test_a_place_that_agrees_names_its_website() -> None:
    """Maps is the better source: a place of this name in this town has the company's site."""
    place = Place(
        "Talleres Arriaga", city="Bilbao", country="ES", website="http://metal-norte.es/x"
    )
    choice = choose(ARRIAGA, results(*NOISE), (place,))
    assert choice.domain is None
    named = choose(ARRIAGA, results(("Talleres Arriaga", "https://metal-norte.es/")), (place,))
    assert named.domain == "metal-norte.es"
    own = choose(ARRIAGA, (), (replace(place, website="https://www.arriaga.es/bilbao"),))
    assert (own.domain, own.url) == ("arriaga.es", "https://arriaga.es/")
    assert "the company's place on Maps links to it (+5)" in own.reasons


@pytest.mark.parametrize(
    "place",
    [
        Place("Talleres Mendieta", city="Bilbao", website="https://www.mendieta.es/"),
        Place("Talleres Arriaga", city="Vigo", website="https://www.metal-norte.es/"),
        Place("Talleres Arriaga", city="Bilbao", website="https://www.facebook.com/arriaga"),
        Place("Talleres Arriaga", city="Bilbao", website=None),
    ],
)
def test_a_place_of_another_company_names_nothing(place: Place) -> None:
    """A website counts only with a place that is the company's, and never a network's page."""
    assert choose(ARRIAGA, (), (place,)).candidates == ()


def test_a_page_at_a_site_builder_is_a_site() -> None:
    """A small firm's only site may be a subdomain."""
    own = ("Talleres Arriaga | Bilbao", "https://talleresarriaga.wixsite.com/")
    assert chosen(ARRIAGA, *NOISE, own) == "talleresarriaga.wixsite.com"


def test_pages_of_one_site_are_one_candidate() -> None:
    """Points of all results of a domain count together, and the crawl begins at its root."""
    choice = choose(
        ARRIAGA,
        results(
            ("Contacto", "https://clientes.talleresarriaga.example/contacto"),
            ("Talleres Arriaga", "http://www.talleresarriaga.example/empresa?a=1"),
        ),
        (),
    )
    assert len(choice.candidates) == 1
    assert choice.url == "http://www.talleresarriaga.example/"
    assert "several results are on it (+0.5)" in choice.reasons


def test_links_below_a_result_are_a_hint() -> None:
    """A search shows links into a site for the brand that was asked for."""
    hit = Hit(3, "Talleres Arriaga", "https://www.metalnorte.example/", "En Bilbao.")
    assert choose(ARRIAGA, [hit], ()).domain is None
    linked = replace(hit, has_site_links=True)
    assert choose(ARRIAGA, [linked], ()).domain == "metalnorte.example"


def test_a_generic_name_must_be_a_title() -> None:
    """`clinicadental.example` is not every dental clinic's site."""
    subject = Subject("Clínica Dental", country="ES", city="Bilbao")
    url = "https://www.clinicadental.example/"
    assert chosen(subject, ("Dentistas en Bilbao", url)) is None
    assert chosen(subject, ("Clínica Dental | Bilbao", url)) == "clinicadental.example"


def test_every_point_has_its_reason() -> None:
    """The points that a site was given sum up to its score."""
    choice = choose(ARRIAGA, results(*NOISE, OWN), ())
    assert choice.candidates[0].reasons == choice.reasons
    points = [float(reason.rpartition("(")[2].rstrip(")")) for reason in choice.reasons]
    assert sum(points) == choice.candidates[0].score >= MARK


URLS = st.sampled_from([url for _, url in NOISE] + [OWN[1], "https://arriaga.es/", "http://[x"])


@given(
    st.text(max_size=80),
    st.lists(st.builds(Hit, st.integers(1, 9), st.text(max_size=300), URLS | st.text(max_size=99))),
    st.text(max_size=60) | st.none(),
)
def test_any_results_make_a_choice(name: str, hits: list[Hit], city: str | None) -> None:
    """No text raises; what is chosen is the first candidate, and above the mark."""
    choice = choose(Subject(name, city=city, country="ES"), hits, ())
    scores = [candidate.score for candidate in choice.candidates]
    assert scores == sorted(scores, reverse=True)
    assert_is_consistent(choice)


def assert_is_consistent(choice: WebsiteChoice) -> None:
    """Assert that a choice is its best candidate, or none."""
    assert choice.reasons
    assert (choice.url is None) == (choice.domain is None)
    if choice.domain is not None:
        best = choice.candidates[0]
        assert (best.domain, best.url) == (choice.domain, choice.url)
        assert best.score >= MARK


OBRAS = Subject("Obras Herreruela", country="ES")
IN_RIO = ("Obras Herreruela", "https://www.obras-herreruela-rio.example/")
PLACE_IN_RIO = Place("Obras Herreruela", website=IN_RIO[1])
BY_NAME = ("Obras Herreruela", "https://www.obrasherreruela.example/")
BY_LETTERS = ("Obras Herreruela", "https://www.oh1974.example/", "Obras Herreruela, desde 1974")


@pytest.mark.parametrize(
    ("found", "places", "reason"),
    [
        ((IN_RIO, BY_LETTERS), (PLACE_IN_RIO,), "several companies have this name"),
        ((IN_RIO, BY_LETTERS[:2]), (PLACE_IN_RIO,), "several companies have this name"),
        (((*IN_RIO, "Obras Herreruela"),), (), "obras-herreruela-rio.example is made of"),
    ],
)
def test_a_name_alone_does_not_choose_among_namesakes(
    found: tuple[tuple[str, str]], places: tuple[Place, ...], reason: str
) -> None:
    """The sites are candidates, and none is named; where the town is known, one is."""
    choice = choose(OBRAS, results(*found), places)

    assert choice.domain is None
    assert choice.reasons[0].startswith(reason)
    assert choice.candidates[0].domain == "obras-herreruela-rio.example"
    assert choose(replace(OBRAS, city="Rio"), results(*found), places).domain is not None


@pytest.mark.parametrize(
    ("found", "places", "domain"),
    [
        ((BY_NAME, BY_LETTERS), (), "obrasherreruela.example"),
        ((IN_RIO,), (PLACE_IN_RIO,), "obras-herreruela-rio.example"),
        ((BY_LETTERS,), (), "oh1974.example"),
        (
            (("Obras Herreruela", "https://obrasyherreruela.example/", "Obras Herreruela"),),
            (),
            "obrasyherreruela.example",
        ),
    ],
)
def test_a_name_alone_has_a_website_where_nothing_shows_a_second_company(
    found: tuple[tuple[str, str]], places: tuple[Place, ...], domain: str
) -> None:
    """One that is made of the name, that its place has, or that has nothing of the name."""
    assert choose(OBRAS, results(*found), places).domain == domain
