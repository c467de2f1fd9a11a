"""Lead files: read whatever a sales team exports, and return it with results beside each row.

A file of any length is read row by row, and its results are written row by row.
"""

from .cleaning import fold, is_role_address
from .columns import FOR_ENRICHMENT, FOR_PIPELINE, LeadField
from .countries import country_code
from .files import LeadFileError, Limits, LongFileError, Spool
from .flaws import Level, Problems, RowProblem
from .reader import LeadFile, read_lead_file
from .results import (
    REASON_COLUMN,
    RESULT_COLUMNS,
    ResultCells,
    check_output,
    open_results,
    output_path,
    said_of,
    shared,
    without_result,
)
from .rows import LeadFields, LeadRow, checked_mention, lead_from, lead_id, lead_id_of, read_lead

__all__ = [
    "FOR_ENRICHMENT",
    "FOR_PIPELINE",
    "REASON_COLUMN",
    "RESULT_COLUMNS",
    "LeadField",
    "LeadFields",
    "LeadFile",
    "LeadFileError",
    "LeadRow",
    "Level",
    "Limits",
    "LongFileError",
    "Problems",
    "ResultCells",
    "RowProblem",
    "Spool",
    "check_output",
    "checked_mention",
    "country_code",
    "fold",
    "is_role_address",
    "lead_from",
    "lead_id",
    "lead_id_of",
    "open_results",
    "output_path",
    "read_lead",
    "read_lead_file",
    "said_of",
    "shared",
    "without_result",
]
