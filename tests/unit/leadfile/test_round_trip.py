"""Whatever table goes in comes out with the same cells, in the same manner, plus ours."""

import codecs
import csv
import io
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Literal

from hypothesis import assume, given, settings
from hypothesis import strategies as st

from orchestrator.leadfile import FOR_ENRICHMENT, RESULT_COLUMNS, read_lead_file
from orchestrator.leadfile.cells import guard, visible
from tests.support.lead_files import write_results

# Characters that every supported encoding has, and that cp1252 can't mistake for UTF-8.
CELL = st.text(alphabet="abcXYZ 09áéíóúñüÁÉÍÓÚÑ,;|\t\"'\n\r=+-@.&", max_size=12)
ENCODINGS = st.sampled_from(
    [
        ("utf-8", b""),
        ("utf-8", codecs.BOM_UTF8),
        ("cp1252", b""),
        ("utf-16-le", codecs.BOM_UTF16_LE),
        ("utf-16-be", codecs.BOM_UTF16_BE),
    ]
)
TABLES = st.integers(min_value=1, max_value=5).flatmap(
    lambda width: st.lists(
        st.lists(CELL, min_size=width + 1, max_size=width + 1), min_size=1, max_size=6
    )
)


def _encoded(rows: list[list[str]], delimiter: str, newline: str, *, quote_all: bool) -> str:
    text = io.StringIO()
    quoting: Literal[0, 1] = csv.QUOTE_ALL if quote_all else csv.QUOTE_MINIMAL
    writer = csv.writer(text, delimiter=delimiter, quoting=quoting, lineterminator="\r\n")
    records = []
    for row in rows:
        writer.writerow(row)
        records.append(text.getvalue().removesuffix("\r\n") + newline)
        text.seek(0)
        text.truncate()
    return "".join(records)


@settings(deadline=None)  # it writes files
@given(
    rows=TABLES,
    encoding=ENCODINGS,
    delimiter=st.sampled_from(",;\t|"),
    newline=st.sampled_from(["\n", "\r\n", "\r"]),
    quote_all=st.booleans(),
)
def test_any_table_comes_back_with_our_columns(
    rows: list[list[str]],
    encoding: tuple[str, bytes],
    delimiter: str,
    newline: str,
    *,
    quote_all: bool,
) -> None:
    """Cells, order, rows (but blank ones), encoding, delimiter, quoting and line ends are kept."""
    codec, bom = encoding
    filled = [row for row in rows if any(map(visible, row))]
    assume(filled)
    header = ["Compañía", *(f"extra {i}" for i in range(len(rows[0]) - 1))]
    original = _encoded([header, *rows], delimiter, newline, quote_all=quote_all)
    with TemporaryDirectory() as folder:
        path, output = Path(folder, "in.csv"), Path(folder, "out.csv")
        path.write_bytes(bom + original.encode(codec))

        lead_file = read_lead_file(path, needs=FOR_ENRICHMENT)
        write_results(lead_file, {}, output)
        written = output.read_bytes()

    assert [list(row.cells) for row in lead_file.rows()] == filled
    expected_header = [*header, *RESULT_COLUMNS]
    text = written.removeprefix(bom).decode(codec)
    assert written.startswith(bom)
    table = list(csv.reader(io.StringIO(text, newline=""), delimiter=delimiter))
    assert table[0] == expected_header
    assert [row[: len(header)] for row in table[1:]] == [[guard(c) for c in row] for row in filled]
    assert {len(row) for row in table} == {len(expected_header)}
    assert text == _encoded(table, delimiter, newline, quote_all=quote_all)
