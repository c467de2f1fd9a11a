"""Lead files in hand, for tests."""

from collections.abc import Mapping
from pathlib import Path

from orchestrator.leadfile import (
    LeadFile,
    ResultCells,
    ResultTable,
    RowProblem,
    replacing,
    without_result,
)


def problems_of(lead_file: LeadFile) -> list[RowProblem]:
    """Return all problems, in the order of the rows."""
    return [problem for row in lead_file.rows() for problem in row.problems]


def write_results(lead_file: LeadFile, results: Mapping[int, ResultCells], path: Path) -> None:
    """Write *lead_file* to *path*, with *results* by the line on which their row starts."""
    table = ResultTable(lead_file)
    with replacing(path) as file:
        file.write(table.beginning())
        for record in lead_file.records():
            result = results.get(record.line) or without_result(lead_file.read(record))
            file.write(table.row(record, result))
