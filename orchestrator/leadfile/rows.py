"""From records to rows: what each says about a lead, what is wrong with it, and which repeat."""

from orchestrator.infra.distinct import Distinct

from .fields import FieldReader
from .header import FOR_PIPELINE
from .model import LeadFields, LeadRow, Level, RowProblem, lead_id
from .records import Record
from .shape import shape_problems
from .sheet import Sheet


class RowReader:
    """Reads the rows of one file in their order, and numbers their leads.

    Rows of a list of companies are leads of their own: which of them mean the same company is
    only known where all that is known of companies is asked. Else about 25 bytes for each lead.
    """

    def __init__(self, sheet: Sheet) -> None:
        self._sheet = sheet
        self._distinct = Distinct() if sheet.needs >= FOR_PIPELINE else None
        self._leads = 0

    def read(self, record: Record) -> LeadRow:
        """Return the row of *record*, with a lead unless an error stands against it."""
        lead, problems = _read(self._sheet, record)
        if lead is None:
            return LeadRow(record.line, record.cells, None, problems)
        number = self._number(lead)
        is_repetition = number < self._leads
        self._leads += not is_repetition
        return LeadRow(record.line, record.cells, lead, problems, number, is_repetition)

    def _number(self, lead: LeadFields) -> int:
        return self._leads if self._distinct is None else self._distinct.number(lead_id(lead).hex)


def _read(sheet: Sheet, record: Record) -> tuple[LeadFields | None, tuple[RowProblem, ...]]:
    problems = tuple(shape_problems(sheet, record))
    if any(problem.level is Level.ERROR for problem in problems):
        return None, problems
    fields = FieldReader(sheet, record)
    lead = fields.lead()
    return lead, (*problems, *fields.problems)
