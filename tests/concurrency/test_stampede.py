"""Many processes, one cold key."""

import asyncio
from collections import Counter

from tests.concurrency.conftest import Stage


async def test_a_stampede_from_several_processes_loads_once(stage: Stage) -> None:
    """Of 200 callers in four processes one buys; all get its answer."""
    actors = [await stage.enter(f"p{n}", callers=50, takes_ms=200) for n in range(4)]

    for actor in actors:
        actor.cue()
    gathered = await asyncio.gather(*(actor.outcomes() for actor in actors))
    outcomes = [outcome for outcomes in gathered for outcome in outcomes]

    assert len(await stage.loads()) == 1
    assert len({outcome["by"] for outcome in outcomes}) == 1
    sources = Counter(outcome["source"] for outcome in outcomes)
    assert sources["bought"] == 1
    assert sources["coalesced"] + sources["hit"] == 199
    assert len(outcomes) == 200


async def test_a_failure_reaches_every_process_once(stage: Stage) -> None:
    """Of 80 callers in four processes one tries; all get its typed error."""
    actors = [await stage.enter(f"p{n}", callers=20, takes_ms=200, fails=True) for n in range(4)]

    for actor in actors:
        actor.cue()
    gathered = await asyncio.gather(*(actor.outcomes() for actor in actors))
    outcomes = [outcome for outcomes in gathered for outcome in outcomes]

    (leader,) = await stage.loads()
    assert outcomes == [{"error": leader}] * 80


async def test_processes_with_different_keys_do_not_wait(stage: Stage) -> None:
    """While one company is being bought, another process buys another one."""
    slow, quick = await stage.enter("slow", waits=True), await stage.enter("quick", key="b")
    slow.cue()
    await stage.loading("slow")

    quick.cue()
    (outcome,) = await quick.outcomes()

    assert outcome["source"] == "bought"
    assert slow.process.returncode is None
    await stage.tell(slow)
    await slow.outcomes()
