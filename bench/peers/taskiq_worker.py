"""taskiq: `taskiq worker bench.peers.taskiq_worker:broker --workers 2 --max-async-tasks 100`."""

import os

import aiohttp
from taskiq import TaskiqEvents, TaskiqState
from taskiq_redis import ListQueueBroker

broker = ListQueueBroker(os.environ["PEER_BROKER"])


@broker.on_event(TaskiqEvents.WORKER_STARTUP)
async def _open(state: TaskiqState) -> None:
    state.http = aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0))


@broker.on_event(TaskiqEvents.WORKER_SHUTDOWN)
async def _close(state: TaskiqState) -> None:
    await state.http.close()


@broker.task
async def buy(company: str) -> None:
    """Buy *company* over a kept connection."""
    url = os.environ["PEER_SELLER"]
    async with broker.state.http.post(url, json={"empresa": company}) as answer:
        answer.raise_for_status()
        await answer.json()
