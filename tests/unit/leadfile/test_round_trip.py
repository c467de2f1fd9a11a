"""Whatever table goes in comes out with the same bytes, and ours behind them.

UTF-8 beyond ASCII comes out with a byte order mark.
"""

import codecs
import csv
import io
import os
import re
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from hypothesis import given, settings
from hypothesis import strategies as st

from orchestrator.leadfile import FOR_ENRICHMENT, RESULT_COLUMNS, read_lead_file
from orchestrator.leadfile.cells import visible
from orchestrator.leadfile.non_rows import is_section
from tests.support.lead_files import write_results

#: More by hand: `EMASAI_EXAMPLES=1000 python -m pytest tests/unit/leadfile/test_round_trip.py`.
EXAMPLES = int(os.environ.get("EMASAI_EXAMPLES", "100"))
# Characters that every one of the encodings has.
PLAIN = "abcXYZ 09áéíóúñüÁÉÍÓÚÑ'=+-@.&"
LINE_ENDS = ("\n", "\r\n", "\r")
ENCODINGS = st.sampled_from(
    [
        ("utf-8", b""),
        ("utf-8", codecs.BOM_UTF8),
        ("cp1252", b""),
        ("mac_roman", b""),
        ("utf-16-le", codecs.BOM_UTF16_LE),
        ("utf-16-be", codecs.BOM_UTF16_BE),
    ]
)


@dataclass(frozen=True)
class Row:
    """A row as it is written, without its line end, and its cells."""

    written: str
    cells: list[str]


@st.composite
def rows(draw: st.DrawFn, delimiter: str, width: int) -> Row:
    """Return a row with too few cells, all, or too many; quoted where it must be, or anywhere."""
    special = f'{delimiter}"\n\r'
    cells = draw(
        st.lists(st.text(alphabet=PLAIN + special, max_size=8), min_size=1, max_size=width + 2)
    )
    if len(cells) == 1:  # a line that is quoted whole is meant as the cells in it
        cells[0] = cells[0].replace(delimiter, "-")
    written = [
        '"' + cell.replace('"', '""') + '"'
        if bool(set(cell) & set(special)) or draw(st.booleans())
        else cell
        for cell in cells
    ]
    # As people type it: quotes about a part of a cell, or in the middle of one.
    if not set("".join(cells)) & set("\r\n") and draw(st.integers(0, 4)) == 0:
        typed, read = draw(
            st.sampled_from([('"La Caixa" S.A.', "La Caixa S.A."), ('2" tubo',) * 2])
        )
        written[-1], cells[-1] = typed, read
    return Row(delimiter.join(written), cells)


@st.composite
def tables(draw: st.DrawFn) -> tuple[str, int, list[Row], list[str]]:
    """Return a delimiter, a width, rows, and a line end for the header and for each row."""
    delimiter, width = draw(st.sampled_from(",;\t|")), draw(st.integers(2, 5))
    found = draw(st.lists(rows(delimiter, width), min_size=1, max_size=6))
    # A line of one cell at the end, below a gap, is no row but a footer.
    found.append(Row(f"Última{delimiter}fila", ["Última", "fila"]))
    one = draw(st.sampled_from(LINE_ENDS))
    ends = [draw(st.sampled_from((one, "\n"))) if one != "\r" else one for _ in range(len(found))]
    return delimiter, width, found, [one, *ends]


def is_no_row(cells: list[str]) -> bool:
    """Return whether *cells* have a number, and no company, or are the title of a section."""
    texts = {cell.strip() for cell in cells} - {""}
    if len(texts) == 1 and is_section(*texts):
        return True
    digits = sum(map(str.isdigit, "".join(cells)))
    is_mere = all(re.fullmatch(r"[\d\s.+-]*", cell) for cell in cells)
    return not cells[0].strip() and is_mere and 0 < digits <= len("123456")


@settings(max_examples=EXAMPLES, deadline=None)  # it writes files
@given(table=tables(), encoding=ENCODINGS, is_whole=st.booleans())
def test_any_table_comes_back_with_our_columns(
    table: tuple[str, int, list[Row], list[str]],
    encoding: tuple[str, bytes],
    is_whole: bool,  # noqa: FBT001 - of hypothesis
) -> None:
    """Each row in its place, byte for byte with its line end; only those of no lead are lost.

    These are blank, have nothing but a number, or are titles. Cells behind the
    last column stand behind ours.
    """
    (delimiter, width, given_rows, ends), (codec, bom) = table, encoding
    header = ["Compañía", *(f"extra {i}" for i in range(width - 1))]
    kept = [row for row in given_rows if any(map(visible, row.cells)) and not is_no_row(row.cells)]
    lines = [delimiter.join(header), *(row.written for row in given_rows)]
    text = "".join(map("".join, zip(lines, ends, strict=True)))
    with TemporaryDirectory() as folder:
        path, output = Path(folder, "in.csv"), Path(folder, "out.csv")
        path.write_bytes(bom + (text if is_whole else text.rstrip("\r\n")).encode(codec))
        if not kept:
            return

        lead_file = read_lead_file(path, needs=FOR_ENRICHMENT, encoding=codec)
        write_results(lead_file, {}, output)
        data = output.read_bytes()

    if codec == "utf-8" and not data.isascii():
        bom = codecs.BOM_UTF8
    assert data.startswith(bom)
    written = data.removeprefix(bom).decode(codec)
    own = len(lead_file.header)
    first, *others = csv.reader(io.StringIO(written, newline=""), delimiter=delimiter)
    assert first == [*lead_file.header, *RESULT_COLUMNS]
    assert [row[:own] + row[own + len(RESULT_COLUMNS) :] for row in others] == [
        row.cells + [""] * (own - len(row.cells)) for row in kept
    ]
    rest = written
    for row in kept:
        if len(row.cells) <= own:
            behind = rest.partition(row.written + delimiter)
            assert behind[1], row
            rest = behind[2]
