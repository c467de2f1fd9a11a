"""dramatiq: `python -m dramatiq -p 2 -t 100 bench.peers.dramatiq_threads`."""

import os
import threading

import dramatiq
import httpx
from dramatiq.brokers.redis import RedisBroker

dramatiq.set_broker(RedisBroker(url=os.environ["PEER_BROKER"]))
_local = threading.local()


@dramatiq.actor(max_retries=0)
def buy(company: str) -> None:
    """Buy *company* over this thread's own kept connection."""
    if not hasattr(_local, "http"):
        _local.http = httpx.Client(timeout=60)
    answer = _local.http.post(os.environ["PEER_SELLER"], json={"empresa": company})
    answer.raise_for_status().json()
