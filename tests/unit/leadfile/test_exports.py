"""Exports of CRMs, address books, forms and data vendors are read as they come."""

import tomllib
from pathlib import Path

import pytest

from orchestrator.leadfile import (
    FOR_ENRICHMENT,
    FOR_PIPELINE,
    LeadField,
    read_lead_file,
)

EXPORTS = tomllib.loads(Path(__file__).with_name("exports.toml").read_text("utf-8"))
LOOKED_AT = frozenset(LeadField) - {LeadField.SOURCE, LeadField.NOTES}


@pytest.mark.parametrize("program", EXPORTS)
def test_an_export_is_read_without_being_told_how(program: str, tmp_path: Path) -> None:
    """Each column of a lead is found, no other is taken for one, and each lead is read."""
    export = EXPORTS[program]
    of_companies = export.get("of_companies", False)
    path = tmp_path / "export.csv"
    path.write_bytes(export["text"].encode(export.get("encoding", "utf-8")))

    lead_file = read_lead_file(path, needs=FOR_ENRICHMENT if of_companies else FOR_PIPELINE)

    mapping = {
        field: list(names) for field, names in lead_file.mapping.items() if field in LOOKED_AT
    }
    leads = [row.lead for row in lead_file.rows()]
    assert mapping == export["mapping"]
    assert [
        [lead.company] if of_companies else [lead.company, lead.contact] for lead in leads if lead
    ] == export["leads"]
    assert None not in leads
