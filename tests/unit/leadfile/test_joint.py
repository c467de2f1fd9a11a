"""A column with several values in each cell gives each of them to its field."""

import pytest

from orchestrator.leadfile import FOR_ENRICHMENT, FOR_PIPELINE, LeadField
from orchestrator.leadfile.joint import joint_of
from orchestrator.leadfile.reader import read_lead_file

from .conftest import GivenFile

CITY, COUNTRY = LeadField.CITY, LeadField.COUNTRY
COMPANY, CONTACT = LeadField.COMPANY, LeadField.CONTACT


@pytest.mark.parametrize(
    ("name", "parts"),
    [
        ("PLZ / Ort", ("postal", "city")),
        ("PLZ Ort", ("postal", "city")),
        ("C.P. y Población", ("postal", "city")),
        ("Code postal et ville", ("postal", "city")),
        ("Ciudad, País", ("city", "country")),
        ("Cidade/UF", ("city", "other")),
        ("Anschrift (Straße, PLZ Ort)", ("other", "postal", "city")),
        ("Company location", ("city", "country")),
        ("Name, Firma", ("contact", "company")),
        ("Contact (Company)", ("contact", "company")),
        ("Nombre y cargo", ("contact", "other")),
        ("Teléfono / Fax", ("phone", "other")),
        ("Company / Website", ("company", "website")),
    ],
)
def test_a_name_says_what_is_in_its_cells(name: str, parts: tuple[str, ...]) -> None:
    """With any sign, word or bracket between the parts, or none between those of a place."""
    joint = joint_of(name)

    assert joint is not None
    assert joint.parts == parts


@pytest.mark.parametrize(
    "name",
    [
        "Nombre y apellidos",
        "Nom, prénom",
        "Mobile / Phone",
        "País/Región",
        "Person - Email - Work",
        "Dirección",
        "Name / Budget",
        "City",
        "Fax / NIF",
    ],
)
def test_other_names_say_one_value_or_none(name: str) -> None:
    """The parts of a person's name are one, and of unknown words nothing is known."""
    assert joint_of(name) is None


@pytest.mark.parametrize(
    ("name", "cell", "field", "part"),
    [
        ("PLZ / Ort", "28195 Bremen", CITY, "Bremen"),
        ("PLZ / Ort", "D-28195 Bremen", CITY, "Bremen"),
        ("CP - Ville", "13001 - Aix-en-Provence", CITY, "Aix-en-Provence"),
        ("Cód. Postal - Localidade", "2400-123 Leiria", CITY, "Leiria"),
        ("Ort (PLZ)", "Bremen (28195)", CITY, "Bremen"),
        ("PLZ / Ort", "28195", CITY, ""),
        ("Straße, PLZ, Ort", "Kai 1, 26382 Wilhelmshaven", CITY, "Wilhelmshaven"),
        ("Ciudad, País", "Haro, La Rioja, Spain", CITY, "Haro"),
        ("Ciudad, País", "Haro, La Rioja, Spain", COUNTRY, "Spain"),
        ("País - Ciudad", "España - Haro", CITY, "Haro"),
        ("Ciudad, País", "Spain", CITY, ""),
        ("Ciudad, País", "Spain", COUNTRY, "Spain"),
        ("Cidade/UF", "Dourados/MS", CITY, "Dourados"),
        ("Localidad (Provincia)", "Illescas (Toledo)", CITY, "Illescas"),
        ("Name, Firma", "Ana Ruiz, Norte, S.L.", COMPANY, "Norte, S.L."),
        ("Name, Firma", "Ana Ruiz, Norte, S.L.", CONTACT, "Ana Ruiz"),
        ("Firma / Kontakt", "Norte, S.L. / Ana Ruiz", CONTACT, "Ana Ruiz"),
        ("Name, Firma", "Norte S.L.", COMPANY, "Norte S.L."),
        ("Name, Firma", "Norte S.L.", CONTACT, ""),
        ("Contact (Company)", "Ana Ruiz (Norte)", COMPANY, "Norte"),
        ("Company, Country", "Norte Ltd, Spain", COMPANY, "Norte Ltd"),
        ("E-mail / Tel", "ana@norte.test", LeadField.PHONE, "ana@norte.test"),
    ],
)
def test_each_field_gets_its_part(name: str, cell: str, field: LeadField, part: str) -> None:
    """What more parts there are stays with the company, or between town and country."""
    joint = joint_of(name)

    assert joint is not None
    assert joint.part(cell, field) == part


@pytest.mark.parametrize(
    "cells", [("Norte SL", "Sur SA"), ("Norte, S.L.", "Sur, S.A."), ("Norte, Haro", "Sur, Faro")]
)
def test_the_name_of_a_company_is_not_parted_without_a_person(
    given_file: GivenFile, cells: tuple[str, str]
) -> None:
    """`Firma, Name` may be where the company's name stands: the cells decide."""
    path = given_file("Firma / Name;Web\n" + "".join(f'"{each}";\n' for each in cells))

    rows = list(read_lead_file(path, needs=FOR_ENRICHMENT).rows())

    assert [row.lead and row.lead.company for row in rows] == list(cells)


def test_people_with_their_company_need_no_name_that_says_so(given_file: GivenFile) -> None:
    """A file without a column of companies has them behind the people."""
    path = given_file(
        'Attendee,Email\n"Ana Ruiz, Norte Ltd",ana@norte.test\n"Luz Gil, Sur Ltd",luz@sur.test\n'
    )

    lead_file = read_lead_file(path, needs=FOR_PIPELINE)

    leads = [row.lead for row in lead_file.rows() if row.lead]
    assert [(lead.company, lead.contact) for lead in leads] == [
        ("Norte Ltd", "Ana Ruiz"),
        ("Sur Ltd", "Luz Gil"),
    ]


def test_a_column_that_is_given_is_read_whole(given_file: GivenFile) -> None:
    """Its owner knows better what it holds."""
    path = given_file("Name, Firma;Wer\nNorte Sur, Haro GmbH;Ana Ruiz\n")
    columns = {COMPANY: ["Name, Firma"], CONTACT: ["Wer"]}

    (row,) = read_lead_file(path, columns=columns).rows()

    assert row.lead is not None
    assert (row.lead.company, row.lead.contact) == ("Norte Sur, Haro GmbH", "Ana Ruiz")


def test_the_company_s_place_excludes_any_other(given_file: GivenFile) -> None:
    """A blank one is not filled up with where the person lives."""
    path = given_file(
        "company,name,location,Company location\n"
        'Norte,Ana Ruiz,"Faro, Portugal","Haro, Spain"\nSur,Luz Gil,"Faro, Portugal",\n'
    )

    first, second = (row.lead for row in read_lead_file(path).rows())

    assert first is not None
    assert second is not None
    assert (first.city, first.country) == ("Haro", "ES")
    assert (second.city, second.country) == (None, None)
