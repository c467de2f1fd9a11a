"""Shows what is wrong with the rows of a file, without drowning the rest."""

from orchestrator.cli.console import err
from orchestrator.leadfile import LeadFile, Level

#: Problems shown in full; all of them stand in the output file.
SHOWN = 20

_STYLE = {Level.ERROR: "red", Level.WARNING: "yellow"}


def show_problems(lead_file: LeadFile) -> None:
    """Print one sentence for each problem, errors and warnings apart by colour."""
    problems = list(lead_file.problems)
    for problem in problems[:SHOWN]:
        err.print(f"{problem}.", style=_STYLE[problem.level], markup=False, highlight=False)
    if len(problems) > SHOWN:
        err.print(f"... and {len(problems) - SHOWN} more; the output file has a reason for each.")
