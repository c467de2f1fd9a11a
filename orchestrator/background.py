"""Ends background tasks for certain."""

import asyncio
from typing import Any

#: Seconds until a task that did not end is cancelled again.
AGAIN_S = 0.1


async def end_task(task: "asyncio.Task[Any]") -> None:
    """Cancel *task* until it has ended. Whatever it ends with is nobody's business any more.

    Once is not enough: in Python 3.11 `asyncio.wait_for`, through which redis-py sends its
    commands, swallows a cancellation that arrives together with its result.
    """
    while not task.done():
        task.cancel()
        await asyncio.wait([task], timeout=AGAIN_S)
    if not task.cancelled():
        task.exception()  # marks it as seen
