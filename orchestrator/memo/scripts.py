"""The memo's atomic steps by name. What each does stands at the top of its Lua file."""

from redis.asyncio import Redis
from redis.commands.core import AsyncScript

from orchestrator.infra.redis_client import load_script


class Scripts:
    """The memo's Lua scripts, bound to one client."""

    def __init__(self, redis: Redis) -> None:
        def load(name: str) -> AsyncScript:
            return load_script(redis, "orchestrator.memo", name)

        self.begin = load("begin")
        self.record = load("record")
        self.drop_record = load("drop_record")
        self.commit = load("commit")
        self.release = load("release")
        self.invalidate = load("invalidate")
        self.quarantine = load("quarantine")
