"""What goes wrong before the first step of a company is bought."""

from collections.abc import AsyncIterator, Iterable
from typing import Any, cast

import pytest

from orchestrator.identity import identify
from orchestrator.identity.resolution import MatchReason, Resolved
from orchestrator.memo import Entry, Flight
from orchestrator.purchasing import BillingContext
from orchestrator.purchasing.research import Research
from orchestrator.surfsense import AccessDenied, EnrichmentError, ServiceUnavailable


class NothingKnown:
    """A memo without entries, and a purchaser to which no flight has left anything."""

    async def finish_if_left(self, flight: object) -> None:
        """Return no answer."""
        del flight

    async def of(self, company_key: str) -> tuple[str, ...]:
        """Return no question."""
        del company_key
        return ()

    async def peek_each(self, keys: Iterable[str]) -> AsyncIterator[tuple[str, Entry]]:
        """Yield nothing."""
        entries: tuple[tuple[str, Entry], ...] = ()
        del keys
        for found in entries:
            yield found


@pytest.mark.parametrize(
    "error", [ServiceUnavailable("", "no connection"), AccessDenied("", 403, "no workspace")]
)
async def test_what_cannot_be_offered_is_said_of_the_company(error: EnrichmentError) -> None:
    """The verbs are asked for once for all companies; each one's error has its own name."""

    async def offers(_has_place: bool) -> tuple[()]:  # noqa: FBT001 - as the port
        raise error

    nothing: Any = NothingKnown()
    company = Resolved(identify("Acme"), "acme", MatchReason.NAME)
    research = Research(nothing, nothing, offers, nothing, ceiling_micros=1)

    with pytest.raises(type(error), match=r"^Acme: SurfSense"):
        await research.load(
            cast("Flight", nothing), company, BillingContext(None, "default"), lambda *_: True
        )
