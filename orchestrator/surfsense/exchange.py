"""One HTTP exchange with SurfSense, and what its failures mean for a request that costs money."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import timedelta

import aiohttp
import httpx
from tenacity import (
    AsyncRetrying,
    retry_if_exception,
    stop_after_attempt,
    stop_after_delay,
    wait_random_exponential,
)

from orchestrator.surfsense.errors import (
    AnswerLost,
    MalformedAnswer,
    NotSent,
    ServiceUnavailable,
)
from orchestrator.surfsense.http import was_never_sent, was_not_permitted

Sleep = Callable[[float], Awaitable[None]]

#: Attempts at making a connection, and the seconds after which no further one starts.
CONNECT_ATTEMPTS = 4
CONNECT_PATIENCE_S = 2.0


async def exchange(
    request: Awaitable[httpx.Response], *, company: str, within: timedelta
) -> httpx.Response:
    """Return the response to *request*, of any status.

    Raises:
        NotSent: Its permit was over before it left.
        ServiceUnavailable: No connection could be made; nothing was sent.
        AnswerLost: The request may have been accepted, but was not answered within *within*.
        MalformedAnswer: The answer's content encoding is broken.
    """
    try:
        async with asyncio.timeout(within.total_seconds()):
            return await request
    except TimeoutError as error:
        raise AnswerLost(company, f"none within {within}") from error
    except httpx.DecodingError as error:
        raise MalformedAnswer(company, "its content encoding") from error
    except httpx.TransportError as error:
        if was_not_permitted(error):
            raise NotSent(company) from error
        if was_never_sent(error):
            raise ServiceUnavailable(company, "no connection could be made") from error
        raise AnswerLost(company, "the connection broke after sending") from error
    except aiohttp.ClientError:
        # Not HTTP, and nothing httpx-aiohttp translates. Without the original, whose
        # repr quotes the request's headers and so the API key.
        raise AnswerLost(company, "the answer was not HTTP") from None


async def connected(
    send: Callable[[], Awaitable[httpx.Response]], *, sleep: Sleep
) -> httpx.Response:
    """Return what *send* does, repeated as long as no byte of it can have been sent."""
    attempts = AsyncRetrying(
        retry=retry_if_exception(_is_worth_another_attempt),
        stop=stop_after_attempt(CONNECT_ATTEMPTS) | stop_after_delay(CONNECT_PATIENCE_S),
        wait=wait_random_exponential(multiplier=0.2, max=2),
        sleep=sleep,
        reraise=True,
    )
    async for attempt in attempts:
        with attempt:
            response = await send()
    return response


def _is_worth_another_attempt(error: BaseException) -> bool:
    return isinstance(error, httpx.TransportError) and was_never_sent(error)
