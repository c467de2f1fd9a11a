"""Loads Lua scripts from the packages that own them. What each does stands at its top."""

from importlib.resources import files

from redis.asyncio import Redis
from redis.commands.core import AsyncScript


def load_script(redis: Redis, package: str, *names: str) -> AsyncScript:
    """Return `lua/<name>.lua` of *package*, bound to *redis*. A call is one round trip.

    Several *names* are one script, one after the other: what the first define, the last uses.
    """
    folder = files(package).joinpath("lua")
    source = "\n".join(folder.joinpath(f"{name}.lua").read_text("utf-8") for name in names)
    return redis.register_script(source)
