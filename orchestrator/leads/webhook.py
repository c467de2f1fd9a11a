"""Sends one event to the sales agent's webhook. A client per process; nothing is retried here."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Final

import httpx

from orchestrator.infra.clock import Clock
from orchestrator.infra.redis_address import is_loopback

from .signature import signed_headers
from .verdict import Later, Verdict, verdict_on

#: Until an answer counts as not given. Much shorter than a claim lasts.
TIMEOUT: Final = timedelta(seconds=10)


class Webhook:
    """One receiver. Its address and secret appear in no log and no error."""

    def __init__(
        self,
        http: httpx.AsyncClient,
        url: str,
        secret: bytes,
        clock: Clock,
        *,
        patience: timedelta = TIMEOUT,
    ) -> None:
        self._http = http
        self._url = url
        self._secret = secret
        self._clock = clock
        self._patience = patience

    async def send(self, event_id: str, body: bytes) -> Verdict:
        """Send *body* and say what became of it. Raises nothing for a receiver that fails."""
        timestamp_s = int(self._clock().timestamp())
        headers = signed_headers(self._secret, event_id, timestamp_s, body)
        headers["content-type"] = "application/json"
        try:
            # httpx counts each read anew: only this ends a receiver that answers byte by byte.
            async with (
                asyncio.timeout(self._patience.total_seconds()),
                self._http.stream("POST", self._url, content=body, headers=headers) as answer,
            ):
                # The status decides; what else it says is not read, however long it is.
                return verdict_on(
                    answer.status_code, answer.headers.get("retry-after"), self._clock()
                )
        except TimeoutError:
            return Later("no answer in time")
        except httpx.HTTPError as error:
            return Later(f"no answer ({type(error).__name__})")


@asynccontextmanager
async def open_webhook(
    url: str, secret: bytes, clock: Clock, *, patience: timedelta = TIMEOUT
) -> AsyncIterator[Webhook]:
    """Open a client for *url*; redirects are not followed: a signature is for one receiver."""
    async with httpx.AsyncClient(
        timeout=patience.total_seconds(),
        follow_redirects=False,
        # A receiver on this machine is not reached through the environment's proxy.
        trust_env=not is_loopback(httpx.URL(url).host),
    ) as http:
        yield Webhook(http, url, secret, clock, patience=patience)
