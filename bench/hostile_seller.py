"""What a seller may do to its buyers, case by case: the score that the README shows."""

import tempfile
from pathlib import Path

from bench.measure import console, grid
from tests.support.hostile_cases import CASES, try_case


async def main(repeats: int) -> None:
    """Go through all cases once, however many *repeats* are asked for, and print the score."""
    del repeats
    table = grid(
        "A hostile seller",
        (
            "the seller",
            "protocol",
            "charges",
            "ledger",
            "uncertain",
            "outcome",
            "verdict",
        ),
    )
    passed, faults = 0, list[str]()
    for case in CASES:
        with tempfile.TemporaryDirectory() as folder:
            verdict = await try_case(case, Path(folder))
        books = verdict.books
        passed += not verdict.faults
        table.add_row(
            case.name,
            case.protocol,
            str(books.charges.total()),
            f"{books.charged.total() / 1e6:.4f}",
            f"{books.uncertain.total() / 1e6:.4f}",
            verdict.outcomes[-1],
            "broken" if verdict.faults else "kept",
        )
        faults += [f"{case}: {fault}" for fault in verdict.faults]
    console.print(table)
    for fault in faults:
        console.print(fault, highlight=False, soft_wrap=True)
    console.print(f"Score: {passed} of {len(CASES)}", highlight=False)
