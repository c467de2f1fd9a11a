"""Delivers what the outbox owes. Runs in every worker, harmless in any number."""

import asyncio
from collections.abc import Callable
from datetime import timedelta
from typing import Final, assert_never

import structlog

from orchestrator.infra.background import Loop

from .outbox import Claimed, Outbox
from .verdict import Delivered, Later, Refused, pause_after
from .webhook import Webhook

log = structlog.get_logger(__name__)

#: Deliveries that one process has under way.
AT_ONCE: Final = 10
#: Until an idle courier looks again.
PERIOD: Final = timedelta(seconds=1)


class Courier:
    """Takes what is due, sends it, and writes down what became of it."""

    def __init__(
        self,
        outbox: Outbox,
        webhook: Webhook,
        *,
        period: timedelta = PERIOD,
        pause: Callable[[int], timedelta] = pause_after,
    ) -> None:
        self._outbox = outbox
        self._webhook = webhook
        self._period = period
        self._pause = pause

    @property
    def loop(self) -> Loop:
        """The loop that every worker runs where there is a receiver."""

        async def work() -> bool:
            return await self.deliver() == AT_ONCE

        return Loop("courier", work, self._period)

    async def deliver(self) -> int:
        """Deliver what is due, as much as goes at once; return how many were tried."""
        claimed = await self._outbox.claim(AT_ONCE)
        await asyncio.gather(*(self._deliver(each) for each in claimed))
        return len(claimed)

    async def _deliver(self, claimed: Claimed) -> None:
        verdict = await self._webhook.send(str(claimed.event_id), claimed.body.encode())
        match verdict:
            case Delivered():
                await self._outbox.delivered(claimed.event_id)
                log.info("handover.delivered", event_id=str(claimed.event_id))
            case Refused(reason):
                await self._outbox.bury(claimed, reason)
                log.error("handover.refused", event_id=str(claimed.event_id), reason=reason)
            case Later(reason, wait):
                pause = max(self._pause(claimed.attempts), wait or timedelta(0))
                await self._outbox.postpone(claimed, reason, pause)
                log.warning("handover.failed", event_id=str(claimed.event_id), reason=reason)
            case _:
                assert_never(verdict)
