"""Which steps a company may be bought by: at live prices, in the order of their measured yield."""

import time
from datetime import timedelta
from types import MappingProxyType
from typing import Final

import structlog

from orchestrator.database import DatabaseUnavailable
from orchestrator.evidence.waterfall import Offer, default_hit_rates, hit_rate, offers_for
from orchestrator.infra.clock import Clock, utc_now
from orchestrator.purchasing.costs import Costs
from orchestrator.surfsense import Account
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
            EnrichmentError: SurfSense does not say what it sells, and never has.
        """
        capabilities = await self._account.capabilities()
        await self._count()
        rates = {
            step: hit_rate(assumed, *self._counts.get(VERBS[step].source, (0, 0)))
            for step, assumed in default_hit_rates(has_place=has_place).items()
        }
        prices = {step: price.item_micros for step, price in capabilities.prices.items()}
        return offers_for(has_place=has_place, unit_prices=prices, hit_rates=rates)

    async def _count(self) -> None:
        """Read how often each step brought something, unless that was read lately."""
        if time.monotonic() - self._counted_at < KEPT_S:
            return
        self._counted_at = time.monotonic()
        try:
            self._counts = MappingProxyType(await self._costs.yields(self._clock() - MEASURED_OVER))
        except DatabaseUnavailable as away:  # an order is not worth a failed lookup
            log.warning("offers.yield_unknown", error=str(away))
