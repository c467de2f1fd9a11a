"""Real waiting, for what another process or the event loop does in its own time."""

import asyncio
from collections.abc import Awaitable, Callable


async def eventually(
    condition: Callable[[], Awaitable[object]], description: str, *, within_s: float = 100
) -> None:
    """Return when *condition* holds; fail with *description* if it does not in time."""
    try:
        async with asyncio.timeout(within_s):
            while not await condition():  # noqa: ASYNC110 - it sets no event
                await asyncio.sleep(0.005)
    except TimeoutError:
        raise AssertionError(f"still waiting until {description}") from None
