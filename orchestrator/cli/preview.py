"""How a lead file is read: shown before anything is bought."""

from itertools import islice
from typing import Final

from rich.text import Text

from orchestrator.cli.console import out, table
from orchestrator.infra.printable import printable
from orchestrator.leadfile import LeadField, LeadFile

#: Leads that are shown.
_FIRST: Final = 5


def show_reading(lead_file: LeadFile) -> None:
    """Print which columns hold what, which are not read, and the first leads."""
    columns = table("field", "column")
    for field, names in lead_file.mapping.items():
        known = " (by its cells)" if field in lead_file.by_cells else ""
        columns.add_row(field, Text(printable(", else ".join(names) + known)))
    out.print(columns)
    if ignored := [name for name in lead_file.ignored if name]:
        out.print(Text(printable(f"Not read: {', '.join(ignored)}.")), soft_wrap=True)
    fields = [field for field in LeadField if field in lead_file.mapping]
    leads = table("row", *fields)
    rows = (row for row in lead_file.rows() if row.lead is not None)
    for row in islice(rows, _FIRST):
        values = (getattr(row.lead, field) or "" for field in fields)
        leads.add_row(str(row.number), *(Text(printable(value)) for value in values))
    out.print(leads)
