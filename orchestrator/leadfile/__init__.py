"""Lead files: read whatever a sales team exports, and return it with results beside each row.

A file of any length is read row by row, and its results are written row by row.
"""

from .columns import FOR_ENRICHMENT, FOR_PIPELINE, LeadField
from .countries import country_code
from .files import LeadFileError, Spool, check_writable, replacing
from .mentions import checked_mention, mention_from, mention_in
from .reader import LeadFile, read_lead_file
from .results import RESULT_COLUMNS, ResultCells, ResultTable, shared, without_result
from .rows import LeadFields, LeadRow, Level, RowProblem, lead_from, lead_id, read_lead

__all__ = [
    "FOR_ENRICHMENT",
    "FOR_PIPELINE",
    "RESULT_COLUMNS",
    "LeadField",
    "LeadFields",
    "LeadFile",
    "LeadFileError",
    "LeadRow",
    "Level",
    "ResultCells",
    "ResultTable",
    "RowProblem",
    "Spool",
    "check_writable",
    "checked_mention",
    "country_code",
    "lead_from",
    "lead_id",
    "mention_from",
    "mention_in",
    "read_lead",
    "read_lead_file",
    "replacing",
    "shared",
    "without_result",
]
