"""A million companies on their way in: against one Celery `delay()` each, and in which memory."""

import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter

import orjson
from celery import Celery
from redis.asyncio import Redis

from bench import long_files
from bench.entries import TTL_S, stored_entry
from bench.lists import REPEATED, company, key
from bench.measure import console, grid, judge, summary
from bench.servers import running_valkey
from orchestrator.database import upgrade
from orchestrator.infra.redis_client import open_redis
from orchestrator.purchasing import entry_key

ROWS = 1_000_000
#: Rows with which the sizes of chunks are compared, and the sizes.
SIZE_ROWS, SIZES = 100_000, (10, 50, 200, 1_000)
#: Calls of `delay` that are timed, before and behind each run.
DELAYS = 2_000
#: Entries of one pipelined write.
BATCH = 500
#: What is promised.
FASTER, MOST_MB, KNOWN_A_SECOND = 25.0, 150.0, 50_000
#: Of the plot of the memory.
HEIGHT, WIDTH = 8, 72


@dataclass(frozen=True, slots=True)
class Enqueued:
    """What a client that enqueued a list says of it."""

    rows: int
    seconds: float
    memory_mb: list[float]

    @property
    def a_second(self) -> float:
        """Rows a second."""
        return self.rows / self.seconds


async def main(repeats: int) -> None:
    """Enqueue the list and some of it by `delay`, in turn, and judge what was seen."""
    delays, lists, known = list[float](), list[Enqueued](), list[Enqueued]()
    for _ in range(min(repeats, 3)):
        with running_valkey() as url, tempfile.TemporaryDirectory() as folder:
            redis = open_redis(url)
            await _know(redis, ROWS // REPEATED)
            await redis.aclose()
            await upgrade(database_in(folder))  # as an installation's is
            delays.append(_delays_a_second(url))
            lists.append(_enqueue(url, folder, ROWS))
            delays.append(_delays_a_second(url))
            known.append(_enqueue(url, folder, ROWS // 2, known=True))
    _show(delays, lists, known)
    await _compare_sizes()
    with running_valkey() as url:
        redis = open_redis(url)
        await _know(redis, ROWS // REPEATED, each=1)
        await redis.aclose()
        await long_files.measure(url)


def _show(delays: list[float], lists: list[Enqueued], known: list[Enqueued]) -> None:
    title = f"{ROWS:,} companies, {ROWS // REPEATED:,} of them distinct, half of those known"
    table = grid(title, ("what", "companies/s", "x delay()", "most MB"))
    base = sum(delays) / len(delays)
    table.add_row("one Celery delay() each", summary(delays), "1", "")
    for name, runs in (("ours, the list", lists), ("ours, known ones only", known)):
        rates = [run.a_second for run in runs]
        table.add_row(
            name,
            summary(rates),
            summary([rate / base for rate in rates], "{:.1f}"),
            summary([max(run.memory_mb) for run in runs]),
        )
    console.print(table)
    console.print("Resident memory of the client over time, MB:")
    console.print(plot(lists[-1].memory_mb), highlight=False)
    judge(
        f"at least {FASTER:.0f}x one delay() each",
        [run.a_second >= FASTER * base for run in lists],
    )
    judge(
        f"at most {MOST_MB:.0f} MB of resident memory",
        [max(run.memory_mb) <= MOST_MB for run in lists],
    )
    judge(
        f"known ones answered at {KNOWN_A_SECOND:,} a second",
        [run.a_second >= KNOWN_A_SECOND for run in known],
    )


def plot(values: list[float]) -> str:
    """Return *values* over time as text, from 0 to their maximum."""
    step = max(1, -(-len(values) // WIDTH))
    bars = [max(values[start : start + step]) for start in range(0, len(values), step)]
    top = max(bars)
    lines = []
    for level in range(HEIGHT, 0, -1):
        floor = top * (level - 0.5) / HEIGHT
        lines.append(
            f"{top * level / HEIGHT:6.0f} |" + "".join("#" if bar >= floor else " " for bar in bars)
        )
    return "\n".join([*lines, "     0 +" + "-" * len(bars)])


async def _compare_sizes() -> None:
    table = grid("Enqueueing by chunk size", ("items a chunk", "companies/s"))
    for size in SIZES:
        with running_valkey() as url, tempfile.TemporaryDirectory() as folder:
            await upgrade(database_in(folder))
            run = _enqueue(url, folder, SIZE_ROWS, chunk_size=size)
            table.add_row(str(size), f"{run.a_second:,.0f}")
    console.print(table)


async def _know(redis: Redis, companies: int, *, each: int = 2) -> None:
    stored = stored_entry()
    for start in range(0, companies, each * BATCH):
        async with redis.pipeline(transaction=False) as pipeline:
            for number in range(start, min(start + each * BATCH, companies), each):
                pipeline.set(entry_key(key(number)), stored, ex=TTL_S)
            await pipeline.execute()


def database_in(folder: str) -> str:
    """Return the URL of the database in *folder*."""
    return f"sqlite:///{folder}/emasai.db"


def _delays_a_second(url: str) -> float:
    """Return how many tasks a second a client enqueues one by one, as Celery's guide shows it."""
    app = Celery("bench", broker=f"{url.rpartition('/')[0]}/2", set_as_current=False)
    task = app.task(name="bench.enrich", ignore_result=True)(company)
    task.delay("warm")
    began = perf_counter()
    for number in range(DELAYS):
        task.delay(company(number))
    seconds = perf_counter() - began
    app.control.purge()
    app.close()
    return DELAYS / seconds


def _enqueue(
    url: str, folder: str, rows: int, *, known: bool = False, chunk_size: int = 50
) -> Enqueued:
    command = [sys.executable, "-m", "bench.enqueuer", url, database_in(folder), str(rows)]
    ended = subprocess.run(
        [*command, "known" if known else "all", str(chunk_size)],
        capture_output=True,
        check=True,
        cwd=Path(__file__).parents[1],
    )
    said = orjson.loads(ended.stdout)
    return Enqueued(rows, said["seconds"], said["memory_mb"])
