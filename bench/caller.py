"""A process of callers who all ask for one key: `python -m bench.caller '<JSON Part>'`.

It says "ready" once it is connected, reads the instant at which to begin, and prints for each
caller when it was served (`time.time()`), what went wrong, and when it gave up waiting.
"""

import asyncio
import os
import sys
import time
from dataclasses import asdict, dataclass
from datetime import timedelta

import orjson
import uvloop

from bench.contenders import CONTENDERS, Answer, Lookup
from orchestrator.infra.logs import configure_logging
from orchestrator.surfsense import open_http

#: Seconds that the upstream may take; more than any measurement lasts.
UPSTREAM_TIMEOUT = timedelta(seconds=60)


@dataclass(frozen=True, slots=True)
class Part:
    """What one process plays. It gives up *patience_s* after the beginning."""

    contender: str
    redis_url: str
    upstream_url: str
    key: str
    callers: int
    patience_s: float
    lease_s: float | None = None

    def encoded(self) -> str:
        """Return the command's argument."""
        return orjson.dumps(asdict(self)).decode()


@dataclass(frozen=True, slots=True)
class Served:
    """When each caller was served, as `time.time()`, and how many met an error."""

    at: list[float]
    errors: list[str]


async def _play(part: Part) -> None:
    async with open_http(part.upstream_url, api_key=None, timeout=UPSTREAM_TIMEOUT) as http:

        async def load(key: str) -> Answer:
            body = orjson.dumps({"empresa": key})
            answer = await http.send(
                "POST", "/enrich", company=key, within=UPSTREAM_TIMEOUT, body=body
            )
            if not answer.is_success:
                raise RuntimeError(f"the upstream answered {answer.status}")
            return dict(orjson.loads(answer.body))

        async with CONTENDERS[part.contender](part.redis_url, load, part.lease_s) as lookup:
            print("ready", flush=True)
            served = await _ask(lookup, part, begins_at=float(sys.stdin.readline()))
            print(orjson.dumps(asdict(served)).decode(), flush=True)
            os._exit(0)  # callers that still wait, in tasks and threads, would hold it up


async def _ask(lookup: Lookup, part: Part, *, begins_at: float) -> Served:
    served = Served([], [])

    async def caller() -> None:
        await asyncio.sleep(begins_at - time.time())
        try:
            await lookup(part.key)
        except Exception as error:  # noqa: BLE001 - a library's error is a result
            served.errors.append(f"{type(error).__name__}: {error}"[:200])
        else:
            served.at.append(time.time())

    tasks = [asyncio.create_task(caller()) for _ in range(part.callers)]
    await asyncio.wait(tasks, timeout=begins_at + part.patience_s - time.time())
    return served


if __name__ == "__main__":
    configure_logging("error")
    uvloop.run(_play(Part(**orjson.loads(sys.argv[1]))))
