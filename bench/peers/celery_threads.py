"""Plain Celery: `python -m celery -A bench.peers.celery_threads worker -P threads -c 100`."""

import os
import threading

import httpx
from celery import Celery

app = Celery("peer", broker=os.environ["PEER_BROKER"], set_as_current=False)
app.conf.update(task_ignore_result=True, worker_prefetch_multiplier=4)
_local = threading.local()


@app.task(name="buy")
def buy(company: str) -> None:
    """Buy *company* over this thread's own kept connection."""
    if not hasattr(_local, "http"):
        _local.http = httpx.Client(timeout=60)
    answer = _local.http.post(os.environ["PEER_SELLER"], json={"empresa": company})
    answer.raise_for_status().json()
