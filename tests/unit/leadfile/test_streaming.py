"""A lead file of any length: read row by row, as often as needed, from a copy of its own."""

import os
import sys
import threading
from collections.abc import Callable, Iterator
from io import StringIO
from pathlib import Path

import pytest

from orchestrator.leadfile import (
    FOR_ENRICHMENT,
    LeadFileError,
    Limits,
    LongFileError,
    read_lead_file,
)
from orchestrator.leadfile.csv_format import MAX_RECORD, Separators, read_records

GivenFile = Callable[[str | bytes], Path]


class _Counted(Iterator[str]):
    """Lines that say how many of them were taken."""

    def __init__(self, lines: list[str]) -> None:
        self._lines = iter(lines)
        self.taken = 0

    def __next__(self) -> str:
        line = next(self._lines)
        self.taken += 1
        return line


def test_no_line_is_read_before_its_record_is_asked_for() -> None:
    """What is in memory of a file are the lines of one record."""
    lines = _Counted(["a,b\n", '"c\n', 'd",e\n', "f,g\n"])
    records = read_records(lines, Separators(","))

    taken = [(record.cells, lines.taken) for record in records]

    assert taken == [(("a", "b"), 1), (("c\nd", "e"), 3), (("f", "g"), 4)]


def test_an_open_quote_does_not_bring_the_rest_of_the_file_into_memory() -> None:
    """Its row is broken, what follows are rows, and not much is read to know it."""
    row = "x" * 99 + "\n"
    many = 5 * MAX_RECORD // len(row)
    lines = _Counted(['"Acme\n', *[row] * many])
    records = read_records(lines, Separators(","))

    first = next(records)

    assert (first.cells, first.has_open_quote) == (('"Acme',), True)
    assert lines.taken * len(row) < 1.01 * MAX_RECORD
    assert sum(1 for _ in records) == many


@pytest.mark.parametrize(
    "line",
    ['a";"\n', 'Acme;"Ana\n'],
    ids=["opens behind each closing quote", "opens only"],
)
def test_quotes_that_are_never_closed_do_not_make_lines_be_read_again_and_again(line: str) -> None:
    """Twice the lines are twice the work, and each row is told to have an open quote."""
    work = []
    for count in (500, 1_000):
        events: list[str] = []
        sys.setprofile(lambda *seen, events=events: events.append(seen[1]))
        try:
            records = list(read_records([line] * count, Separators(";")))
        finally:
            sys.setprofile(None)
        assert sum(record.has_open_quote for record in records) >= count - 1
        work.append(events.count("call"))

    assert work[1] < 2.1 * work[0]


def test_a_quote_that_is_closed_behind_an_open_one_is_a_cell() -> None:
    """What is known of a quote that is never closed is kept from no other one."""
    text = '"Acme;x\n' + "Zara;y\n" * 3 + '"Peña\nMora";z\n' + '"Ñandú\n\nSur";w\n'

    records = list(read_records(StringIO(text), Separators(";")))

    assert [record.cells[0] for record in records] == [
        '"Acme',
        *["Zara"] * 3,
        "Peña\nMora",
        "Ñandú\n\nSur",
    ]


@pytest.mark.parametrize(
    ("cell", "limits"),
    [(b"a", Limits(rows=99)), (b" ", Limits(lines=99))],
    ids=["rows", "blank lines"],
)
def test_what_stands_behind_the_last_line_that_is_allowed_is_not_read(
    given_file: GivenFile, cell: bytes, limits: Limits
) -> None:
    """A server gives up a file of many rows or lines there, and not at its end."""
    unsound = b"\xff"
    path = given_file(b"company\n" + (cell * 99 + b"\n") * (MAX_RECORD // 50) + unsound)

    with pytest.raises(LongFileError, match="has more than"):
        read_lead_file(path, needs=FOR_ENRICHMENT, encoding="ascii", limits=limits)
    with pytest.raises(LeadFileError, match="is not sound ASCII text"):
        read_lead_file(path, needs=FOR_ENRICHMENT, encoding="ascii")


def test_rows_are_the_same_however_often_they_are_read(given_file: GivenFile) -> None:
    """Each reading begins at the first row, also beside another one."""
    path = given_file("empresa\n" + "".join(f"Acme {n}\n" for n in range(5_000)))
    lead_file = read_lead_file(path, needs=FOR_ENRICHMENT)

    one, other = lead_file.rows(), lead_file.rows()
    beside = [(next(one), next(other)) for _ in range(4_000)]

    assert all(left == right for left, right in beside)
    assert [row.number for row in lead_file.rows()] == list(range(2, 5_002))
    assert lead_file.length == 5_000


def test_what_becomes_of_the_file_afterwards_makes_no_difference(given_file: GivenFile) -> None:
    """A file that is saved anew during a run gets the results of its first content."""
    path = given_file("empresa\nAcme\nZara\n")
    lead_file = read_lead_file(path, needs=FOR_ENRICHMENT)

    path.write_text("empresa\nMango\n", encoding="utf-8")

    assert [row.cells for row in lead_file.rows()] == [("Acme",), ("Zara",)]


def test_a_pipe_is_a_lead_file_too(tmp_path: Path) -> None:
    """What another program prints can be read more than once as well."""
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    writer = threading.Thread(target=pipe.write_text, args=("empresa\nAcme\n",))
    writer.start()

    lead_file = read_lead_file(pipe, needs=FOR_ENRICHMENT)
    writer.join()

    assert [[row.cells for row in lead_file.rows()] for _ in range(2)] == [[("Acme",)]] * 2


@pytest.mark.parametrize("before", range(4))
def test_a_character_may_stand_anywhere(given_file: GivenFile, before: int) -> None:
    """Where the bytes are parted makes no difference to accents, nor to what is found broken."""
    names = ["Ñandú 🦤"] * 20_000
    path = given_file("empresa" + " " * before + "\n" + "\n".join(names) + "\n")

    lead_file = read_lead_file(path, needs=FOR_ENRICHMENT)

    assert lead_file.encoding.codec == "utf-8"
    assert {row.cells for row in lead_file.rows()} == {(names[0],)}


def test_a_byte_far_behind_says_what_a_file_is_in(given_file: GivenFile) -> None:
    """A file whose only accents are at its end is read with them."""
    path = given_file(b"empresa\n" + b"Acme\n" * 50_000 + "Peñaranda\n".encode("cp1252"))

    lead_file = read_lead_file(path, needs=FOR_ENRICHMENT)

    *_, last = lead_file.rows()
    assert (lead_file.encoding.codec, last.cells) == ("cp1252", ("Peñaranda",))


def test_text_that_is_broken_far_behind_is_named_by_its_line(given_file: GivenFile) -> None:
    """Half a UTF-16 character is not found by looking at the beginning; nothing is bought yet."""
    whole = "empresa\n" + "Acme\n" * 50_000
    path = given_file(whole.encode("utf-16") + b"\x00")

    with pytest.raises(LeadFileError, match=r"UTF-16 text \(somewhere from line 50,002 on\)"):
        read_lead_file(path, needs=FOR_ENRICHMENT)
