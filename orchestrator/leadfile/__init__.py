"""Lead files: read whatever a sales team exports, and give it back with results beside each row.

A file of any length is read row by row, and its results are written row by row.
"""

from .atomic import check_writable, replacing
from .countries import country_code
from .errors import LeadFileError
from .header import FOR_ENRICHMENT, FOR_PIPELINE, LeadField
from .lead_file import LeadFile
from .mentions import mention_from, mention_in
from .model import LeadFields, LeadRow, Level, RowProblem, lead_from, lead_id
from .reader import read_lead_file
from .results import RESULT_COLUMNS, ResultCells, shared, without_result
from .writer import ResultTable

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
    "check_writable",
    "country_code",
    "lead_from",
    "lead_id",
    "mention_from",
    "mention_in",
    "read_lead_file",
    "replacing",
    "shared",
    "without_result",
]
