"""Results as a workbook: what a spreadsheet program shows when it is opened."""

import io
import zipfile
from collections.abc import Callable
from datetime import datetime
from pathlib import Path

from python_calamine import CalamineWorkbook

from orchestrator.leadfile import (
    REASON_COLUMN,
    RESULT_COLUMNS,
    LeadFile,
    ResultCells,
    open_results,
    output_path,
    read_lead_file,
)
from tests.support.lead_files import write_results
from tests.support.workbooks import workbook

GivenFile = Callable[[str | bytes], Path]
FOUND = ResultCells(
    "opportunity", score="72", cost_usd="0.0465", as_of="2026-11-30T12:30:00+00:00", reason="=1+1"
)


def _written(lead_file: LeadFile, tmp_path: Path) -> dict[str, list[list[object]]]:
    output = tmp_path / "out.xlsx"
    write_results(lead_file, {2: FOUND}, output)
    with CalamineWorkbook.from_path(output) as book:
        return {
            name: list(map(list, book.get_sheet_by_name(name).iter_rows()))
            for name in book.sheet_names
        }


def test_a_workbook_leads_to_a_workbook(given_file: GivenFile, tmp_path: Path) -> None:
    """Cells keep their types; results have theirs, and run nothing."""
    own = ["company", "contact", "id", "deals", "won"]
    lead_file = read_lead_file(given_file(workbook(Leads=[own, ["Acme", "Ana", "007", 1.5, True]])))

    sheets = _written(lead_file, tmp_path)

    header, row = sheets["Leads"]
    cells = dict(zip(header, row, strict=True))
    assert output_path(lead_file).name == "leads.out.xlsx"
    assert header == [*own, *RESULT_COLUMNS]
    assert row[:5] == ["Acme", "Ana", "007", 1.5, True]
    assert (cells["emasai_score"], cells["emasai_cost_usd"]) == (72, 0.0465)
    assert cells["emasai_as_of"] == datetime(2026, 11, 30, 12, 30)  # noqa: DTZ001 - of a sheet
    assert cells["emasai_reason"] == "'=1+1"


def test_what_a_text_file_says_stays_text(given_file: GivenFile, tmp_path: Path) -> None:
    """A workbook that is asked for loses no zero of an id, and no line of a note."""
    path = given_file(
        'company,contact,id,notes\nAcme,Ana,007,"=1\r\n a "\nZara,Eva,+34 600,"b,c"\n'
    )

    _, first, second = _written(read_lead_file(path), tmp_path)["Leads"]

    assert first[:4] == ["Acme", "Ana", "007", "=1\r\n a "]
    assert second[:4] == ["Zara", "Eva", "+34 600", "b,c"]


def test_a_workbook_has_its_summary_and_its_problems(given_file: GivenFile, tmp_path: Path) -> None:
    """Each problem with its row and what to do; a cell that is too long for a sheet is one."""
    path = given_file(f"company,contact,notes\nAcme,Ana,{'x' * 40_000}\n,Eva,\n")

    sheets = _written(read_lead_file(path), tmp_path)

    assert list(sheets) == ["Leads", "Summary", "Problems"]
    assert sheets["Summary"] == [["rows", 1, ""], ["hit rate", 0.33, "x"], ["spent", 1234.5, ""]]
    head, cut, missing = sheets["Problems"]
    assert head == ["Row", "Kind", "Column", "Problem", "What to do"]
    assert cut[:3] == [2, "warning", "notes"]
    assert missing == [3, "error", "company", "is missing", "fill it in or delete the row"]
    assert len(str(sheets["Leads"][1][2])) == 32_767


def test_the_header_stays_in_sight_and_filters(given_file: GivenFile, tmp_path: Path) -> None:
    """In the user's language, too."""
    lead_file = read_lead_file(given_file("# notes\ncompany,contact\nAcme,Ana\n"))
    output = tmp_path / "out.xlsx"

    with open_results(output, lead_file, "es") as results:
        for record in lead_file.records():
            results.row(record, FOUND.cells())

    with zipfile.ZipFile(io.BytesIO(output.read_bytes())) as archive:
        sheet = archive.read("xl/worksheets/sheet1.xml").decode()
        names = archive.read("xl/workbook.xml").decode()
    assert '<pane ySplit="2" topLeftCell="A3"' in sheet
    assert '<autoFilter ref="A2:W3"/>' in sheet
    assert 'name="Resumen"' in names


def test_rejected_rows_have_no_summary(given_file: GivenFile, tmp_path: Path) -> None:
    """There is only the sheet that is to be corrected."""
    lead_file = read_lead_file(given_file("company,contact\n,Ana\n"))
    output = tmp_path / "errors.xlsx"

    with open_results(output, lead_file, "en", (REASON_COLUMN,)) as rejected:
        for record in lead_file.records():
            rejected.row(record, ("company is missing",))
            rejected.problem(lead_file.read(record).problems[0])

    with CalamineWorkbook.from_path(output) as book:
        assert book.sheet_names == ["Leads"]
        assert book.get_sheet_by_index(0).to_python()[1] == ["", "Ana", "company is missing"]
