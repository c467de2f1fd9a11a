"""What people mean by what they type into cells, and what says nothing."""

import contextlib
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.leadfile import LeadFields, Level, country_code, read_lead_file
from orchestrator.leadfile.cells import BadValueError, email_address, phone, website
from orchestrator.leadfile.cleaning import Blank, blank_kind, damage_in, fold, other_field
from tests.support.lead_files import problems_of

GivenFile = Callable[[str | bytes], Path]


@pytest.mark.parametrize(
    "typed",
    [
        "ana@acme.test; luis@acme.test",
        "ana@acme.test / luis@acme.test",
        "mailto:ana@acme.test?subject=hi",
        '"Ruiz, Ana" <ana@acme.test>',
        "ana@acme.test,",
        "ana@acme.test (work)",
        "Ana Ruiz (ana@acme.test)",
        "ana @ acme.test",
        "ana[at]acme.test",
        "ana\u200b@acme\u3002test",
        "[ana@acme.test](mailto:ana@acme.test)",
        "ana'@acme.test",
        "'ana@acme.test",
        "ana@acme.test&luis@acme.test",
        "ana@acme.test#mailto:ana@acme.test#",
        "* ana@acme.test*",
        "@acme / ana@acme.test",
    ],
)
def test_an_address_is_found_in_what_was_typed(typed: str) -> None:
    """The first address in a cell is the lead's, whatever stands around it."""
    assert email_address(typed) == "ana@acme.test"


@pytest.mark.parametrize(
    "typed", ["ana..gil@acme.test", "@acme", "ana at home", "a@b_c", "ana@@acme.test", "@" * 999]
)
def test_an_address_is_never_mended(typed: str) -> None:
    """No guess replaces what is written wrong."""
    with pytest.raises(BadValueError):
        email_address(typed)


@pytest.mark.parametrize(
    ("typed", "site"),
    [
        ("https:/acme.test", "https://acme.test"),
        ("http//acme.test", "http://acme.test"),
        ("https://https://acme.test", "https://acme.test"),
        ("//acme.test", "acme.test"),
        ("acme.test, zara.test", "acme.test"),
        ("www,acme.test", "www.acme.test"),
        ("acme.test (soon)", "acme.test"),
        ('=HYPERLINK("https://acme.test","us")', "https://acme.test"),
        ("[acme](https://acme.test)", "https://acme.test"),
        ("https://l.facebook.com/l.php?u=https%3A%2F%2Facme.test", "https://acme.test"),
        ("https://www.linkedin.com/company/acme acme.test", "acme.test"),
        ("acme.myshopify.com", "acme.myshopify.com"),
        ("acme.test\nzara.test", "acme.test"),
        ("htp://acme.test", "http://acme.test"),
        (r"http:\\acme.test", "http://acme.test"),
        ("http://www.http://acme.test", "http://acme.test"),
        ("https://www.google.com/url?q=https://acme.test/&sa=D", "https://acme.test/"),
        ("acme.test#http://acme.test#", "acme.test"),
        ("https://acme.test%20", "https://acme.test"),
    ],
)
def test_a_website_is_found_in_what_was_typed(typed: str, site: str) -> None:
    """Slips of the pen, links and remarks are no part of an address."""
    assert website(typed) == site


@pytest.mark.parametrize(
    ("typed", "what"),
    [
        ("https://www.linkedin.com/in/ana", "social network"),
        ("facebook.com/acme", "social network"),
        ("https://bit.ly/3abc", "shortened link"),
        ("https://maps.google.com/?cid=1", "search engine"),
        ("192.0.2.1", "not the address of a website"),
        ("www.acme", "not the address of a website"),
    ],
)
def test_a_page_elsewhere_is_no_website_of_a_company(typed: str, what: str) -> None:
    """By such a host, companies that have nothing in common would be one."""
    with pytest.raises(BadValueError, match=what):
        website(typed)


@pytest.mark.parametrize(
    ("typed", "number"),
    [
        ("911 234 567 / 911 234 568", "911 234 567"),
        ("+34 (0)911 234 567", "+34 911 234 567"),
        ("+34911234567.0", "+34911234567"),
        ("3.4911234567E+10", "+34911234567"),
        ("+34 911 234 567; +34 611 000 000", "+34 911 234 567"),
        ("911 234 567 (switchboard), 611 000 000 (Ana)", "911 234 567"),
        ("911,234,567", "911234567"),
        ("911234567 - 611000000", "911234567"),
        ("9,11234567E+08", "911234567"),
        ("=+34911234567", "+34911234567"),
        ("WhatsApp: 611000000", "611000000"),
        ("https://wa.me/34611000000", "+34611000000"),
    ],
)
def test_a_number_is_found_in_what_was_typed(typed: str, number: str) -> None:
    """A spreadsheet's number is a phone as long as no digit is lost."""
    assert phone(typed, "ES") == number


@pytest.mark.parametrize("typed", ["3.49E+10", "3,4911E+10"])
def test_a_number_without_its_last_digits_is_none(typed: str) -> None:
    """Zeros in their place would be the phone of another person."""
    with pytest.raises(BadValueError):
        phone(typed, "ES")


@pytest.mark.parametrize(
    ("typed", "code"),
    [
        ("Deutschland", "DE"),
        ("Alemania", "DE"),
        ("Arabia Saudita", "SA"),
        ("República Democrática del Congo", "CD"),
        ("França", "FR"),
        ("Suisse", "CH"),
        ("日本", "JP"),
        ("Ελλάδα", "GR"),
        ("ES - España", "ES"),
        ("España/Spain", "ES"),
        ("ES-ES", "ES"),
        ("Perú (Lima)", "PE"),
        ("China (PRC)", "CN"),
        ("Korea, Republic of", "KR"),
        ("Madrid, Spain", "ES"),
        ("Republic of Ireland", "IE"),
        ("the Philippines", "PH"),
        ("Hong Kong SAR", "HK"),
        ("🇲🇽", "MX"),
        ("🇪🇸 España", "ES"),
    ],
)
def test_a_country_is_known_as_people_write_it(typed: str, code: str) -> None:
    """In five languages and its own, twice, with a city, and by its flag."""
    assert country_code(typed) == code


@pytest.mark.parametrize(
    "typed",
    [
        "CA - California",
        "España/Portugal",
        "🇪🇸🇵🇹",
        "Estado de México",
        "LATAM",
        "EU",
        "",
        "/",
        "Republic of Congo (?)",
    ],
)
def test_a_country_in_doubt_is_none(typed: str) -> None:
    """Two countries, a state, or a part of the world."""
    assert country_code(typed) is None


@pytest.mark.parametrize(
    "typed",
    [
        *(
            "N/A",
            "-",
            "n.d.",
            "None",
            "#N/A",
            "#REF!",
            "#¡VALOR!",
            "Err:502",
            "sin empresa",
            "Autónoma",
        ),
        *(
            "Sin compañía",
            "No company given",
            "Empresa desconocida",
            "nicht angegeben",
            "sans société",
        ),
        *("Freelance / Autónomo", "sem informação", "[object Object]", "Open to work"),
    ],
)
def test_a_placeholder_says_nothing(typed: str) -> None:
    """As a whole cell, in any case, with any punctuation."""
    assert blank_kind(typed, fold(typed)) is Blank.NOTHING


@pytest.mark.parametrize("typed", ["Test company", "Empresa de prueba", "zzz", "TRUE", "Otros"])
def test_a_doubtful_placeholder_needs_a_domain(typed: str) -> None:
    """A company may be called so."""
    assert blank_kind(typed, fold(typed)) is Blank.DOUBTFUL


@pytest.mark.parametrize(
    "typed",
    [
        "Nada Surf",
        "Null Records SL",
        "#1 Cochran",
        "X",
        "3M",
        "Sin Límites",
        "No Brand",
        "Unknown Worlds",
    ],
)
def test_a_name_with_such_a_word_is_a_name(typed: str) -> None:
    """Only a whole cell says nothing."""
    assert blank_kind(typed, fold(typed)) is None


@pytest.mark.parametrize(
    ("typed", "what"),
    [
        ("2026-03-12", "date"),
        ("12/03/26", "date"),
        ("+34 911 234 567", "number"),
        ("https://www.acme.test", "website"),
        ("ana@acme.test", "e-mail address"),
        ("booking.com", None),
        ("3M", None),
        ("37 Signals", None),
        ("24/7", None),
        ("B12345678", "number"),
        ("1800Flowers", None),
    ],
)
def test_a_cell_may_hold_another_field(typed: str, what: str | None) -> None:
    """Nothing of that is a name; but names may have numbers and dots."""
    assert other_field(typed) == what


@pytest.mark.parametrize(
    "typed", ["TelefÃ³nica", "Telef\ufffdnica", "Telef?nica", "?guila", "DonÃ\ufffds"]
)
def test_damage_is_seen(typed: str) -> None:
    """Text that went through the wrong encoding names another company."""
    assert damage_in(typed) is not None


@pytest.mark.parametrize("typed", ["São Paulo", "ÂNGELA", "Who? What?", "¿Qué tal?", "Íñigo"])
def test_accents_are_no_damage(typed: str) -> None:
    """Nor is a question."""
    assert damage_in(typed) is None


@given(st.text(max_size=400))
def test_whatever_stands_in_a_cell_is_read(typed: str) -> None:
    """No text makes a reader fail otherwise than by saying so."""
    for check in (email_address, website, lambda text: phone(text, "ES")):
        with contextlib.suppress(BadValueError):
            assert check(typed)
    assert country_code(typed) is None or len(country_code(typed) or "") == 2


HEADER = "company,contact,email,website\n"


def _only_lead(path: Path) -> LeadFields | None:
    return next(read_lead_file(path).rows()).lead


def test_nothing_is_bought_for_a_placeholder(given_file: GivenFile) -> None:
    """Two people without an employer are not colleagues; the row says why."""
    path = given_file(f"{HEADER}Freelance,Ana,ana@gmail.com,\n2026-03-12,Eva,eva@gmail.com,\n")

    assert _only_lead(path) is None
    first, second = problems_of(read_lead_file(path))
    assert first.message == (
        "'Freelance' is a placeholder, not the name of a company; nothing is bought for it"
    )
    assert second.message.startswith("'2026-03-12' is a date,")


@pytest.mark.parametrize(
    ("row", "company", "site"),
    [
        ("N/A,Rosa,rosa@acme.test,", "acme.test", None),
        ("-,Rosa,rosa@gmail.com,www.acme.test", "acme.test", "www.acme.test"),
        ("Test,Rosa,rosa@gmail.com,www.acme.test", "Test", "www.acme.test"),
        ("https://www.acme.test,Rosa,rosa@gmail.com,", "acme.test", "https://www.acme.test"),
    ],
)
def test_a_domain_names_a_company_that_has_no_name(
    given_file: GivenFile, row: str, company: str, site: str | None
) -> None:
    """A website in place of the name serves as the website."""
    lead = _only_lead(given_file(f"{HEADER}{row}\n"))

    assert lead is not None
    assert (lead.company, lead.website) == (company, site)


def test_a_damaged_company_is_not_bought(given_file: GivenFile) -> None:
    """The row says what happened to the name before anything costs money."""
    path = given_file(f"{HEADER}TelefÃ³nica,Ana,ana@gmail.com,\n")

    assert _only_lead(path) is None
    (problem,) = problems_of(read_lead_file(path))
    assert "was read in another encoding" in problem.message


def test_a_placeholder_in_another_field_is_a_blank(given_file: GivenFile) -> None:
    """It costs no warning, and the next column of its kind is looked at."""
    path = given_file(
        "company,contact,work email,email,website,phone\nAcme,Ana,n/a,ana@acme.test,sin web,-\n"
    )

    lead = _only_lead(path)

    assert lead is not None
    assert (lead.email, lead.website, lead.phone) == ("ana@acme.test", None, None)
    assert not problems_of(read_lead_file(path))


def test_the_first_usable_value_counts(given_file: GivenFile) -> None:
    """A profile or a broken address does not hide what stands in the next column."""
    path = given_file(
        "company,contact,Work Email,Email,URL,Website\n"
        "Acme,Ana,ana@,ana@acme.test,https://linkedin.com/in/ana,acme.test\n"
        "Acme,Eva,eva@acme.test,,https://linkedin.com/in/eva,\n"
        "Acme,Luz,luz@acme.test,,https://acme.test/luz,\n"
    )

    first, second, _ = read_lead_file(path).rows()

    assert first.lead is not None
    assert (first.lead.email, first.lead.website) == ("ana@acme.test", "acme.test")
    assert [problem.level for problem in second.problems] == [Level.WARNING]


def test_a_flag_alone_is_no_blank(given_file: GivenFile) -> None:
    """It has no letters, but says a country."""
    path = given_file("company,contact,country\nAcme,Ana,🇪🇸\nZara,Eva,😀\n")

    leads = [row.lead for row in read_lead_file(path).rows()]

    assert [lead and lead.country for lead in leads] == ["ES", None]
