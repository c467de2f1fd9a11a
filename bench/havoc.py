"""What is done to a stack while it works: kills at random instants, lost and doubled messages."""

import asyncio
import contextlib
import random
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from time import monotonic
from typing import Any

import orjson
import psutil
from redis.asyncio import Redis
from redis.exceptions import RedisError

from orchestrator.embedded.sandbox.behaviour import Behaviour, latency_s
from orchestrator.embedded.stack import EmbeddedStack
from orchestrator.jobs import Lane

#: Steals and doubles messages that wait in the broker's queues. A message is looked at once,
#: and its own id decides, so that a run can be told from a lucky one.
_TAMPER = """
local seen, drop, double = KEYS[1], tonumber(ARGV[1]), tonumber(ARGV[2])
local found, lost, doubled = 0, 0, 0
for i = 2, #KEYS do
  for _, message in ipairs(redis.call('LRANGE', KEYS[i], 0, -1)) do
    local id = cjson.decode(message).headers.id
    if redis.call('SADD', seen, id) == 1 then
      found = found + 1
      local lot = tonumber(string.sub(id, 1, 4), 16) / 65536
      if lot < drop then
        lost = lost + redis.call('LREM', KEYS[i], 1, message)
      elseif lot < drop + double then
        redis.call('LPUSH', KEYS[i], message)
        doubled = doubled + 1
      end
    end
  end
end
redis.call('EXPIRE', seen, 3600)
return {found, lost, doubled}
"""
#: Seconds between two looks at the queues.
TAMPER_S = 0.01


@dataclass(slots=True)
class Kills:
    """How many processes of a kind were killed."""

    workers: int = 0
    valkeys: int = 0


@dataclass(slots=True)
class Tampering:
    """How many messages were looked at, and what was done to them."""

    seen: int = 0
    dropped: int = 0
    doubled: int = 0


@dataclass(frozen=True, slots=True)
class Bill:
    """The seller's own book: of a company by `/enrich`, of each step towards one by a run."""

    charges: Counter[str] = field(default_factory=Counter)
    companies: frozenset[str] = frozenset()
    micros: int = 0
    charged_at: dict[str, datetime] = field(default_factory=dict)

    @property
    def charged_twice(self) -> dict[str, int]:
        """Companies and steps with more than one charge, and how many they have."""
        return {key: count for key, count in self.charges.items() if count > 1}

    def ordered(self, behaviour: Behaviour) -> dict[str, datetime]:
        """Return when the seller had the order for each company, if it was asked for once."""
        return {
            key: at - timedelta(seconds=latency_s(behaviour, key, attempt=1))
            for key, at in self.charged_at.items()
        }


async def kill_at_random(
    stack: EmbeddedStack, *, workers: int, valkeys: int, seconds: float, seed: int
) -> Kills:
    """Kill so many workers and Valkey servers within *seconds*; the stack restarts them."""
    dice, kills = random.Random(seed), Kills()  # noqa: S311 - a repeatable mix
    strikes = [(dice.uniform(2, seconds), "celery") for _ in range(workers)]
    strikes += [(dice.uniform(5, seconds), "valkey-server") for _ in range(valkeys)]
    began = monotonic()
    for at, what in sorted(strikes):
        await asyncio.sleep(max(0.0, began + at - monotonic()))
        victims = [child for child in _children(stack) if what in _command(child)]
        if victims:
            dice.choice(victims).kill()
            kills.workers += what == "celery"
            kills.valkeys += what == "valkey-server"
    return kills


@contextlib.asynccontextmanager
async def tampering(broker_url: str, *, drop: float, double: float) -> AsyncIterator[Tampering]:
    """Drop and double shares of the waiting messages for the length of the block."""
    counts = Tampering()

    async def tamper() -> None:
        async with Redis.from_url(broker_url, socket_timeout=2) as redis:
            while True:
                with contextlib.suppress(RedisError, OSError):  # it is being killed, too
                    keys = ("bench:tampered", *Lane)
                    found = await redis.eval(_TAMPER, len(keys), *keys, str(drop), str(double))
                    counts.seen += found[0]
                    counts.dropped += found[1]
                    counts.doubled += found[2]
                await asyncio.sleep(TAMPER_S)

    task = asyncio.create_task(tamper())
    try:
        yield counts
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task


def read_bill(home: Path) -> Bill:
    """Return what the embedded sandbox of *home* has charged."""
    return read_bill_at(home / "sandbox" / "bill.jsonl")


def read_bill_at(path: Path) -> Bill:
    """Return what stands in the bill at *path*, with the orders of the runs beside it."""
    lines = list(_json_lines(path))
    runs = _json_lines(path.with_name(f"{path.stem}.runs.jsonl"))
    orders = {run["id"]: orjson.dumps(run["input"]).decode() for run in runs if "input" in run}

    def charged(line: dict[str, Any]) -> str:
        order = orders.get(line["purchase_id"])
        return line["key"] if order is None else f"{line['key']} {line['verb']} {order}"

    return Bill(
        Counter(map(charged, lines)),
        frozenset(line["key"] for line in lines),
        sum(line["cost_micros"] for line in lines),
        {line["key"]: datetime.fromtimestamp(line["at_ms"] / 1000, UTC) for line in lines},
    )


def _json_lines(path: Path) -> Iterator[dict[str, Any]]:
    yield from (orjson.loads(line) for line in path.read_bytes().split(b"\n") if line)


def _children(stack: EmbeddedStack) -> list[psutil.Process]:
    state = orjson.loads((stack.home / "stack.json").read_bytes())
    pids = {child["pid"] for child in state["children"]}
    return [child for child in psutil.Process().children() if child.pid in pids]


def _command(child: psutil.Process) -> str:
    """Return how *child* was started; nothing for one that has just been killed."""
    try:
        return " ".join(child.cmdline())
    except psutil.Error:
        return ""
