"""The outbox relay: sends what the outbox owes to the sales agent's webhook, signed.

Runs in every worker, harmless in any number. Events are signed by the Standard Webhooks
convention: `webhook-signature` is `v1,` and the base64 of HMAC-SHA256 over
`<id>.<timestamp>.<body>`; libraries for receivers exist in most languages (standardwebhooks.com).
"""

import asyncio
import base64
import hashlib
import hmac
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from http import HTTPStatus
from typing import Final, assert_never

import httpx
import structlog
from redis.backoff import EqualJitterBackoff

from orchestrator.infra.background import Loop
from orchestrator.infra.clock import Clock
from orchestrator.infra.redis_address import is_loopback
from orchestrator.surfsense import retry_after_s

from .outbox import Claimed, Outbox

log = structlog.get_logger(__name__)

#: Deliveries that one process has under way.
AT_ONCE: Final = 10
#: How often an idle relay looks for work.
PERIOD: Final = timedelta(seconds=1)
#: How long a receiver has to answer. Much shorter than a claim lasts.
TIMEOUT: Final = timedelta(seconds=10)
#: Pause after the first failure; each further one doubles it, half of it is random.
FIRST_PAUSE: Final = timedelta(seconds=5)
LONGEST_PAUSE: Final = timedelta(hours=1)

#: Answers after which a retry is of no use.
_REFUSALS: Final = (
    HTTPStatus.BAD_REQUEST,
    HTTPStatus.GONE,
    HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
    HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
    HTTPStatus.UNPROCESSABLE_ENTITY,
)


@dataclass(frozen=True, slots=True)
class Delivered:
    """The receiver has it."""


@dataclass(frozen=True, slots=True)
class Refused:
    """The receiver will never take it."""

    reason: str


@dataclass(frozen=True, slots=True)
class Later:
    """It may have arrived or not: retry, not before `wait` if the receiver names one."""

    reason: str
    wait: timedelta | None = None


Verdict = Delivered | Refused | Later


def verdict_on(status: int, retry_after: str | None, now: datetime) -> Verdict:
    """Return what an answer with *status* means. Pure."""
    if HTTPStatus.OK <= status < HTTPStatus.MULTIPLE_CHOICES:
        return Delivered()
    if status in _REFUSALS:
        return Refused(f"answered {status}")
    wait = None if retry_after is None else timedelta(seconds=retry_after_s(retry_after, now))
    return Later(f"answered {status}", wait)


def pause_after(attempts: int, first: timedelta = FIRST_PAUSE) -> timedelta:
    """Return how long to wait after *attempts* failures, at random up to twice as long."""
    backoff = EqualJitterBackoff(LONGEST_PAUSE.total_seconds(), first.total_seconds())
    # The exponent is bounded: the longest pause is reached long before.
    return timedelta(seconds=backoff.compute(min(attempts - 1, 30)))


def signed_headers(secret: bytes, event_id: str, timestamp_s: int, body: bytes) -> dict[str, str]:
    """Return the headers by which a receiver verifies *body*, its sender and its time. Pure."""
    signed = b".".join((event_id.encode(), str(timestamp_s).encode(), body))
    digest = hmac.new(secret, signed, hashlib.sha256).digest()
    return {
        "webhook-id": event_id,
        "webhook-timestamp": str(timestamp_s),
        "webhook-signature": f"v1,{base64.b64encode(digest).decode()}",
    }


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
        """Send *body* once and return the outcome. Raises nothing for a receiver that fails."""
        timestamp_s = int(self._clock().timestamp())
        headers = signed_headers(self._secret, event_id, timestamp_s, body)
        headers["content-type"] = "application/json"
        try:
            # httpx restarts its timeout with each read: only this one ends an answer byte by byte.
            async with (
                asyncio.timeout(self._patience.total_seconds()),
                self._http.stream("POST", self._url, content=body, headers=headers) as answer,
            ):
                # The status decides; the body is not read, however long it is.
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


class OutboxRelay:
    """Claims the hand-overs that are due, sends each, and records the outcome."""

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
        """The loop that every worker of an installation with a receiver runs."""

        async def work() -> bool:
            return await self.deliver() == AT_ONCE

        return Loop("outbox relay", work, self._period)

    async def deliver(self) -> int:
        """Deliver what is due, up to `AT_ONCE`; return how many were tried."""
        claimed = await self._outbox.claim(AT_ONCE)
        await asyncio.gather(*(self._deliver(each) for each in claimed))
        return len(claimed)

    async def _deliver(self, claimed: Claimed) -> None:
        event_id = str(claimed.event_id)
        verdict = await self._webhook.send(event_id, claimed.body.encode())
        match verdict:
            case Delivered():
                await self._outbox.delivered(claimed.event_id)
                log.info("handover.delivered", event_id=event_id)
            case Refused(reason):
                await self._outbox.bury(claimed, reason)
                log.error("handover.refused", event_id=event_id, reason=reason)
            case Later(reason, wait):
                pause = max(self._pause(claimed.attempts), wait or timedelta(0))
                await self._outbox.postpone(claimed, reason, pause)
                log.warning("handover.failed", event_id=event_id, reason=reason)
            case _:
                assert_never(verdict)
