"""Exit codes of every command; scripts rely on them."""

from enum import IntEnum


class Exit(IntEnum):
    """How a command ended. Typer itself exits with 2 for a wrong usage."""

    DONE = 0
    FAILED = 1
    USAGE = 2
    PARTLY = 3
    BUDGET = 4
