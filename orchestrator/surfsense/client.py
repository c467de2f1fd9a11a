"""Sends one purchase over HTTP and translates whatever happens to it.

A connection that cannot be made is tried again, in count and time bounded; a request that
may have been sent never is. Who may purchase, and when, is decided above.
"""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import timedelta

import aiohttp
import httpx
import orjson
from tenacity import (
    AsyncRetrying,
    retry_if_exception,
    stop_after_attempt,
    stop_after_delay,
    wait_random_exponential,
)

from orchestrator.clock import Clock, utc_now
from orchestrator.surfsense.errors import AnswerLost, MalformedAnswer, ServiceUnavailable
from orchestrator.surfsense.http import was_never_sent
from orchestrator.surfsense.verdict import Answer, verdict_on

#: Attempts at making a connection, and the seconds after which no further one starts.
CONNECT_ATTEMPTS = 4
CONNECT_PATIENCE_S = 10.0


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
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
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
        response = await self._post(company, purchase_id)
        return verdict_on(
            response.status_code,
            response.headers,
            response.content,
            company=company,
            price_micros=self._price_micros,
            now=self._clock(),
        )

    async def _post(self, company: str, purchase_id: str) -> httpx.Response:
        try:
            async with asyncio.timeout(self._timeout.total_seconds()):
                return await self._connecting()(self._send, company, purchase_id)
        except TimeoutError as error:
            raise AnswerLost(company, f"none within {self._timeout}") from error
        except httpx.DecodingError as error:
            raise MalformedAnswer(company, "its content encoding") from error
        except httpx.TransportError as error:
            if was_never_sent(error):
                raise ServiceUnavailable(company, "no connection could be made") from error
            raise AnswerLost(company, "the connection broke after sending") from error
        except aiohttp.ClientError:
            # Not HTTP, and nothing httpx-aiohttp translates. Without the original, whose
            # repr quotes the request's headers and so the API key.
            raise AnswerLost(company, "the answer was not HTTP") from None

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

    def _connecting(self) -> AsyncRetrying:
        return AsyncRetrying(
            retry=retry_if_exception(_is_worth_another_attempt),
            stop=stop_after_attempt(CONNECT_ATTEMPTS) | stop_after_delay(CONNECT_PATIENCE_S),
            wait=wait_random_exponential(multiplier=0.2, max=2),
            sleep=self._sleep,
            reraise=True,
        )


def _is_worth_another_attempt(error: BaseException) -> bool:
    return isinstance(error, httpx.TransportError) and was_never_sent(error)
