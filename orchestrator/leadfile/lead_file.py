"""A lead file that was looked over: what it is like, and its rows as often as needed."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path

from .dialect import Dialect
from .encoding import Encoding
from .model import LeadRow
from .records import Record, read_records
from .rows import RowReader
from .sheet import Sheet
from .spool import Spool


@dataclass(frozen=True, slots=True)
class LeadFile:
    """A file whose rows are read one by one: no more of it is in memory at a time.

    `encoding` and `dialect` reproduce the manner of the original. `length` is how many rows
    it has.
    """

    path: Path
    encoding: Encoding
    dialect: Dialect
    sheet: Sheet
    length: int
    spool: Spool = field(repr=False)

    @property
    def header(self) -> tuple[str, ...]:
        """The columns as the file calls them."""
        return self.sheet.header

    def records(self) -> Iterator[Record]:
        """Yield the cells of all rows, in order; each call begins at the first row."""
        with self.spool.text(self.encoding) as lines:
            # The first record is the header.
            yield from islice(read_records(lines, self.dialect.separators), 1, None)

    def read(self, record: Record) -> LeadRow:
        """Return what the row of *record* says, taken for itself: as if it were the first."""
        return RowReader(self.sheet).read(record)

    def rows(self) -> Iterator[LeadRow]:
        """Yield all rows, in order; each call begins at the first one."""
        return map(RowReader(self.sheet).read, self.records())
