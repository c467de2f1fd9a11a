"""Columns whose names say nothing are known by their cells, and only where there is no doubt."""

from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from orchestrator.leadfile import FOR_ENRICHMENT, FOR_PIPELINE, LeadField, LeadFileError
from orchestrator.leadfile.by_cells import fields_by_cells
from orchestrator.leadfile.reader import read_lead_file
from orchestrator.leadfile.sample import is_row

GivenFile = Callable[[str | bytes], Path]

LEADS = (
    ("Hornos Duero", "Rosa Vidal", "rosa.vidal@hornosduero.test", "+34 983 234 567", "Spain", "7"),
    ("Tintas Lago", "Iker Sanz", "isanz@tintaslago.test", "+52 55 5123 4567", "México", "9"),
    ("Velas Mar", "Paula Rey", "paula@velasmar.test", "+351 21 123 4567", "Portugal", "9"),
    ("Grupo Zeta", "Luz Gil", "info@gmail.com", "", "", "1"),
)
COLUMNS = {
    "company": 0,
    "contact": 1,
    "email": 2,
    "phone": 3,
    "country": 4,
}


@pytest.mark.parametrize("order", [(0, 1, 2, 3, 4, 5), (5, 3, 1, 4, 2, 0), (2, 0, 5, 1, 3, 4)])
def test_the_order_of_the_columns_makes_no_difference(order: tuple[int, ...]) -> None:
    """Values with a form show themselves; names are found in the addresses beside them."""
    rows = [[lead[number] for number in order] for lead in LEADS]

    found = fields_by_cells(rows, range(len(order)), {})

    assert found == {
        LeadField(field): ((order.index(number),),) for field, number in COLUMNS.items()
    }


def _by_cells(*rows: Sequence[str]) -> dict[str, tuple[tuple[int, ...], ...]]:
    return {str(field): at for field, at in fields_by_cells(rows, range(len(rows[0])), {}).items()}


@pytest.mark.parametrize(
    ("rows", "field"),
    [
        # Which of the two is it? A surname may explain a domain as well as a company does.
        ([("Vidal", "Vidal Hermanos", "rosa@vidal.test")], "company"),
        ([("Rosa Vidal", "Luz Gil", "info@hornosduero.test")], "contact"),
        # Users of a program, not people.
        ([("rvidal", "rvidal@hornosduero.test")], "contact"),
        # Numbers of records, languages, one portal for all.
        ([("988123456", "Hornos"), ("988123457", "Tintas")], "phone"),
        ([("ES", "Hornos"), ("PT", "Tintas")], "country"),
        ([("portal.test", "Hornos"), ("portal.test", "Tintas")], "website"),
        ([("linkedin.com/company/hornosduero", "rosa@hornosduero.test")], "company"),
        ([("Spain", "Portugal", "Hornos")], "country"),
        ([("oven, spain", "Hornos")], "country"),
        # A colleague's address for all rows, or for many.
        ([("eva@ours.test", "Hornos"), ("eva@ours.test", "Tintas")], "email"),
        # Two people's addresses, and no name to tell whose they are.
        ([("rosa@hornosduero.test", "luz@hornosduero.test")], "email"),
        # One of two landlines may be a fax.
        ([("+34 983 234 567", "+34 983 234 568"), ("+34 976 111 222", "+34 976 111 223")], "phone"),
        # Partners: not the site of the mail.
        (
            [("partner.test", "rosa@hornosduero.test"), ("other.test", "iker@tintaslago.test")],
            "website",
        ),
        ([("ours.test/a", "Hornos"), ("ours.test/b", "Tintas")], "website"),
        # An employer and the one before, a name in an address of the web.
        ([("Hornos SL", "Tintas SA"), ("Velas SL", "Norte SA")], "company"),
        ([("hornosduero", "rosa@hornosduero.test")], "company"),
    ],
)
def test_a_doubt_is_no_meaning(rows: list[tuple[str, ...]], field: str) -> None:
    """The wrong company or the wrong country would be bought."""
    assert field not in _by_cells(*rows)


def test_given_name_and_surname_are_joined_as_in_the_address() -> None:
    """The order in which the columns stand says nothing."""
    found = _by_cells(("Vidal", "Rosa", "rosa.vidal@a.test"), ("Sanz", "Iker", "iker.sanz@b.test"))

    assert found["contact"] == ((1, 0),)


def test_the_parts_of_a_name_go_before_the_whole() -> None:
    """The whole shows which of its parts is the given name, written with a comma, too."""
    found = _by_cells(
        ("Vidal", "Vidal, Rosa", "Rosa", "rvidal@a.test"), ("Rey", "Rey, Luz", "Luz", "lrey@b.test")
    )

    assert found["contact"] == ((2, 0),)


def test_a_given_name_is_known_by_its_initial() -> None:
    """Many addresses have no more of it; a short form of a name is no part of it."""
    found = _by_cells(
        ("Vidal", "Hornos", "Rosa", "rvidal@a.test"), ("Sanz", "Tintas", "Iker", "isanz@b.test")
    )
    nicknames = _by_cells(("Lau", "Laura", "Rey", "laura.rey@a.test"))

    assert found["contact"] == ((2, 0),)
    assert nicknames["contact"] == ((1, 2),)


def test_the_address_behind_a_name_is_part_of_the_contact() -> None:
    """It is read from there, and tells the company."""
    found = _by_cells(("Hornos Duero", "Rosa Vidal (rosa@hornosduero.test)"))

    assert found == {"company": ((0,),), "contact": ((1,),)}


def test_addresses_of_the_leads_are_those_of_several_companies() -> None:
    """Those of one are the owners' of the leads; a personal one goes before `info@`."""
    found = _by_cells(
        ("eva@ours.test", "info@hornosduero.test", "rosa@hornosduero.test"),
        ("luz@ours.test", "info@tintaslago.test", "iker@tintaslago.test"),
    )

    assert found["email"] == ((2,), (1,))


def test_names_tell_whose_address_it_is() -> None:
    """A colleague's stands beside it."""
    found = _by_cells(
        ("luz@hornosduero.test", "Rosa Vidal", "rosa@hornosduero.test"),
        ("ana@tintaslago.test", "Iker Sanz", "iker@tintaslago.test"),
    )

    assert (found["email"], found["contact"]) == (((2,),), ((1,),))


LANDLINES = ("0711 234 567", "07121 4455 66", "089/123 45 67", "(030) 1234567", "0221-55 44 33")
MOBILES = ("612 345 678", "655 120 934", "688 001 122", "600 431 908", "699 555 014")


@pytest.mark.parametrize(
    ("form", "country", "phones"),
    [("GmbH", "", LANDLINES), ("", "Alemania", LANDLINES), ("SL", "", MOBILES)],
)
def test_national_phones_are_known_where_the_country_is(
    form: str, country: str, phones: tuple[str, ...]
) -> None:
    """A column names it, or legal forms do."""
    rows = [
        (f"Horno{chr(97 + n) * 3} {form}", f"info@horno{chr(97 + n) * 3}.test", country, phone)
        for n, phone in enumerate(phones)
    ]

    assert _by_cells(*rows)["phone"] == ((3,),)


@pytest.mark.parametrize(
    "numbers",
    [
        # Amounts, tax numbers, counted references, postal codes, too few, without groups.
        ("6.123.456", "7.234.561", "8.345.612", "9.456.123", "6.561.234"),
        ("900.123.456-7", "901.234.567-1", "860.345.678-2", "800.456.789-3", "900.567.891-4"),
        ("612 345 001", "612 345 002", "612 345 003", "612 345 004", "612 345 005"),
        ("28 001", "28 002", "08 003", "41 004", "46 005"),
        MOBILES[:4],
        tuple(each.replace(" ", "") for each in MOBILES),
        ("2026-000123", "2026-000871", "2026-001203", "2026-004511", "2026-009120"),
    ],
)
def test_other_numbers_are_no_national_phones(numbers: tuple[str, ...]) -> None:
    """A phone is compared with those of stored companies."""
    rows = [(f"Horno{chr(97 + n) * 3} SL", number) for n, number in enumerate(numbers)]

    assert "phone" not in _by_cells(*rows)


def test_a_name_that_is_in_the_addresses_may_be_the_contact_s() -> None:
    """`Rosa Hornos` explains `hornosduero`, too, but is no company to buy."""
    found = _by_cells(("Rosa Hornos", "rosa@rosahornos.test"), ("Luz Tintas", "luz@luztintas.test"))

    assert "company" not in found


def test_a_mobile_is_no_fax() -> None:
    """Nor is a number that differs between people of one company."""
    found = _by_cells(
        ("Hornos SL", "+34 983 234 567", "+34 983 234 500", "+34 600 111 222"),
        ("Hornos SL", "+34 983 234 568", "+34 983 234 500", "+34 600 111 223"),
        ("Tintas SA", "+34 976 111 222", "+34 976 111 200", "+34 600 111 224"),
    )

    assert found["phone"] == ((1,), (3,))


def test_legal_forms_show_companies_where_no_address_does() -> None:
    """A list of companies often has nothing else."""
    found = _by_cells(("Norte", "Hornos Duero S.L."), ("Sur", "Tintas Lago, S.A."))

    assert found == {"company": ((1,),)}


def test_the_legal_form_tells_a_company_from_a_surname() -> None:
    """Both explain the domain."""
    assert _by_cells(("Weiss", "Weiss GmbH", "ute@weiss.test"))["company"] == ((1,),)


def test_names_of_columns_go_before_cells(given_file: GivenFile) -> None:
    """Only what no name says is looked for; a fax or the owner's address is the lead's of none."""
    path = given_file(
        "Company,Col A,Owner mail,Fax,Col B\n"
        "Hornos Duero,Rosa Vidal,eva@ours.test,+34 983 234 568,rosa@hornosduero.test\n"
    )

    lead_file = read_lead_file(path)

    assert lead_file.mapping == {
        "company": ("Company",),
        "email": ("Col B",),
        "contact": ("Col A",),
    }
    assert lead_file.by_cells == {LeadField.EMAIL, LeadField.CONTACT}
    assert lead_file.ignored == ("Owner mail", "Fax")


@pytest.mark.parametrize(
    ("columns", "field", "name"),
    [
        # Pages of a portal, of networks, and what is no website at all.
        ("URL,Website|kompass.test/a,a.test|kompass.test/b,b.test", "website", "Website"),
        ("Web,URL|linkedin.com/in/a,a.test|linkedin.com/in/b,", "website", "URL"),
        ("Account site,Website|Head office,a.test|Plant 2,b.test", "website", "Website"),
        ("Contact number,Phone|C1,+34 983 234 567|C2,+34 983 234 568", "phone", "Phone"),
        # A colleague, and the key of a record.
        ("Person,Name|Eva,Rosa Vidal|Eva,Luz Gil", "contact", "Name"),
        ("Lead,Name|00Q5e00001AbCdEEAV,Rosa|00Q5e00001AbCdFEAV,Luz", "contact", "Name"),
    ],
)
def test_cells_refute_the_name_of_their_column(
    given_file: GivenFile, columns: str, field: str, name: str
) -> None:
    """Another column, that says less by its name, holds what is meant."""
    header, *rows = columns.split("|")
    rows = [f"Hornos {n},rosa{n}@hornos{n}.test,{row}" for n, row in enumerate(rows)]
    path = given_file("\n".join([f"Company,Email,{header}", *rows]))

    lead_file = read_lead_file(path, needs=FOR_ENRICHMENT)

    assert lead_file.mapping[LeadField(field)] == (name,)


def test_the_only_column_of_companies_is_read_whatever_its_cells_are(given_file: GivenFile) -> None:
    """A cell that looks like the key of a record is a company, if there is no better one."""
    path = given_file("empresa\nacme_04c8aa12\n")

    lead_file = read_lead_file(path, needs=FOR_ENRICHMENT)

    assert lead_file.mapping == {"company": ("empresa",)}


@pytest.mark.parametrize("needs", [FOR_PIPELINE, FOR_ENRICHMENT])
def test_a_file_may_have_no_header(given_file: GivenFile, needs: frozenset[LeadField]) -> None:
    """Its first line is a row, not lost as the names of the columns."""
    rows = "Hornos Duero,Rosa,rosa@hornosduero.test\nTintas Lago,Iker,iker@tintaslago.test\n"
    path = given_file(rows)

    lead_file = read_lead_file(path, needs=needs)

    companies = [row.lead.company for row in lead_file.rows() if row.lead]
    assert companies == ["Hornos Duero", "Tintas Lago"]
    assert lead_file.header == ("column 1", "column 2", "column 3")


def test_a_list_of_companies_may_have_no_header(given_file: GivenFile) -> None:
    """The legal form on its first line shows that it is a company."""
    lead_file = read_lead_file(given_file("Hornos SL\nTintas SA\nVelas\n"), needs=FOR_ENRICHMENT)

    assert [row.cells for row in lead_file.rows()] == [("Hornos SL",), ("Tintas SA",), ("Velas",)]


def test_without_a_doubtless_column_the_file_is_refused(given_file: GivenFile) -> None:
    """The sentence names the columns and the way out."""
    with pytest.raises(LeadFileError, match=r"no company column.*--column company=NAME"):
        read_lead_file(given_file("a,b\nHornos,1\nTintas,2\n"), needs=FOR_ENRICHMENT)


@pytest.mark.parametrize("cells", [["company", "e-mail"], ["Cliente", "Notas"], ["a", "", "7"]])
def test_names_of_columns_are_no_row(cells: list[str]) -> None:
    """Else the header would be bought as a company."""
    assert not is_row(cells)
