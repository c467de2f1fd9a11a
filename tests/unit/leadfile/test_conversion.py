"""Workbooks, JSON and compressed files are read as the CSV that they would be."""

import gzip
import io
import json
import zipfile
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest
import xlsxwriter

from orchestrator.leadfile import LeadFileError, read_lead_file, sheet_process
from orchestrator.leadfile import conversion as conversion_module
from tests.support.lead_files import write_results
from tests.support.workbooks import Sheet, workbook

GivenFile = Callable[[str | bytes], Path]
CSV = b"company,contact,email\nAcme,Ana,ana@acme.test\n"
ROWS: Sheet = [
    ["company", "contact", "email", "phone"],
    ["Ñandú", "Ana", "ana@acme.test", 34911234567],
]


def _zipped(**files: bytes) -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        for name, content in files.items():
            archive.writestr(name.replace("__", "/"), content)
    return packed.getvalue()


def _changed(archive: bytes, offset: int, value: int) -> bytes:
    """Return *archive* with one byte of the entry in its directory changed."""
    at = archive.index(b"PK\x01\x02") + offset
    return archive[:at] + bytes([value]) + archive[at + 1 :]


@pytest.mark.parametrize(
    "content",
    [
        gzip.compress(CSV, mtime=0),
        _zipped(leads=CSV),
        _zipped(folder__leads=CSV, **{"folder__.DS_Store": b"x", "__MACOSX__._leads": b"x"}),
        gzip.compress(_zipped(leads=CSV)),
        b'{"company": "Acme", "contact": "Ana"}\n\n{"company": "Zara", "email": "e@zara.test"}\n',
        b'\xef\xbb\xbf [ {"company": "Acme", "contact": "Ana", "email": null}]',
        b'{\n "total": 1,\n "results": [{"company": "Acme", "contact": "Ana", "email": ""}]\n}\n',
        b'{"company": "Acme", "contact": "Ana", "email": [{"value": "a"}]}',
        workbook(Leads=[["company", "contact", "email"], ["Acme", "Ana", "ana@acme.test"]]),
        _zipped(book=workbook(Leads=[["company", "contact", "email"], ["Acme", "Ana", "x"]])),
    ],
    ids=[
        "gzip",
        "zip",
        "folder",
        "both",
        "lines",
        "array",
        "answer",
        "object",
        "workbook",
        "zipped workbook",
    ],
)
def test_what_is_no_csv_is_read_as_one(given_file: GivenFile, content: bytes) -> None:
    """The same columns and cells, whatever they are packed in."""
    lead_file = read_lead_file(given_file(content))

    assert lead_file.header == ("company", "contact", "email")
    assert next(lead_file.rows()).cells[:2] == ("Acme", "Ana")


def test_an_array_is_read_piece_by_piece(given_file: GivenFile) -> None:
    """However long it is, one object is in memory, and none is cut where a piece ends."""
    objects: list[dict[str, object]] = [
        {"company": "Ñandú " + "x" * (number % 97), "name": '"]},{', "tags": [1, 2.5, None, {}]}
        for number in range(2_000)
    ]
    for separators in ((",", ":"), (" ,\n  ", " : ")):
        lead_file = read_lead_file(given_file(json.dumps(objects, separators=separators)))

        rows = [row.cells for row in lead_file.rows()]

        assert [row[:2] for row in rows] == [(each["company"], each["name"]) for each in objects]


@pytest.mark.parametrize(
    "content",
    [
        "[{}",
        "[{},",
        "[{}]]",
        "[{} {}]",
        "[{},]",
        '[{"a": ]',
        "[" * 100_000,
        '[{"a": "' + "x" * 3_000_000,
    ],
    ids=["open", "comma", "closed twice", "no comma", "nothing", "no value", "deep", "long"],
)
def test_an_unsound_array_is_one_sentence(given_file: GivenFile, content: str) -> None:
    """Wherever it is unsound."""
    with pytest.raises(LeadFileError, match="is not sound JSON; write one object a line"):
        read_lead_file(given_file(content), is_json=True)


def test_objects_in_objects_are_columns_of_their_own(given_file: GivenFile) -> None:
    """Their text would be bought as the name of a company."""
    path = given_file('{"company": {"name": "Acme", "domain": "acme.test"}, "contact": "Ana"}\n')

    (row,) = read_lead_file(path).rows()

    assert row.lead is not None
    assert (row.lead.company, row.lead.website) == ("Acme", "acme.test")


@pytest.mark.parametrize(
    ("sheets", "first"),
    [
        ({"Cover": [["Leads of March", "2026"]], "Key": [["Code", "x"]], "Leads": ROWS}, "Leads"),
        ({"Ours": [["Company"], ["Norte"]], "Leads": ROWS}, "Leads"),
        ({"Addresses": [["a@b.test"]], "Leads": ROWS}, "Addresses"),
    ],
)
def test_the_first_sheet_that_looks_like_leads_is_read(
    given_file: GivenFile, sheets: dict[str, Sheet], first: str
) -> None:
    """Covers and keys stand before it; the sheets that are not read are said."""
    path = given_file(workbook(**sheets))

    lead_file = read_lead_file(path, needs=frozenset())

    rest = ", ".join(name for name in sheets if name != first)
    assert lead_file.left_out[0].en == f"all sheets but '{first}' ({rest})"


def test_cells_of_a_workbook_are_read_as_people_see_them(
    given_file: GivenFile, tmp_path: Path
) -> None:
    """A phone has no decimals, and the output opens with its accents."""
    lead_file = read_lead_file(given_file(workbook(Empty=[[""]], Leads=ROWS, Old=ROWS)))

    (row,) = lead_file.rows()
    assert row.cells == ("Ñandú", "Ana", "ana@acme.test", "34911234567")
    (sheets,) = lead_file.left_out
    assert sheets.en == "all sheets but 'Leads' (Old)"
    write_results(lead_file, {}, tmp_path / "out.csv")
    assert (tmp_path / "out.csv").read_bytes().startswith(b'\xef\xbb\xbf"company",')


def test_rows_have_the_numbers_of_their_sheet(given_file: GivenFile) -> None:
    """Also below a title and a blank row."""
    rows: Sheet = [["Leads of March"], ["", ""], *ROWS]

    lead_file = read_lead_file(given_file(workbook(Leads=rows)))

    assert [row.number for row in lead_file.rows()] == [4]


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (_zipped(a=CSV, b=CSV), "is an archive of 2 files; unpack it and name one file"),
        (gzip.compress(CSV, mtime=0)[:-20], "cannot be unpacked; send it again, whole"),
        (b"\x1f\x8b is no gzip", "cannot be unpacked; send it again, whole"),
        (_changed(_zipped(a=CSV), 8, 1), "cannot be unpacked; send it again, whole"),
        (_changed(_zipped(a=CSV), 6, 99), "looks like an Excel workbook (or another zip file)"),
        (workbook(Leads=[[""]]), "is a workbook without any cell; add a row"),
        (b'{"company": ', "is not sound JSON on line 1; write one object a line"),
        (b'{"company": "A"}\n[1]\n', "has no object in place 2; write one object a line"),
    ],
    # Not of the contents, which have the instant of their making.
    ids=["two files", "cut", "damaged", "password", "version", "empty", "no JSON", "no object"],
)
def test_what_cannot_be_unpacked_is_one_sentence(
    given_file: GivenFile, content: bytes, sentence: str
) -> None:
    """The sentence names what it is and what to do."""
    path = given_file(content)

    with pytest.raises(LeadFileError) as refused:
        read_lead_file(path)

    assert str(refused.value).startswith(f"{path} {sentence}")


def test_a_small_workbook_cannot_fill_the_memory(given_file: GivenFile) -> None:
    """A cell in the last corner of a sheet makes a billion of them; this process goes on."""
    far = (
        b'<row r="1048576"><c r="XFD1048576" t="inlineStr"><is><t>x</t></is></c></row></sheetData>'
    )
    path = given_file(_with_cells(workbook(Leads=ROWS), far))

    with pytest.raises(LeadFileError, match="takes more memory than a workbook may"):
        read_lead_file(path)


def test_instants_and_times_of_a_workbook_are_written_out(given_file: GivenFile) -> None:
    """As people see them in its program."""
    cells = b"".join(
        b'<c r="%s" t="d"><v>%s</v></c>' % each
        for each in ((b"A3", b"Acme"), (b"B3", b"Ana"), (b"C3", b"2026-11-30T18:00:00"))
    )
    path = given_file(_with_cells(workbook(Leads=ROWS), b'<row r="3">%s</row></sheetData>' % cells))

    *_, last = read_lead_file(path).rows()

    assert last.cells[2] == "2026-11-30 18:00:00"


def _with_cells(book: bytes, end: bytes) -> bytes:
    """Return *book* with *end* in place of the end of its sheets."""
    changed = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(book)) as old, zipfile.ZipFile(changed, "w") as new:
        for name in old.namelist():
            new.writestr(name, old.read(name).replace(b"</sheetData>", end))
    return changed.getvalue()


def test_a_small_file_cannot_fill_the_disk(
    given_file: GivenFile, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What a compressed file may become has a bound."""
    monkeypatch.setattr(conversion_module, "_MOST_UNPACKED", 100_000)
    path = given_file(gzip.compress(CSV + b"x" * 200_000, mtime=0))

    with pytest.raises(LeadFileError, match="is too large when it is unpacked"):
        read_lead_file(path)


#: XML after which a workbook is read row by row. In pieces: expat reads a long one again and again.
PADDING = b"<!--%s-->" % (b" " * 1000) * (33 << 10)


def _large(book: bytes, end: bytes = b"") -> bytes:
    return _with_cells(book, end + b"</sheetData>" + PADDING)


def test_a_large_workbook_is_read_as_a_small_one(given_file: GivenFile) -> None:
    """Also below a blank sheet, with rows and cells left out, and with its numbers."""
    rows: Sheet = [["Leads of March"], ["", ""], *ROWS, ["", "Eva", "", "", 1.5, True]]
    book = workbook(Empty=[[""]], Leads=rows, Old=ROWS)

    small = read_lead_file(given_file(book))
    expected = [(row.number, _filled(row.cells)) for row in small.rows()]
    large = read_lead_file(given_file(_large(book)))

    assert [(row.number, _filled(row.cells)) for row in large.rows()] == expected
    assert large.left_out == small.left_out


def test_each_type_of_cell_is_the_same_in_both_readers() -> None:
    """Shared, rich and computed texts, and what a number is by its format."""
    file = io.BytesIO()
    with xlsxwriter.Workbook(file) as book:
        sheet = book.add_worksheet("A&B")
        sheet.write_row(1, 1, ["Ñandú", " a\nb ", True, False, 7, -1.5, "Ñandú"])
        sheet.write_rich_string(2, 0, "a", book.add_format({"bold": True}), "b", "c")
        sheet.write_formula(3, 0, "=1+1", None, 2)
        sheet.write_formula(3, 1, '="a"&"b"', None, "ab")
        sheet.write_formula(3, 2, "=1/0", None, "#DIV/0!")
        formats = [
            "yyyy-mm-dd",
            "dd/mm/yy hh:mm",
            "hh:mm",
            "[h]:mm",
            '0 "days"',
            "[Red]0.0",
            14,
            22,
        ]
        for row, code in enumerate([*formats, 20, 46, "General"], start=4):
            style = book.add_format()
            style.set_num_format(code)
            sheet.write_row(row, 0, [0.25, 1, 46_000, 46_000.5], style)

    (loaded,), (streamed,) = sheet_process.loaded(file), sheet_process.streamed(file)

    assert loaded[0] == streamed[0] == "A&B"
    assert [_filled(row) for row in loaded[1]()] == [_filled(row) for row in streamed[1]()]


def _filled(row: Sequence[object]) -> dict[int, object]:
    return {column: cell for column, cell in enumerate(row) if cell != ""}


@pytest.mark.parametrize(
    "end",
    [
        b'<row r="1"><c r="A1"><v>1</v></c></row>',
        b'<row r="9999999"><c r="A9999999"><v>1</v></c></row>',
        b'<row r="9"><c r="ZZZ9"><v>1</v></c></row>',
        b'<row r="9"><c r="A9" t="s"><v>7</v></c></row>',
        b'<row r="9"><c r="A9"><v>x</v></c></row>',
        b"<row>",
        pytest.param(b"<!--%s-->" % (b" " * (2 << 20)), id="a comment without end"),
    ],
)
def test_unsound_xml_of_a_large_workbook_is_one_sentence(given_file: GivenFile, end: bytes) -> None:
    """Rows out of order, cells beyond any sheet, texts that are not there, markup too long."""
    path = given_file(_large(workbook(Leads=ROWS), end))

    with pytest.raises(LeadFileError, match="looks like a workbook, but cannot be read"):
        read_lead_file(path)


def test_a_large_workbook_cannot_fill_the_disk(
    given_file: GivenFile, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A cell at the end of each row makes all cells before it."""
    monkeypatch.setattr(conversion_module, "_MOST_UNPACKED", 1_000_000)
    far = b"".join(b'<row r="%d"><c r="XFD%d"><v>1</v></c></row>' % (n, n) for n in range(3, 99))
    path = given_file(_large(workbook(Leads=ROWS), far))

    with pytest.raises(LeadFileError, match="takes more memory than a workbook may"):
        read_lead_file(path)
