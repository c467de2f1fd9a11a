"""Real waiting, for what another process or the event loop does in its own time."""

import asyncio
from collections.abc import Awaitable, Callable
from time import monotonic

#: Seconds between two looks: few at first, then a twentieth of what was waited, up to a tenth of a
#: second. Looks are not free, and what is waited for needs the processor, too.
_LEAST_S, _MOST_S = 0.005, 0.1


async def eventually(
    condition: Callable[[], Awaitable[object]], description: str, *, within_s: float = 100
) -> None:
    """Return when *condition* holds; fail with *description* if it does not in time."""
    began = monotonic()
    try:
        async with asyncio.timeout(within_s):
            while not await condition():
                waited_s = monotonic() - began
                await asyncio.sleep(min(max(waited_s / 20, _LEAST_S), _MOST_S))
    except TimeoutError:
        raise AssertionError(f"still waiting until {description}") from None
