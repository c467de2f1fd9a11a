"""The Lua scripts, loaded once and called by name. What each does stands at its top."""

from importlib.resources import files

from redis.asyncio import Redis
from redis.commands.core import AsyncScript


def _read(name: str) -> str:
    return files("orchestrator.memo").joinpath("lua", f"{name}.lua").read_text("utf-8")


class Scripts:
    """The memo's atomic steps, bound to one client. A call is one round trip (EVALSHA)."""

    def __init__(self, redis: Redis) -> None:
        def register(name: str) -> AsyncScript:
            return redis.register_script(_read(name))

        self.begin = register("begin")
        self.renew = register("renew")
        self.note = register("note")
        self.commit = register("commit")
        self.release = register("release")
        self.invalidate = register("invalidate")
        self.quarantine = register("quarantine")
