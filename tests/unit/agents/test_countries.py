"""Countries are understood by code and by name, in English and Spanish."""

import pycountry
import pytest

from agents.cdao.countries import country_code, country_name


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("es", "ES"),
        (" MX ", "MX"),
        ("Spain", "ES"),
        ("españa", "ES"),
        ("MEXICO", "MX"),
        ("Perú", "PE"),
        ("Republica Dominicana", "DO"),
        ("Estados Unidos", "US"),
        ("EE. UU.", "US"),
        ("EE.UU.", "US"),
        ("USA", "US"),
        ("UK", "GB"),
    ],
)
def test_a_country_is_understood_by_code_and_name(text: str, code: str) -> None:
    """Accents, case and common short forms make no difference."""
    understood = country_code(text)

    assert understood == code


@pytest.mark.parametrize("text", ["", "Atlantis", "EZ", "XX", "E", "-"])
def test_what_is_no_country_is_unknown(text: str) -> None:
    """A code that ISO has not given out is as unknown as an invented name."""
    understood = country_code(text)

    assert understood is None


def test_all_iso_codes_are_countries() -> None:
    """The own table knows each country that the reference library knows."""
    codes = {country.alpha_2 for country in pycountry.countries}

    understood = {code for code in codes if country_code(code) == code}

    assert understood == codes


def test_english_names_agree_with_the_reference() -> None:
    """A name that the reference library knows too means the same country to both."""
    reference = {country.name: country.alpha_2 for country in pycountry.countries}

    conflicts = {n for n, c in reference.items() if country_code(n) not in (c, None)}

    assert not conflicts


def test_a_country_without_a_name_is_shown_by_its_code() -> None:
    """Every valid code can be named in a sentence."""
    name = country_name("VU")

    assert (name.en, name.es) == ("VU", "VU")
