"""New companies bought: `emasai enrich FILE` beside other engines that make the same HTTP call.

Each contender has two worker processes, a server of its own and the same seller, which answers
after 200 ms. The peers do nothing but the call: no memo, no intent, no ledger, no result, and
their server writes nothing to disk. Ours keeps every promise: intents and results on disk before
they count. A rate is that of the calls that reach the seller, from the first one to the last;
CPU is that of the worker processes. The limit is one bare aiohttp client without any queue.
"""

import asyncio
import os
import re
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from threading import Event
from time import perf_counter

import httpx
import psutil
import redis

from bench.measure import QUICK_REPEATS, console, grid, judge, rounds, summary
from bench.peers.enqueue import COMPANIES
from bench.servers import commands_processed
from orchestrator.embedded.stack import free_port, start_valkey
from tests.support.project import ROOT

DELAY_MS = 200
COUNT, QUICK_COUNT = 6_000, 2_000
#: Companies that are bought before anything is measured: connections, imports, caches.
WARM_UP = 300
#: Python of the environment with the peers' packages; `make bench` builds it.
PEERS = ROOT / ".venv-peers" / "bin" / "python"
#: Worker processes of every contender.
WORKERS = 2
#: Bytes of data segment that each worker may have in the run with a memory limit.
MEMORY = 400 << 20
LOOK_S = 0.02
#: What is promised: companies a second, and CPU seconds for 1,000 of them.
RATE, CPU = 600, 1.5

OURS, LIMITED, LIMIT = "ours", "ours, 400 MB a worker", "limit: bare aiohttp"


@dataclass(frozen=True, slots=True)
class Peer:
    """How an engine's workers are started: `arguments` of Python, so many processes."""

    engine: str
    arguments: tuple[str, ...]
    processes: int = 1


_CELERY = ("-m", "celery", "-A", "bench.peers.celery_threads", "worker", "-P", "threads", "-c")
ENGINES = {
    "Celery, 100 threads, httpx": Peer("celery", (*_CELERY, "100", "-l", "ERROR"), WORKERS),
    "dramatiq, 100 threads, httpx": Peer(
        "dramatiq",
        ("-m", "dramatiq", "-p", str(WORKERS), "-t", "100", "bench.peers.dramatiq_threads"),
    ),
    "arq, 100 at once, aiohttp": Peer(
        "arq", ("-m", "arq", "bench.peers.arq_worker.WorkerSettings"), WORKERS
    ),
    "taskiq, 100 at once, aiohttp": Peer(
        "taskiq",
        (
            *("-m", "taskiq", "worker", "bench.peers.taskiq_worker:broker", "--log-level", "ERROR"),
            *("--workers", str(WORKERS), "--max-async-tasks", "100"),
        ),
    ),
}


@dataclass(frozen=True, slots=True)
class Run:
    """What one round of a contender came to, per company."""

    rate: float
    cpu_ms: float
    commands: float
    seconds: float
    """Until the last answer, from the enqueuing command's start."""


async def main(repeats: int) -> None:
    """Buy from every contender, round after round, and print what a company costs each."""
    count = QUICK_COUNT if repeats <= QUICK_REPEATS else COUNT
    peers = ENGINES if PEERS.exists() else {}
    if not peers:
        console.print("The peers are not installed; `make bench` does that.")
    runs: dict[str, list[Run]] = {name: [] for name in (OURS, LIMITED, *peers, LIMIT)}
    for name in rounds(runs, repeats):
        with _seller() as seller:
            if name == LIMIT:
                runs[name].append(await _bare(seller, count))
            elif name in peers:
                runs[name].append(_peer(peers[name], seller, count))
            else:
                runs[name].append(_ours(seller, count, limited=name == LIMITED))
    fsyncs = _fsyncs(QUICK_COUNT)
    _show(runs, fsyncs)


def _show(runs: Mapping[str, Sequence[Run]], fsyncs: float | None) -> None:
    columns = ("contender", "companies/s", "CPU s per 1,000", "commands", "whole, s")
    table = grid(f"New companies, {WORKERS} workers, a seller of {DELAY_MS} ms", columns)
    for name, each in runs.items():
        table.add_row(
            name,
            summary([run.rate for run in each]),
            summary([run.cpu_ms for run in each], "{:.2f}"),
            summary([run.commands for run in each], "{:.1f}"),
            summary([run.seconds for run in each], "{:.1f}"),
        )
    console.print(table)
    if fsyncs is not None:
        console.print(f"Ours, in a round of its own: {fsyncs:.2f} fsyncs a company.")
    best = max(
        (statistics.median(run.rate for run in runs[name]) for name in ENGINES if name in runs),
        default=0,
    )
    judge(f"at least {RATE} companies a second", [run.rate >= RATE for run in runs[OURS]])
    judge(f"at most {CPU} CPU s per 1,000", [run.cpu_ms <= CPU for run in runs[OURS]])
    judge("at least 1.3x the best peer", [run.rate >= 1.3 * best for run in runs[OURS]])


class _Seller:
    """The seller of one round."""

    def __init__(self, url: str) -> None:
        self.url = url
        self._http = httpx.Client(base_url=url, trust_env=False, timeout=60)

    def reset(self) -> None:
        self._http.post("/reset").raise_for_status()

    def stats(self) -> dict[str, float]:
        return dict(self._http.get("/stats").raise_for_status().json())

    def wait_for(self, count: int, worker: psutil.Popen | None = None) -> dict[str, float]:
        """Return the figures once *count* purchases were answered.

        Raises:
            RuntimeError: There are more than that, or *worker* has ended.
        """
        while True:
            stats = self.stats()
            if stats["count"] > count:
                raise RuntimeError(f"{stats['count']} purchases of {count} companies")
            if stats["count"] == count and not stats["under_way"]:
                return stats
            if worker is not None and worker.poll() is not None:
                raise RuntimeError(f"a worker has ended with {worker.returncode}")
            _pause()


def _pause() -> None:
    Event().wait(LOOK_S)


@contextmanager
def _seller() -> Iterator[_Seller]:
    port = free_port()
    with _running([sys.executable, "-m", "bench.seller", str(port), str(DELAY_MS)], {}):
        seller = _Seller(f"http://127.0.0.1:{port}")
        while True:
            try:
                seller.reset()
            except httpx.ConnectError:
                _pause()
            else:
                break
        yield seller


@contextmanager
def _running(
    command: Sequence[str], variables: Mapping[str, str], *, limited: bool = False
) -> Iterator[psutil.Popen]:
    def limit() -> None:
        resource.setrlimit(resource.RLIMIT_DATA, (MEMORY, MEMORY))

    process = psutil.Popen(
        [*command],
        env={**os.environ, **variables},
        cwd=ROOT,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        preexec_fn=limit if limited else None,
    )
    try:
        yield process
    finally:
        children = process.children(recursive=True)
        process.terminate()
        process.wait()
        for child in children:
            if child.is_running():
                child.wait()


@contextmanager
def _all_running(
    commands: Sequence[Sequence[str]], variables: Mapping[str, str], *, limited: bool = False
) -> Iterator[list[psutil.Popen]]:
    if not commands:
        yield []
        return
    with (
        _running(commands[0], variables, limited=limited) as first,
        _all_running(commands[1:], variables, limited=limited) as others,
    ):
        yield [first, *others]


@contextmanager
def _server(*, durable: bool) -> Iterator[str]:
    with tempfile.TemporaryDirectory() as folder:
        valkey = start_valkey(Path(folder), Path(folder) / "valkey.log")
        try:
            if not durable:
                with redis.Redis.from_url(valkey.url) as client:
                    client.config_set("appendonly", "no")
            yield valkey.url
        finally:
            valkey.child.end()


def _cpu(processes: Sequence[psutil.Popen]) -> float:
    """Return the CPU seconds that the processes and their children have used."""
    family = [each for one in processes for each in (one, *one.children(recursive=True))]
    return sum(sum(each.cpu_times()[:2]) for each in family)


def _peer(peer: Peer, seller: _Seller, count: int) -> Run:
    with _server(durable=False) as url, redis.Redis.from_url(url) as client:
        variables = {"PEER_BROKER": f"{url}/0", "PEER_SELLER": f"{seller.url}/enrich"}
        # Celery names its workers by host, so each needs a name of its own.
        commands = [
            [str(PEERS), *peer.arguments, *(["-n", f"w{n}@%h"] if peer.engine == "celery" else [])]
            for n in range(peer.processes)
        ]
        enqueue = [str(PEERS), "-m", "bench.peers.enqueue", peer.engine]
        with _all_running(commands, variables) as workers:
            subprocess.run(
                [*enqueue, str(WARM_UP)], check=True, cwd=ROOT, env={**os.environ, **variables}
            )
            seller.wait_for(WARM_UP, workers[0])
            return _measured(
                seller, client, workers, [*enqueue, str(count)], {**os.environ, **variables}, count
            )


def _ours(seller: _Seller, count: int, *, limited: bool) -> Run:
    with (
        tempfile.TemporaryDirectory() as folder,
        _server(durable=True) as url,
        redis.Redis.from_url(url) as client,
    ):
        variables = _variables(Path(folder), url, seller)
        with _all_running(_worker_commands(), variables, limited=limited) as workers:
            _emasai(_names(Path(folder), "warm", WARM_UP), variables)
            return _measured(
                seller,
                client,
                workers,
                _enrich_command(_names(Path(folder), "bench", count)),
                {**os.environ, **variables},
                count,
            )


def _measured(
    seller: _Seller,
    client: "redis.Redis",
    workers: Sequence[psutil.Popen],
    command: Sequence[str],
    environment: Mapping[str, str],
    count: int,
) -> Run:
    """Run *command*, which has *count* companies bought, to its last purchase."""
    seller.reset()
    cpu, commands, began = _cpu(workers), commands_processed(client), perf_counter()
    ours = subprocess.Popen(
        command, cwd=ROOT, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    stats = seller.wait_for(count, workers[0])
    if ours.wait() != 0:
        raise RuntimeError(f"{command} has ended with {ours.returncode}")
    seconds = perf_counter() - began
    return Run(
        rate=count / (stats["last"] - stats["first"] + DELAY_MS / 1000),
        cpu_ms=(_cpu(workers) - cpu) / count * 1000,
        commands=(commands_processed(client) - commands) / count,
        seconds=seconds,
    )


def _variables(folder: Path, url: str, seller: _Seller) -> dict[str, str]:
    variables = {
        "REDIS_URL": f"{url}/1",
        "DATABASE_URL": f"sqlite:///{folder / 'bench.sqlite'}",
        "SURFSENSE_URL": seller.url,
    }
    subprocess.run(
        [sys.executable, "-m", "orchestrator.cli", "db", "upgrade"],
        check=True,
        cwd=ROOT,
        env={**os.environ, **variables},
        stdout=subprocess.DEVNULL,
    )
    return variables


def _worker_commands() -> list[list[str]]:
    command = [sys.executable, "-m", "celery", "-A", "orchestrator.celery_app", "worker"]
    quiet = ["--pool", "threads", "--loglevel", "ERROR", "--without-gossip", "--without-mingle"]
    return [[*command, *quiet, "-n", f"worker{n}@%h"] for n in range(WORKERS)]


def _names(folder: Path, kind: str, count: int) -> Path:
    """Write a file of *count* companies that no other file has."""
    file = folder / f"{kind}.csv"
    names = (f"{kind.title()} {COMPANIES.format(number)}\n" for number in range(count))
    file.write_text("company\n" + "".join(names), "utf-8")
    return file


def _enrich_command(file: Path) -> list[str]:
    output = ("-o", str(file.with_suffix(".out.csv")))
    return [sys.executable, "-m", "orchestrator.cli", "enrich", str(file), *output]


def _emasai(file: Path, variables: Mapping[str, str]) -> None:
    subprocess.run(
        _enrich_command(file),
        check=True,
        cwd=ROOT,
        env={**os.environ, **variables},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )


def _fsyncs(count: int) -> float | None:
    """Return the fsyncs of server and workers for a company; None where strace is missing.

    In a round of its own, since tracing slows down what it traces.
    """
    strace = shutil.which("strace")
    if strace is None:
        return None
    with (
        _seller() as seller,
        tempfile.TemporaryDirectory() as folder,
        _server(durable=True) as url,
        redis.Redis.from_url(url) as client,
    ):
        variables = _variables(Path(folder), url, seller)
        with _all_running(_worker_commands(), variables) as workers:
            _emasai(_names(Path(folder), "warm", WARM_UP), variables)
            info = client.info("server")
            assert isinstance(info, dict)
            pids = [int(info["process_id"]), *(worker.pid for worker in workers)]
            report = Path(folder) / "strace.txt"
            follow = [part for pid in pids for part in ("-p", str(pid))]
            trace = ["-f", "-c", "-e", "trace=fsync,fdatasync", "-o", str(report)]
            tracing = subprocess.Popen([strace, *trace, *follow], stderr=subprocess.DEVNULL)
            _emasai(_names(Path(folder), "bench", count), variables)
            tracing.terminate()
            tracing.wait()
            calls = re.findall(
                r"^\s*[\d.]+\s+[\d.]+\s+\d+\s+(\d+).*sync$", report.read_text(), re.MULTILINE
            )
    return sum(map(int, calls)) / count


async def _bare(seller: _Seller, count: int) -> Run:
    """One process, one client, 200 calls at once, nothing kept."""
    code = (
        "import asyncio, sys, aiohttp, uvloop\n"
        "async def main(url, count):\n"
        "    limit = asyncio.Semaphore(200)\n"
        "    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as http:\n"
        "        async def buy(n):\n"
        "            async with limit, http.post(url, json={'empresa': str(n)}) as answer:\n"
        "                await answer.json()\n"
        "        await asyncio.gather(*(buy(n) for n in range(count)))\n"
        "uvloop.run(main(sys.argv[1], int(sys.argv[2])))\n"
    )
    seller.reset()
    began = perf_counter()
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", code, f"{seller.url}/enrich", str(count))
    )
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    stats = await asyncio.to_thread(seller.wait_for, count)
    await process.wait()
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return Run(
        rate=count / (stats["last"] - stats["first"] + DELAY_MS / 1000),
        cpu_ms=cpu / count * 1000,
        commands=0,
        seconds=perf_counter() - began,
    )
