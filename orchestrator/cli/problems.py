"""Shows what is wrong with the rows of a file, without drowning the rest."""

from collections.abc import Iterable

from orchestrator.cli.console import err
from orchestrator.leadfile import Level, RowProblem

#: Problems shown in full; all of them stand in the output file.
SHOWN = 20

_STYLE = {Level.ERROR: "red", Level.WARNING: "yellow"}


class ProblemList:
    """Prints one sentence for each problem as it is met, errors and warnings apart by colour."""

    def __init__(self) -> None:
        self._met = 0

    def show(self, problems: Iterable[RowProblem]) -> None:
        """Print those of *problems* that there is room for."""
        for problem in problems:
            self._met += 1
            if self._met <= SHOWN:
                err.print(f"{problem}.", style=_STYLE[problem.level])

    def end(self) -> None:
        """Say how many there are more."""
        if self._met > SHOWN:
            more = self._met - SHOWN
            err.print(f"... and {more} more; the output file has a reason for each.")
