"""From records to rows: what each says about a lead, what is wrong with it, and which repeat."""

from uuid import UUID

from .fields import FieldReader
from .model import LeadFields, LeadRow, Level, lead_id
from .records import Record
from .shape import shape_problems
from .sheet import Sheet


class RowReader:
    """Reads the records of one file in their order, since a repetition refers to an earlier row."""

    def __init__(self, sheet: Sheet) -> None:
        self._sheet = sheet
        self._first = dict[UUID, int]()

    def read(self, record: Record) -> LeadRow:
        """Return the row, with a lead unless an error stands against it."""
        number, cells = record.line, record.cells
        problems = tuple(shape_problems(self._sheet, record))
        if any(problem.level is Level.ERROR for problem in problems):
            return LeadRow(number, cells, None, problems)
        fields = FieldReader(self._sheet, record)
        lead = fields.lead()
        problems += tuple(fields.problems)
        return LeadRow(number, cells, lead, problems, self._repeats(lead, number))

    def _repeats(self, lead: LeadFields | None, number: int) -> int | None:
        if lead is None:
            return None
        first = self._first.setdefault(lead_id(lead), number)
        return None if first == number else first
