"""Loads Lua scripts from the packages that own them. What each does stands at its top."""

from collections.abc import Sequence
from importlib.resources import files
from typing import Any

from redis.asyncio import Redis
from redis.commands.core import AsyncScript
from redis.exceptions import NoScriptError

#: The keys and the arguments of one call.
Call = tuple[Sequence[str], Sequence[Any]]


def load_script(redis: Redis, package: str, *names: str) -> AsyncScript:
    """Return `lua/<name>.lua` of *package*, bound to *redis*. A call is one round trip.

    Several *names* are one script, one after the other: what the first define, the last uses.
    """
    folder = files(package).joinpath("lua")
    source = "\n".join(folder.joinpath(f"{name}.lua").read_text("utf-8") for name in names)
    return redis.register_script(source)


async def call_together(redis: Redis, script: AsyncScript, calls: Sequence[Call]) -> list[Any]:
    """Call *script* once for each of *calls*, in one round trip; return the answers in order.

    Not one step: others may come in between. Calls before one that fails have been made.
    """
    try:
        return await _together(redis, script, calls)
    except NoScriptError:
        # No server knows it in part: none of the calls was made.
        await redis.script_load(script.script)
        return await _together(redis, script, calls)


async def _together(redis: Redis, script: AsyncScript, calls: Sequence[Call]) -> list[Any]:
    pipe = redis.pipeline(transaction=False)
    for keys, args in calls:
        pipe.evalsha(script.sha, len(keys), *keys, *args)
    return await pipe.execute()
