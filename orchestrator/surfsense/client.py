"""Sends one purchase by the `enrich` protocol and translates whatever happens to it.

A connection that cannot be made is tried again, in count and time bounded; a request that
may have been sent never is. Who may purchase, and when, is decided above.
"""

import asyncio
from datetime import timedelta

import httpx
import orjson

from orchestrator.infra.clock import Clock, utc_now
from orchestrator.surfsense.exchange import Sleep, connected, exchange
from orchestrator.surfsense.verdict import Answer, verdict_on


class SurfSenseClient:
    """The documented `POST {SURFSENSE_URL}/enrich`."""

    def __init__(
        self,
        http: httpx.AsyncClient,
        *,
        base_url: str,
        price_micros: int,
        timeout: timedelta,
        clock: Clock = utc_now,
        sleep: Sleep = asyncio.sleep,
    ) -> None:
        self._http = http
        self._url = f"{base_url.rstrip('/')}/enrich"
        self._price_micros = price_micros
        self._timeout = timeout
        self._clock = clock
        self._sleep = sleep

    async def purchase(self, company: str, *, purchase_id: str) -> Answer:
        """Buy what SurfSense knows about *company*. Costs money on every call.

        Args:
            company: The name as it was typed.
            purchase_id: Identity of this purchase; sent as `Idempotency-Key`, which a
                server may ignore, and as `X-Request-ID`, to be found in its log.

        Raises:
            EnrichmentError: Of the class that says what to do; `AnswerLost` when the
                request may have been accepted but was not answered within the timeout.
        """
        request = connected(lambda: self._send(company, purchase_id), sleep=self._sleep)
        response = await exchange(request, company=company, within=self._timeout)
        return verdict_on(
            response.status_code,
            response.headers,
            response.content,
            company=company,
            price_micros=self._price_micros,
            now=self._clock(),
        )

    async def _send(self, company: str, purchase_id: str) -> httpx.Response:
        return await self._http.post(
            self._url,
            content=orjson.dumps({"empresa": company}),
            headers={
                "Content-Type": "application/json",
                "Idempotency-Key": purchase_id,
                "X-Request-ID": purchase_id,
            },
        )
