"""Lead files: read whatever a sales team exports, and give it back with results beside each row."""

from .atomic import check_writable
from .countries import country_code
from .errors import LeadFileError
from .header import FOR_ENRICHMENT, FOR_PIPELINE, LeadField
from .model import LeadFields, LeadFile, LeadRow, Level, RowProblem, lead_from, lead_id
from .reader import read_lead_file
from .results import RESULT_COLUMNS, ResultCells
from .writer import write_results

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
    "RowProblem",
    "check_writable",
    "country_code",
    "lead_from",
    "lead_id",
    "read_lead_file",
    "write_results",
]
