"""For whom a command works, what it may spend, and until when its work may begin."""

from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Final

import typer
from pydantic import TypeAdapter

from orchestrator.app import Runtime
from orchestrator.cli.instants import parse_instant
from orchestrator.cli.options import bounded
from orchestrator.infra import bounds
from orchestrator.infra.clock import utc_now

_TENANT: Final = TypeAdapter(bounds.Tenant)
_DEADLINE: Final = TypeAdapter(bounds.Deadline)
_COST: Final = TypeAdapter(bounds.CostUsd)


def _tenant(text: str | None) -> str | None:
    return None if text is None else bounded(_TENANT, text)


MaxCost = Annotated[str | None, typer.Option(metavar="USD", help="Buy for this much at most.")]
Deadline = Annotated[
    str | None,
    typer.Option(
        metavar="TIME",
        help="What has not begun by then fails: 2026-11-30T18:00 (UTC), or 2h from now. To go on "
        "after Ctrl-C, give the same instant again.",
    ),
]
Tenant = Annotated[
    str | None,
    typer.Option(
        metavar="TENANT", callback=_tenant, help="On whose behalf; EMASAI_TENANT if not said."
    ),
]


BuyAgain = Annotated[
    bool,
    typer.Option(
        "--buy-again",
        help="Buy once more what may have been charged before, but has lost its answer.",
    ),
]


@dataclass(frozen=True, slots=True)
class Terms:
    """Of one job; None for no limit, and for the tenant of the settings.

    `buy_again`: companies whose earlier purchase has lost its answer may be bought once more.
    """

    max_cost_micros: int | None = None
    deadline: datetime | None = None
    tenant: str | None = None
    buy_again: bool = False

    @classmethod
    def parse(
        cls,
        max_cost: str | None,
        deadline: str | None,
        tenant: str | None = None,
        *,
        buy_again: bool = False,
    ) -> "Terms":
        """Return what `--max-cost`, `--deadline`, `--tenant` and `--buy-again` mean.

        Raises:
            typer.BadParameter: One of them is not what every entry point accepts.
        """
        micros = until = None
        if max_cost is not None:
            micros = bounds.micros_of(bounded(_COST, max_cost.removeprefix("$")))
        if deadline is not None:
            instant = parse_instant(deadline, utc_now(), ago=False)
            until = bounded(_DEADLINE, instant, of=f"the deadline {deadline}")
        return cls(micros, until, tenant, buy_again)

    @property
    def has_limits(self) -> bool:
        """Whether there is a cap or a deadline."""
        return self.max_cost_micros is not None or self.deadline is not None

    def tenant_of(self, parts: Runtime) -> str:
        """Return on whose behalf the work is done."""
        return self.tenant or parts.settings.tenant
