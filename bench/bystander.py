"""A client with nothing to do with it: `python -m bench.bystander URL` PINGs until stdin ends.

A process of its own, so that it feels the server alone. It says "ready", and prints the seconds
of its worst PING.
"""

import sys
from threading import Event, Thread
from time import perf_counter

from redis import Redis

#: Seconds between two PINGs.
PAUSE_S = 0.0005


def _worst_ping(url: str, ended: Event) -> float:
    worst = 0.0
    with Redis.from_url(url) as redis:
        redis.ping()
        print("ready", flush=True)
        while not ended.wait(PAUSE_S):
            began = perf_counter()
            redis.ping()
            worst = max(worst, perf_counter() - began)
    return worst


def _wait_for_end(ended: Event) -> None:
    sys.stdin.read()
    ended.set()


if __name__ == "__main__":
    ended = Event()
    Thread(target=_wait_for_end, args=(ended,), daemon=True).start()
    print(_worst_ping(sys.argv[1], ended), flush=True)
