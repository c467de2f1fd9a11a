"""What a command may spend, and until when its work may begin."""

from dataclasses import dataclass
from datetime import datetime
from typing import Annotated

import typer

from orchestrator.cli.instants import parse_instant
from orchestrator.cli.money import parse_usd
from orchestrator.clock import utc_now

Deadline = Annotated[
    str | None,
    typer.Option(
        metavar="TIME",
        help="What has not begun by then fails: 2026-11-30T18:00 (UTC), or 2h from now. To go on "
        "after Ctrl-C, give the same instant again.",
    ),
]


@dataclass(frozen=True, slots=True)
class Limits:
    """Of one job; None for no limit."""

    max_cost_micros: int | None = None
    deadline: datetime | None = None

    @classmethod
    def parse(cls, max_cost: str | None, deadline: str | None) -> "Limits":
        """Return the limits that the options `--max-cost` and `--deadline` mean.

        Raises:
            typer.BadParameter: One of them means none, or the deadline has passed.
        """
        now = utc_now()
        until = None if deadline is None else parse_instant(deadline, now, ago=False)
        if until is not None and until <= now:
            raise typer.BadParameter(f"the deadline {deadline} has passed; give a later one")
        return cls(parse_usd(max_cost), until)
