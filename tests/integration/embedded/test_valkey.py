"""The embedded server: what it has acknowledged is in its file."""

from pathlib import Path

from redis import Redis

from tests.support.valkey import running_valkey

#: Microseconds, by the server's clock. Time for two of the flushes that `everysec` makes.
TWO_FLUSHES = 2_500_000


def _now(redis: Redis) -> int:
    seconds, micros = redis.time()
    return seconds * 1_000_000 + micros


def test_nothing_is_acknowledged_before_it_is_written(tmp_path: Path) -> None:
    """A kill after any reply finds the write in the file, also while the file is being flushed.

    With `everysec` a write that comes during a flush is put off, and acknowledged before.
    """
    with running_valkey(tmp_path) as server, Redis.from_url(server.url) as redis:
        redis.set("first", b"x", px=60_000)
        (file,) = tmp_path.glob("appendonlydir/*.incr.aof")
        began, number, written = _now(redis), 0, 0
        with file.open("rb") as log:
            while _now(redis) - began < TWO_FLUSHES:
                number += 1
                redis.set("last", b"value %d." % number, px=60_000)
                written += b"value %d." % number in log.read()

    assert written == number
