"""Lead files in hand, for tests."""

from collections.abc import Mapping
from pathlib import Path

from orchestrator.leadfile import (
    LeadFile,
    ResultCells,
    RowProblem,
    open_results,
    without_result,
)


def problems_of(lead_file: LeadFile) -> list[RowProblem]:
    """Return all problems, in the order of the rows."""
    return [problem for row in lead_file.rows() for problem in row.problems]


def write_results(lead_file: LeadFile, results: Mapping[int, ResultCells], path: Path) -> None:
    """Write *lead_file* to *path*, with *results* by the line on which their row starts."""
    with open_results(path, lead_file, "en") as table:
        for record in lead_file.records():
            row = lead_file.read(record)
            table.row(record, (results.get(record.line) or without_result(row, "en")).cells())
            for problem in row.problems:
                table.problem(problem)
        table.summary([("rows", "1", ""), ("hit rate", "33%", "x"), ("spent", "$1,234.50", "")])
