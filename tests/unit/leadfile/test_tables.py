"""The table is found wherever it stands in a file, and what is no row is left out, and said."""

from collections.abc import Callable
from pathlib import Path

import pytest

from orchestrator.leadfile import FOR_ENRICHMENT, LeadField, LeadFileError, Level, read_lead_file
from tests.support.lead_files import problems_of, write_results

GivenFile = Callable[[str | bytes], Path]
HEADER = "company,contact,email,country\n"
ROWS = "Acme,Ana,ana@acme.example,ES\nZara,Eva,eva@zara.example,MX\n"


@pytest.mark.parametrize(
    ("above", "sentence"),
    [
        ("sep=,\n", "1 line above"),
        ('"sep=,"\n', "1 line above"),
        ("# exported 2026-03-12\n", "1 line above"),
        ('Notes:\n"Some addresses, ""maybe all"", are missing."\n\n', "3 lines above"),
        ("Leads of March,,,\n,,,\n", "2 lines above"),
        ("Customer,,,\n", "1 line above"),
    ],
)
def test_lines_may_stand_above_the_header(
    given_file: GivenFile, tmp_path: Path, above: str, sentence: str
) -> None:
    """They are no rows, and the output has them where they were."""
    path = given_file(above + HEADER + ROWS)

    lead_file = read_lead_file(path)

    first = above.count("\n") + 2
    assert [row.number for row in lead_file.rows()] == [first, first + 1]
    assert lead_file.left_out[0].en.startswith(sentence)
    write_results(lead_file, {}, tmp_path / "out.csv")
    assert (tmp_path / "out.csv").read_text().startswith(f"{above}company,contact,email,country,")
    assert read_lead_file(tmp_path / "out.csv").length == 2


def test_the_separator_may_be_said_on_the_first_line(given_file: GivenFile) -> None:
    """Excel writes such a line, also before a byte order mark has been removed."""
    path = given_file("\ufeffsep=;\r\nempresa;a,b\r\nAcme;x\r\n".encode())

    lead_file = read_lead_file(path, needs=FOR_ENRICHMENT)

    assert lead_file.header == ("empresa", "a,b")
    assert [row.cells for row in lead_file.rows()] == [("Acme", "x")]


def test_a_row_is_not_taken_for_the_header(given_file: GivenFile) -> None:
    """A value that is also the name of a column does not hide the rows above it."""
    path = given_file("Sin nombre;Tipo\nAcme;Proveedor\nZara;Cliente\n")

    with pytest.raises(LeadFileError, match="its columns: Sin nombre, Tipo"):
        read_lead_file(path, needs=FOR_ENRICHMENT)


@pytest.mark.parametrize("header", ["company,contact,email\n", '"company,contact,email"\n'])
def test_lines_that_are_quoted_whole_are_read(given_file: GivenFile, header: str) -> None:
    """A program quoted each line as if it were one cell."""
    path = given_file(f'{header}"Acme,Ana,ana@acme.example"\n"""Gas, Luz"",Eva,e@gas.example"\n')

    lead_file = read_lead_file(path)

    companies = [row.lead and row.lead.company for row in lead_file.rows()]
    assert companies == ["Acme", "Gas, Luz"]


def test_blank_rows_are_no_rows(given_file: GivenFile) -> None:
    """What a spreadsheet leaves below and between rows costs one sentence, not one for each."""
    path = given_file(f"{HEADER},,,\n{ROWS}" + ' , ,"",\n' * 300)

    lead_file = read_lead_file(path)

    assert (lead_file.length, [each.en for each in lead_file.left_out]) == (2, ["301 blank rows"])
    assert not problems_of(lead_file)
    assert [row.number for row in lead_file.rows()] == [3, 4]


@pytest.mark.parametrize(
    "footer",
    [
        '\n\n"Leads with status"\n"Copyright (c) 2026"\n"Norte Group"\n',
        "\nGenerado por: Eva\n",
        "Total: 2,,,\n",
        ",,,\nConfidencial,,,\n",
    ],
)
def test_the_footer_of_a_report_is_no_row(given_file: GivenFile, footer: str) -> None:
    """What a report program writes below its table is never bought."""
    path = given_file(HEADER + ROWS + footer)

    lead_file = read_lead_file(path, needs=FOR_ENRICHMENT)

    companies = [row.lead and row.lead.company for row in lead_file.rows()]
    assert companies == ["Acme", "Zara"]
    assert lead_file.length == 2
    assert "below the table" in lead_file.left_out[-1].en


@pytest.mark.parametrize("total", ["Total,,,7", "Suma total,Recuento,2,", ',,Gesamt:,"1.000,50"'])
def test_sums_are_no_rows(given_file: GivenFile, total: str) -> None:
    """Neither below a table nor in it; a company of that name has more than numbers."""
    path = given_file(f"{HEADER}{total}\n{ROWS}Total,Luz,luz@total.example,FR\n{total}\n")

    lead_file = read_lead_file(path, needs=FOR_ENRICHMENT)

    companies = [row.lead and row.lead.company for row in lead_file.rows()]
    assert companies == ["Acme", "Zara", "Total"]
    assert [each.en for each in lead_file.left_out] == ["2 lines with nothing but sums or numbers"]


@pytest.mark.parametrize(
    "total", ["Total Norte,2", "Norte Total,2", "Norte Ergebnis,", "Subtotal N,2"]
)
def test_sums_of_groups_are_no_rows(given_file: GivenFile, total: str) -> None:
    """A company whose name begins like one is none of the values above it."""
    path = given_file(f"company,area\nAcme,Norte\nTotal Gas,7\nZara,Norte\n{total}\nMango,Sur\n")

    lead_file = read_lead_file(path, needs=FOR_ENRICHMENT)

    companies = [row.lead and row.lead.company for row in lead_file.rows()]
    assert companies == ["Acme", "Total Gas", "Zara", "Mango"]


@pytest.mark.parametrize(
    "last", ["Mango\n", "Mango,,,\n", "\nMango,,,\n", "\nX\nB,Eva,e@b.example,\n"]
)
def test_a_short_row_is_a_row(given_file: GivenFile, last: str) -> None:
    """A company alone in its row is none of a footer, nor is what has rows below."""
    path = given_file(HEADER + ROWS + last)

    lead_file = read_lead_file(path, needs=FOR_ENRICHMENT)

    assert lead_file.length == len(list(lead_file.rows())) > 2
    assert all(row.lead for row in lead_file.rows())


def test_a_stray_cell_costs_no_lead(given_file: GivenFile) -> None:
    """Where the cells are what their columns say, those behind the last column are only named."""
    path = given_file(f"{HEADER}Acme,Ana,ana@acme.example,ES,\nZara,Eva,e@zara.example,MX,call\n")

    lead_file = read_lead_file(path)

    assert all(row.lead for row in lead_file.rows())
    (problem,) = problems_of(lead_file)
    assert (problem.row, problem.level) == (3, Level.WARNING)
    assert problem.message == "the row has 5 cells, but the header names 4 columns"


def test_columns_are_named_where_their_names_say_nothing(given_file: GivenFile) -> None:
    """Also below other lines: the header is the record with those names."""
    path = given_file("Export\n\nEtiqueta,Quien\nAcme,Ana\n")
    columns = {LeadField.COMPANY: ["Etiqueta"]}

    lead_file = read_lead_file(path, needs=FOR_ENRICHMENT, columns=columns)

    assert [row.lead and row.lead.company for row in lead_file.rows()] == ["Acme"]
    with pytest.raises(LeadFileError, match="has no column 'Nada'"):
        read_lead_file(path, columns={LeadField.COMPANY: ["Nada"]})


TEXT = "empresa;contacto\nTelefónica Niño;Íñigo Peña\nÁGUILA ÑANDÚ;José Müller\n"


@pytest.mark.parametrize("codec", ["cp1252", "mac_roman", "cp850", "utf-16-le", "utf-16-be"])
@pytest.mark.parametrize("newline", ["\r", "\r\n"])
def test_the_encodings_of_spreadsheet_programs_are_found(
    given_file: GivenFile, codec: str, newline: str
) -> None:
    """Without any mark, by what makes letters inside words."""
    path = given_file(TEXT.replace("\n", newline).encode(codec))

    lead_file = read_lead_file(path, needs=FOR_ENRICHMENT)

    assert lead_file.encoding.codec == codec
    assert [row.cells[0] for row in lead_file.rows()] == ["Telefónica Niño", "ÁGUILA ÑANDÚ"]


def test_the_encoding_can_be_said(given_file: GivenFile) -> None:
    """What no guess would find is read as its owner says."""
    path = given_file("empresa;x\nЖдёшь;ы\n".encode("cp1251"))

    lead_file = read_lead_file(path, needs=FOR_ENRICHMENT, encoding="windows-1251")

    assert [row.cells for row in lead_file.rows()] == [("Ждёшь", "ы")]
    for name in ("klingon", "hex"):
        with pytest.raises(LeadFileError, match="is not known"):
            read_lead_file(path, needs=FOR_ENRICHMENT, encoding=name)
    with pytest.raises(LeadFileError, match="is not sound ASCII text"):
        read_lead_file(path, needs=FOR_ENRICHMENT, encoding="ascii")


@pytest.mark.parametrize(
    "title",
    [
        "ZONA SUR",
        "--- Sur ---",
        "Region: South",
        "** Sur **,** Sur **,** Sur **,** Sur **",
        "México",
        "[Sur]",
        "Page 2 of 3",
        "Halle 4",
        "COMPANY , Contact,email,Country,",
    ],
)
def test_the_title_of_a_section_is_no_row(given_file: GivenFile, title: str) -> None:
    """Nor are the names of the columns, once more and in another case: each is said."""
    first, second = ROWS.splitlines()
    path = given_file(f"{HEADER}{title}\n{first}\n{title}\n{second}\n")

    lead_file = read_lead_file(path)

    assert [row.lead and row.lead.company for row in lead_file.rows()] == ["Acme", "Zara"]
    assert len(lead_file.left_out) == 1


def test_what_stands_alone_below_a_blank_line_is_a_title(given_file: GivenFile) -> None:
    """Without a contact it would be no lead; in a list of companies it is one."""
    first, second = ROWS.splitlines()
    path = given_file(f"{HEADER}{first}\n\nNorte\n{second}\n")

    people, companies = read_lead_file(path), read_lead_file(path, needs=FOR_ENRICHMENT)

    assert [row.lead and row.lead.company for row in people.rows()] == ["Acme", "Zara"]
    assert "'Norte'" in people.left_out[-1].en
    assert companies.length == len(list(companies.rows())) == len(["Acme", "Norte", "Zara"])


@pytest.mark.parametrize("company", ["Zona Franca S.L.", "Mango", "3M", "Sector Alarm AS"])
def test_a_company_alone_in_its_row_is_no_title(given_file: GivenFile, company: str) -> None:
    """It lacks a contact, which is said of its row."""
    path = given_file(f"{HEADER}{company},,,\n{ROWS}")

    rows = list(read_lead_file(path).rows())

    assert [row.lead is None for row in rows] == [True, False, False]
    assert "contact" in str(rows[0].problems[0])


def test_any_number_of_lines_alone_is_read_in_its_order(given_file: GivenFile) -> None:
    """Few of them are kept until it is known what follows."""
    names = [f"Empresa {letter * 2} SL" for letter in "abcdefghijklmnopqrst"]
    path = given_file(f"{HEADER}{''.join(f'{name},,,' + chr(10) for name in names)}{ROWS}")

    rows = list(read_lead_file(path, needs=FOR_ENRICHMENT).rows())

    assert [row.lead and row.lead.company for row in rows] == [*names, "Acme", "Zara"]


def test_rows_with_nothing_but_a_number_are_no_rows(given_file: GivenFile) -> None:
    """Sheets are numbered in advance, and boards count their groups."""
    path = given_file("Nº,company,contact,phone\n1,Acme,Ana,\n2,,,\n3,,,\n,,,600 111 222\n")

    lead_file = read_lead_file(path)

    assert [row.number for row in lead_file.rows()] == [2, 5]
    assert [each.en for each in lead_file.left_out] == ["2 lines with nothing but sums or numbers"]


@pytest.mark.parametrize("names", [["Provincia de Haro"], ["Sector 7", "Zona 3", "Zona X", "Zone"]])
def test_in_a_list_of_companies_a_doubt_is_a_company(
    given_file: GivenFile, names: list[str]
) -> None:
    """Public bodies are customers, and many names one below the other a list of names."""
    path = given_file(f"{HEADER}{''.join(f'{name},,,' + chr(10) for name in names)}{ROWS}")

    rows = list(read_lead_file(path, needs=FOR_ENRICHMENT).rows())

    assert [row.lead and row.lead.company for row in rows] == [*names, "Acme", "Zara"]
