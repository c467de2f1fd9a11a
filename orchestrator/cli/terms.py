"""For whom a command works, what it may spend, and until when its work may begin."""

import re
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Final

import typer

from orchestrator.bootstrap import Runtime
from orchestrator.cli.instants import parse_instant
from orchestrator.cli.money import parse_usd
from orchestrator.clock import utc_now

_TENANT: Final = re.compile(r"[A-Za-z0-9._-]{1,64}")


def _checked(tenant: str | None) -> str | None:
    if tenant is not None and _TENANT.fullmatch(tenant) is None:
        raise typer.BadParameter(
            f"{tenant!r} is no tenant: 1 to 64 letters, digits, dots, underscores or hyphens"
        )
    return tenant


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
        metavar="TENANT", callback=_checked, help="On whose behalf; EMASAI_TENANT if not said."
    ),
]


@dataclass(frozen=True, slots=True)
class Terms:
    """Of one job; None for no limit, and for the tenant of the settings."""

    max_cost_micros: int | None = None
    deadline: datetime | None = None
    tenant: str | None = None

    @classmethod
    def parse(
        cls, max_cost: str | None, deadline: str | None, tenant: str | None = None
    ) -> "Terms":
        """Return what the options `--max-cost`, `--deadline` and `--tenant` mean.

        Raises:
            typer.BadParameter: One of them means none, or the deadline has passed.
        """
        now = utc_now()
        until = None if deadline is None else parse_instant(deadline, now, ago=False)
        if until is not None and until <= now:
            raise typer.BadParameter(f"the deadline {deadline} has passed; give a later one")
        return cls(parse_usd(max_cost), until, tenant)

    @property
    def has_limits(self) -> bool:
        """Whether there is a cap or a deadline."""
        return self.max_cost_micros is not None or self.deadline is not None

    def tenant_of(self, parts: Runtime) -> str:
        """Return on whose behalf the work is done."""
        return self.tenant or parts.settings.tenant
