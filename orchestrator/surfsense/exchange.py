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
    EnrichmentError,
    MalformedAnswer,
    NotSent,
    ServiceUnavailable,
)
from orchestrator.surfsense.http import was_never_sent, was_not_permitted
from orchestrator.surfsense.permit import current_guard

Sleep = Callable[[float], Awaitable[None]]

#: Attempts at making a connection, and the seconds after which no further one starts.
CONNECT_ATTEMPTS = 4
CONNECT_PATIENCE_S = 2.0


async def exchange(
    request: Awaitable[httpx.Response], *, company: str, within: timedelta
) -> httpx.Response:
    """Return the response to *request*, of any status.

    Whether anything was sent is known from the guard of a paid request (`permit`), whatever error
    it has ended in.

    Raises:
        NotSent: Its guard did not let it leave any more.
        ServiceUnavailable: It could not be sent; nothing was.
        AnswerLost: The request may have been accepted, but was not answered within *within*.
        MalformedAnswer: The answer's content encoding is broken.
    """
    try:
        async with asyncio.timeout(within.total_seconds()):
            return await request
    except TimeoutError as error:
        raise _unanswered(company, f"none within {within}") from error
    except httpx.DecodingError as error:
        raise MalformedAnswer(company, "its content encoding") from error
    except httpx.TransportError as error:
        if was_not_permitted(error):
            raise NotSent(company) from error
        if was_never_sent(error):
            raise ServiceUnavailable(company, "no connection could be made") from error
        raise _unanswered(company, "the connection broke") from error
    except (aiohttp.ClientError, httpx.InvalidURL, ValueError, TypeError) as error:
        # No HTTP, or a header or address that cannot be sent. Without the original, which
        # quotes the request's headers and so the API key.
        raise _unanswered(company, f"a fault of HTTP: {type(error).__name__}") from None


def _unanswered(company: str, cause: str) -> EnrichmentError:
    """Return what it means that a request was not answered, by whether it may have left."""
    guard = current_guard()
    if guard is not None and not guard.has_left:
        return ServiceUnavailable(company, f"nothing was sent; {cause}")
    return AnswerLost(company, cause)


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
