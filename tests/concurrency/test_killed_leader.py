"""The leader dies, or stands still, in the middle of a load."""

import asyncio
import signal

from redis.asyncio import Redis

from tests.concurrency.conftest import Actor, Stage
from tests.support.loading import KEY

LEASE_MS = 600


async def _lead_and_follow(stage: Stage) -> tuple[Actor, Actor]:
    """Let one process lead and another follow it."""
    leader = await stage.enter("leader", waits=True, lease_ms=LEASE_MS)
    follower = await stage.enter("follower", callers=10, waits=True, lease_ms=LEASE_MS)
    leader.cue()
    await stage.loading("leader")
    follower.cue()
    return leader, follower


async def test_a_follower_takes_over_from_a_killed_leader(stage: Stage) -> None:
    """After `kill -9` one follower loads, and reads what the dead leader had written down."""
    leader, follower = await _lead_and_follow(stage)

    leader.process.kill()
    await stage.loading("leader", "follower")
    await stage.tell(follower)
    outcomes = await follower.outcomes()

    assert await stage.loads() == ["leader", "follower"]
    assert {outcome["record"] for outcome in outcomes} == {"leader"}
    assert [outcome["source"] for outcome in outcomes].count("bought") == 1


async def test_of_many_followers_in_many_processes_one_takes_over(stage: Stage) -> None:
    """The death of a leader does not become a stampede."""
    leader = await stage.enter("leader", waits=True, lease_ms=LEASE_MS)
    leader.cue()
    await stage.loading("leader")
    followers = [
        await stage.enter(f"f{n}", callers=20, takes_ms=100, lease_ms=LEASE_MS) for n in range(3)
    ]
    for follower in followers:
        follower.cue()

    leader.process.kill()
    gathered = await asyncio.gather(*(f.outcomes() for f in followers))
    outcomes = [outcome for outcomes in gathered for outcome in outcomes]

    assert len(await stage.loads()) == 2
    assert len(outcomes) == 60
    assert len({outcome["by"] for outcome in outcomes}) == 1


async def test_a_leader_that_stood_still_may_not_write_late(
    stage: Stage, memo_redis: Redis
) -> None:
    """Stopped beyond its lease and woken after the follower's commit: the entry stays."""
    leader, follower = await _lead_and_follow(stage)
    leader.process.send_signal(signal.SIGSTOP)
    await stage.tell(leader)  # it goes on as soon as it is woken

    await stage.loading("leader", "follower")
    await stage.tell(follower)
    followed = await follower.outcomes()
    stored = await memo_redis.get(KEY)
    leader.process.send_signal(signal.SIGCONT)
    (late,) = await leader.outcomes()

    assert late["by"] == "leader"  # its own caller gets what it was paid for
    assert {outcome["by"] for outcome in followed} == {"follower"}
    assert await memo_redis.get(KEY) == stored
