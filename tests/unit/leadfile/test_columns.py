"""Columns are known by the names that people give them."""

import pytest

from orchestrator.leadfile import LeadField
from orchestrator.leadfile.columns import find_columns


@pytest.mark.parametrize(
    ("name", "field"),
    [
        ("company", LeadField.COMPANY),
        ("Company Name", LeadField.COMPANY),
        ("EMPRESA", LeadField.COMPANY),
        ("compañia", LeadField.COMPANY),
        ("Razon_Social", LeadField.COMPANY),
        (" Organización ", LeadField.COMPANY),
        ("Account Name", LeadField.COMPANY),
        ("Nombre", LeadField.CONTACT),
        ("contact-name", LeadField.CONTACT),
        ("Persona de contacto", LeadField.CONTACT),
        ("E-mail", LeadField.EMAIL),
        ("Correo Electrónico", LeadField.EMAIL),
        ("Sitio Web", LeadField.WEBSITE),
        ("URL", LeadField.WEBSITE),
        ("País", LeadField.COUNTRY),
        ("TELÉFONO", LeadField.PHONE),
        ("Tel.", LeadField.PHONE),
        ("Origen", LeadField.SOURCE),
        ("Observaciones", LeadField.NOTES),
    ],
)
def test_a_column_is_known_in_english_and_spanish(name: str, field: LeadField) -> None:
    """Case, accents and punctuation of a column's name don't matter."""
    assert find_columns(["id", name]) == {field: ((1,),)}


def test_the_more_specific_name_wins() -> None:
    """Where two columns could be meant, the more specific one is taken."""
    columns = find_columns(["name", "cliente", "contact name", "empresa"])

    assert columns == {LeadField.COMPANY: ((3,),), LeadField.CONTACT: ((2,),)}


def test_given_name_and_surname_make_a_contact() -> None:
    """Exports of the usual CRMs split the name of a person."""
    columns = find_columns(["Last Name", "First Name", "Company"])

    assert columns[LeadField.CONTACT] == ((1, 0),)


def test_unknown_columns_are_not_read() -> None:
    """A column that only sounds similar is left alone."""
    assert find_columns(["company size", "emasai_company_key", ""]) == {}
