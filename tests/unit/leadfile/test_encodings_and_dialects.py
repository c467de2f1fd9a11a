"""Every usual way to write the same table reads as the same table."""

import codecs
from collections.abc import Callable
from pathlib import Path

import pytest

from orchestrator.leadfile import LeadFile, read_lead_file
from tests.support.lead_files import problems_of

GivenFile = Callable[[str | bytes], Path]
TABLE = "Compañía;Contacto;Correo\r\nPeñaranda;Íñigo Núñez;inigo@penaranda.example\r\n"


def _companies(lead_file: LeadFile) -> list[str | None]:
    return [row.lead.company if row.lead else None for row in lead_file.rows()]


@pytest.mark.parametrize(
    ("codec", "bom"),
    [
        ("utf-8", b""),
        ("utf-8", codecs.BOM_UTF8),
        ("cp1252", b""),
        ("utf-16-le", codecs.BOM_UTF16_LE),
        ("utf-16-be", codecs.BOM_UTF16_BE),
    ],
)
def test_accents_survive_in_every_encoding(given_file: GivenFile, codec: str, bom: bytes) -> None:
    """The encoding is found out, and remembered for the output."""
    path = given_file(bom + TABLE.encode(codec))

    lead_file = read_lead_file(path)

    assert lead_file.header == ("Compañía", "Contacto", "Correo")
    assert next(lead_file.rows()).cells == ("Peñaranda", "Íñigo Núñez", "inigo@penaranda.example")
    assert (lead_file.encoding.codec, lead_file.encoding.bom) == (codec, bom)


def test_bytes_that_cp1252_lacks_are_read_as_latin_1(given_file: GivenFile) -> None:
    """One such byte among many words decides nothing, and its own row says that it is damaged."""
    rows = b"Pe\xf1\x81a;Ana\n" + "Cafés Núñez;Íñigo\nPanadería Begoña;José\n".encode("cp1252")
    path = given_file(b"empresa;contacto\n" + rows)

    lead_file = read_lead_file(path)

    assert lead_file.encoding.codec == "latin-1"
    assert next(lead_file.rows()).cells[0] == "Peñ\x81a"
    assert _companies(lead_file) == [None, "Cafés Núñez", "Panadería Begoña"]


def test_one_broken_byte_does_not_garble_a_utf_8_file(given_file: GivenFile) -> None:
    """The row with the broken byte is reported; the accents of all others stay right."""
    broken = b"Pe\xf1a;Ana;ana@pena.example\r\n"
    path = given_file(TABLE.encode() + broken)

    lead_file = read_lead_file(path)

    assert _companies(lead_file) == ["Peñaranda", None]
    assert [str(p) for p in problems_of(lead_file)] == [
        (
            f"{path}, row 3: Compañía contains bytes that are not UTF-8, "
            "unlike the rest of the file; type the cell again and save as UTF-8"
        )
    ]


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
@pytest.mark.parametrize("newline", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("quote_all", [True, False])
def test_the_dialect_is_found_out_from_the_header(
    given_file: GivenFile, delimiter: str, newline: str, *, quote_all: bool
) -> None:
    """Delimiter, line ends and quoting are those of the header, whatever the notes contain."""
    header = ["company", "contact", "email", "notes"]
    row = ["Acme", "Ana", "ana@acme.example", '"a, b; c; d\te|f|g; h, i"']
    if quote_all:
        header, row = [f'"{name}"' for name in header], [*(f'"{c}"' for c in row[:3]), row[3]]
    path = given_file("".join(delimiter.join(cells) + newline for cells in (header, row)))

    lead_file = read_lead_file(path)

    assert next(lead_file.rows()).cells[-1] == "a, b; c; d\te|f|g; h, i"
    assert lead_file.dialect.separators.delimiter == delimiter
    assert lead_file.dialect.newline == newline
    assert lead_file.dialect.quote_all is quote_all


def test_the_delimiter_is_the_one_that_finds_the_columns(given_file: GivenFile) -> None:
    """A column with a long name full of commas doesn't make a file comma-delimited."""
    path = given_file("empresa;contacto;correo;a, b, c, d, e\nAcme;Ana;ana@acme.example;x\n")

    lead_file = read_lead_file(path)

    assert lead_file.header == ("empresa", "contacto", "correo", "a, b, c, d, e")


def test_single_quotes_are_quotes_where_the_header_uses_them(given_file: GivenFile) -> None:
    """LibreOffice can quote with an apostrophe; elsewhere an apostrophe is a letter."""
    path = given_file("'company','contact','email'\n'Gas, Luz','Ana','ana@gas.example'\n")

    lead_file = read_lead_file(path)

    assert _companies(lead_file) == ["Gas, Luz"]


def test_a_list_of_one_column_is_a_table(given_file: GivenFile) -> None:
    """Without any delimiter, each line is a company."""
    path = given_file("empresa\nAcme\nZara\n")

    lead_file = read_lead_file(path, needs=frozenset())

    assert _companies(lead_file) == ["Acme", "Zara"]


def test_columns_that_are_known_outweigh_columns_that_are_many(given_file: GivenFile) -> None:
    """Where two delimiters find the company column, the one that finds more fields is right."""
    path = given_file("note;company;email;phone,company,a,b,c,d\nx;Acme;a@acme.example;1,2\n")

    lead_file = read_lead_file(path, needs=frozenset())

    assert lead_file.header == ("note", "company", "email", "phone,company,a,b,c,d")
