"""One gate for many processes, some of which stop, and a server that dies meanwhile."""

import asyncio
import contextlib
import os
import signal
from datetime import timedelta
from pathlib import Path

from redis.asyncio import Redis

from orchestrator.embedded.stack import Valkey
from orchestrator.surfsense import Rate
from tests.support.children import Children, ForkedChild
from tests.support.valkey import bring_back, kill, running_valkey

#: 20 calls a second.
PER_MINUTE = 1200
_US = timedelta(microseconds=1)


async def _start(children: Children, server: Valkey, callers: int, calls: int) -> ForkedChild:
    arguments = (f"{server.url}/3", str(callers), str(calls), str(PER_MINUTE))
    process = await children.fork("tests.support.pace_process", *arguments, ready=b"ready")
    process.stdin.write(b"go\n")
    return process


async def _times(process: ForkedChild) -> list[int]:
    """Return the times of the calls of a process that has ended as it should."""
    *times, last = (await process.stdout.read()).split()
    assert last == b"done"
    return [int(time) for time in times]


def _assert_paced(times: list[int]) -> None:
    """Fail if calls came faster than the gate allows, over any stretch."""
    rate = Rate(PER_MINUTE)
    spacing_us = rate.spacing // _US
    # When the schedule has caught up with all calls so far.
    caught_up_us = 0
    for time in sorted(times):
        assert time >= caught_up_us - (rate.burst - 1) * spacing_us
        caught_up_us = max(time, caught_up_us) + spacing_us
    assert len(set(times)) == len(times)


async def test_eight_processes_keep_to_one_rate(shared_valkey: Valkey, children: Children) -> None:
    """Eight processes with ten callers each use what one of them could, and each gets some."""
    processes = await asyncio.gather(*(_start(children, shared_valkey, 10, 12) for _ in range(8)))

    times = [await _times(process) for process in processes]

    assert [len(each) for each in times] == [12] * 8
    _assert_paced([time for each in times for time in each])


async def _printed(process: ForkedChild) -> list[int]:
    """Return the times that a process has printed by now; it stands still."""
    times = []
    with contextlib.suppress(TimeoutError):
        while True:
            async with asyncio.timeout(0.2):
                times.append(int(await process.stdout.readline()))
    return times


async def test_a_process_that_stood_still_sends_no_burst(
    shared_valkey: Valkey, children: Children, jobs_redis: Redis
) -> None:
    """After `SIGSTOP` it has one call at most in hand; all its later ones get times anew."""
    stopped, other = await asyncio.gather(
        *(_start(children, shared_valkey, 10, 25) for _ in range(2))
    )
    first = int(await stopped.stdout.readline())

    os.kill(stopped.pid, signal.SIGSTOP)
    early = [first, *await _printed(stopped)]
    others = await _times(other)
    await asyncio.sleep(2 * Rate(PER_MINUTE).late.total_seconds())
    seconds, micros = await jobs_redis.time()
    os.kill(stopped.pid, signal.SIGCONT)
    woken = await _times(stopped)

    assert len(early) + len(woken) == len(others) == 25
    assert len([time for time in woken if time < seconds * 1_000_000 + micros]) <= 1
    _assert_paced([*early, *woken, *others])


async def test_a_server_that_dies_loses_no_call_and_allows_no_burst(
    tmp_path: Path, children: Children
) -> None:
    """Callers wait until it is back; the schedule goes on where it was."""
    with running_valkey(tmp_path) as server:
        processes = await asyncio.gather(*(_start(children, server, 5, 20) for _ in range(2)))
        first = [int(await process.stdout.readline()) for process in processes]

        await asyncio.to_thread(kill, server)
        await asyncio.to_thread(bring_back, server)
        rest = [time for process in processes for time in await _times(process)]

        assert len(rest) == 38
        _assert_paced([*first, *rest])
