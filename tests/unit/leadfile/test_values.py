"""Single cells: what is accepted, and what it becomes."""

from contextlib import suppress

import pytest
from email_validator import EmailNotValidError, validate_email
from hypothesis import example, given, settings
from hypothesis import strategies as st

from orchestrator.leadfile.cells import (
    BadValueError,
    country,
    email_address,
    phone,
    website,
)


@pytest.mark.parametrize(
    ("typed", "address"),
    [
        ("ana@example.com", "ana@example.com"),
        ("Ana.Gil@ACME.Example", "Ana.Gil@acme.example"),
        ("ana@acme.test", "ana@acme.test"),
        ("Ana Gil <ana@acme.example>", "ana@acme.example"),
        ("peña@acme.example", "peña@acme.example"),
    ],
)
def test_an_address_is_accepted_as_people_paste_it(typed: str, address: str) -> None:
    """Reserved domains and display names are fine; only the domain loses its case."""
    assert email_address(typed) == address


@pytest.mark.parametrize("typed", ["ana", "ana@", "@acme.example", "a b@acme.example", "ana@acme"])
def test_what_is_no_address_is_refused_without_repeating_it(typed: str) -> None:
    """The sentence about a bad address does not carry personal data along."""
    with pytest.raises(BadValueError) as refused:
        email_address(typed)

    assert typed not in str(refused.value)


@pytest.mark.parametrize(
    ("typed", "code"),
    [
        ("ES", "ES"),
        ("es", "ES"),
        ("ESP", "ES"),
        ("España", "ES"),
        ("espana", "ES"),
        ("Spain", "ES"),
        ("MÉXICO", "MX"),
        ("Méjico", "MX"),
        ("Brasil", "BR"),
        ("Perú", "PE"),
        ("EE.UU.", "US"),
        ("EE. UU.", "US"),
        ("U.S.A.", "US"),
        ("Estados Unidos", "US"),
        ("UK", "GB"),
        ("Reino Unido", "GB"),
        ("Alemania", "DE"),
        ("Corea del Sur", "KR"),
        ("Bolivia", "BO"),
        ("Venezuela", "VE"),
        ("República Dominicana", "DO"),
        ("Países Bajos", "NL"),
    ],
)
def test_a_country_is_known_by_code_and_by_name(typed: str, code: str) -> None:
    """ISO codes and English and Spanish names all become the alpha-2 code."""
    assert country(typed) == code


def test_an_unknown_country_is_refused() -> None:
    """A country is never guessed."""
    with pytest.raises(BadValueError, match="Narnia"):
        country("Narnia")


@pytest.mark.parametrize(
    ("typed", "site"),
    [
        ("acme.example", "acme.example"),
        ("WWW.Acme.Example/", "www.acme.example"),
        ("https://Acme.example/es?x=1", "https://acme.example/es?x=1"),
        ("http://acme.example", "http://acme.example"),
        ("acme.example/es", "https://acme.example/es"),
        ("españa.example:8080", "españa.example:8080"),
    ],
)
def test_a_website_is_normalised(typed: str, site: str) -> None:
    """A bare host stays bare, a path needs a scheme, and a host has no case."""
    assert website(typed) == site


@pytest.mark.parametrize(
    "typed",
    [
        "acme",
        "www acme example",
        "ana@acme.example",
        "ftp://acme.example",
        "http://",
        "http://acme.example:port",
        "http://[acme.example",
        "-acme.example",
        "n/a",
        f"{'a' * 64}.example",
        ".".join(["abcdefgh"] * 40),
    ],
)
def test_what_is_no_website_is_refused(typed: str) -> None:
    """Placeholders, e-mails and other schemes don't pass for a site."""
    with pytest.raises(BadValueError):
        website(typed)


@pytest.mark.parametrize(
    ("typed", "country_code"),
    [
        ("+34 911 234 567", None),
        ("911234567", "ES"),
        ("(55) 5123-4567", "MX"),
        ("5123 4567", None),
        ("+1 415 555 0100 ext. 3", "ES"),
    ],
)
def test_a_phone_number_that_can_be_dialled_is_accepted(
    typed: str, country_code: str | None
) -> None:
    """A national number without a country can't be judged, so it passes."""
    phone(typed, country_code)


@pytest.mark.parametrize(
    ("typed", "country_code"),
    [("n/a", None), ("123", "ES"), ("+999 123", None), ("+34 9", "MX")],
)
def test_what_cannot_be_dialled_is_doubted(typed: str, country_code: str | None) -> None:
    """Too short, an unknown prefix, or no number at all."""
    with pytest.raises(BadValueError):
        phone(typed, country_code)


@given(address=st.from_regex(r"[a-z0-9._-]{1,70}@[a-z0-9.-]{1,70}\.[a-z]{2,9}", fullmatch=True))
@example(address="ana@acme.localhost")
@example(address="ana@xn--a.test")
@example(address=f"{'a' * 65}@acme.test")
@example(address=f"ana@{'a' * 64}.test")
@example(address="ana@a.arpa")
@example(address="ana.@acme.test")
@settings(max_examples=500)
def test_usual_addresses_are_judged_as_the_library_judges_them(address: str) -> None:
    """A short way for most of them changes nothing."""
    try:
        expected = validate_email(address, check_deliverability=False, test_environment=True)
    except EmailNotValidError:
        with suppress(BadValueError):  # a part of it may be one
            assert email_address(address) != address
    else:
        assert email_address(address) == expected.normalized
