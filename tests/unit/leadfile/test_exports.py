"""Exports of CRMs, address books, forms and data vendors are read as they come."""

import tomllib
from collections import Counter
from pathlib import Path

import pytest

from orchestrator.leadfile import (
    FOR_ENRICHMENT,
    FOR_PIPELINE,
    LeadField,
    LeadFile,
    read_lead_file,
)
from orchestrator.leadfile.meaning import columns_in

EXPORTS = tomllib.loads(Path(__file__).with_name("exports.toml").read_text("utf-8"))
LEAST_PRECISION, LEAST_FOUND = 0.98, 0.8
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


def test_without_names_nearly_all_columns_that_are_read_are_the_right_ones(
    tmp_path: Path,
) -> None:
    """Strictly by column: the rest of them are other columns of the same person.

    `python -m pytest tests/unit/leadfile/test_exports.py -k without_names -s` shows the figures.
    """
    right, wrong = Counter[LeadField](), Counter[LeadField]()
    for export in EXPORTS.values():
        path = tmp_path / "export.csv"
        path.write_bytes(export["text"].encode(export.get("encoding", "utf-8")))
        lead_file = read_lead_file(path, needs=FOR_ENRICHMENT)
        for field, is_right in _read_without_names(lead_file):
            (right if is_right else wrong)[field] += 1

    precision = right.total() / (right.total() + wrong.total())
    figure = f"precision {precision:.4f} of {right.total() + wrong.total()} columns; wrong: {wrong}"
    print(figure)  # noqa: T201 - what the test measures, with -s
    assert precision > LEAST_PRECISION
    assert right[LeadField.COMPANY] > LEAST_FOUND * len(EXPORTS)


def _read_without_names(lead_file: LeadFile) -> list[tuple[LeadField, bool]]:
    """Return the field of each column that is read by its cells, and whether its name agrees."""
    known = {
        field: {number for choice in choices for number in choice}
        for field, choices in lead_file.sheet.columns.items()
    }
    backwards = [tuple(reversed(record.cells)) for record in lead_file.records()]
    last = len(lead_file.header) - 1
    found = columns_in([f"x{number}q" for number in range(last + 1)], backwards).columns
    return [
        (field, last - number in known.get(field, ()))
        for field, choices in found.items()
        for choice in choices
        for number in choice
    ]
