"""Loads Lua scripts from the packages that own them. What each does stands at its top."""

from importlib.resources import files

from redis.asyncio import Redis
from redis.commands.core import AsyncScript


def load_script(redis: Redis, package: str, name: str) -> AsyncScript:
    """Return `lua/<name>.lua` of *package*, bound to *redis*. A call is one round trip."""
    return redis.register_script(files(package).joinpath("lua", f"{name}.lua").read_text("utf-8"))
