"""Which steps a company may be bought by: at live prices, in the order of their measured yield."""

import time
from collections.abc import Mapping
from datetime import timedelta
from types import MappingProxyType
from typing import Final

import structlog

from orchestrator.database import DatabaseUnavailable
from orchestrator.evidence.model import Step
from orchestrator.evidence.waterfall import Offer, default_hit_rates, hit_rate, offers_for
from orchestrator.infra.clock import Clock, utc_now
from orchestrator.purchasing.costs import Costs
from orchestrator.surfsense import AccessDenied, Account, EnrichmentError
from orchestrator.surfsense.capabilities import LIST_PRICES
from orchestrator.surfsense.verbs import VERBS

log = structlog.get_logger(__name__)

#: Purchases that count for the yield.
MEASURED_OVER: Final = timedelta(days=30)
#: For how many seconds a measured yield is used.
KEPT_S: Final = 600.0


class StepOffers:
    """The offers of one workspace; as `research.Offers`."""

    def __init__(self, account: Account, costs: Costs, clock: Clock = utc_now) -> None:
        self._account = account
        self._clock = clock
        self._costs = costs
        self._counts = MappingProxyType[str, tuple[int, int]]({})
        self._counted_at = float("-inf")

    async def __call__(self, has_place: bool) -> tuple[Offer, ...]:  # noqa: FBT001 - as the port
        """Return what is offered for a company whose place is known, or is not.

        Raises:
            AccessDenied: The token may not use the workspace.
        """
        await self._count()
        rates = {
            step: hit_rate(assumed, *self._counts.get(VERBS[step].source, (0, 0)))
            for step, assumed in default_hit_rates(has_place=has_place).items()
        }
        return offers_for(
            has_place=has_place, unit_prices=await self._unit_prices(), hit_rates=rates
        )

    async def _unit_prices(self) -> Mapping[Step, int]:
        """Return the price of one item of each step that is sold, at list prices if need be."""
        try:
            prices = (await self._account.capabilities()).prices
        except AccessDenied:
            raise
        except EnrichmentError as error:
            log.warning("offers.prices_unknown", error=error.code)
            prices = LIST_PRICES
        return {step: price.item_micros for step, price in prices.items()}

    async def _count(self) -> None:
        """Read how often each step brought something, unless that was read lately."""
        if time.monotonic() - self._counted_at < KEPT_S:
            return
        self._counted_at = time.monotonic()
        try:
            self._counts = MappingProxyType(await self._costs.yields(self._clock() - MEASURED_OVER))
        except DatabaseUnavailable as away:  # an order is not worth a failed lookup
            log.warning("offers.yield_unknown", error=str(away))
