"""Any order of events in the life of a few jobs, against a model of what the scripts promise.

Workers take chunks, report items, let go, vanish, and come back as if nothing had been; people
pause, resume and cancel; clients ask for the same again. What is checked: no item counts twice,
none is lost, the counts add up, and states move along the documented arrows only.
"""

import asyncio
from collections import Counter
from collections.abc import Awaitable, Iterator
from dataclasses import dataclass
from datetime import timedelta
from typing import TypeVar

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    Bundle,
    RuleBasedStateMachine,
    initialize,
    invariant,
    multiple,
    rule,
    run_state_machine_as_test,
)
from redis.asyncio import Redis

from orchestrator.embedded.stack import Valkey
from orchestrator.infra.redis_client import load_script, open_redis
from orchestrator.jobs import Command, JobKind, JobState, Lane, NewJob, Report
from orchestrator.jobs.stored import ROOT, JobKeys, LaneKeys
from tests.support.job_model import ARROWS, CHUNK, DEADLINE, JobsModel, ModelJob, Place
from tests.support.job_records import AcceptingRecords, work_digest

T = TypeVar("T")
TTL_MS = 3_600_000
#: Longer than a run: what lapses here is made to.
LEASE_MS = 600_000
LANES = st.sampled_from([Lane.INTERACTIVE, Lane.PIPELINE])
#: What a caller may ask for: items, tenant, lane. Equal ones are equal work.
ORDERS = st.tuples(st.sampled_from([0, 1, 2, 3, 5]), st.sampled_from("ab"), LANES)


@dataclass(frozen=True, slots=True)
class Taken:
    """A chunk as its taker knows it: not whether it has been taken away since."""

    job_id: str
    number: int
    token: str


class Jobs(RuleBasedStateMachine):
    """A few jobs on a real server, beside their model."""

    runner: asyncio.Runner
    redis: Redis

    jobs = Bundle("jobs")
    chunks = Bundle("chunks")

    @initialize()
    def start(self) -> None:
        """Begin with no jobs."""
        self.run(self.redis.flushdb())
        self.records = AcceptingRecords(self.redis, ttl=timedelta(milliseconds=TTL_MS))
        self.take_script = load_script(self.redis, "orchestrator.jobs", "job", "take")
        self.finish_script = load_script(self.redis, "orchestrator.jobs", "job", "finish")
        self.renew_script = load_script(self.redis, "orchestrator.jobs", "renew")
        self.model = JobsModel()
        self.seen: dict[str, JobState] = {}
        self.serial = 0

    def run(self, work: Awaitable[T]) -> T:
        """Wait for the server."""
        return self.runner.run(_awaited(work))

    @rule(target=jobs, order=ORDERS)
    def submit(self, order: tuple[int, str, Lane]) -> str:
        """Equal work that is not finished is the same job."""
        count, tenant, lane = order
        self.serial += 1
        job_id = f"j{self.serial:04}"
        new = NewJob(JobKind.ENRICH, tuple(map(str, range(count))), tenant, lane=lane)
        job = self.run(self.records.accept(job_id, new, chunk_size=CHUNK))
        expected = self.model.accept(ModelJob(job_id, work_digest(new), tenant, lane, count))
        assert job.job_id == expected
        return job.job_id

    @rule(target=chunks, lane=LANES, wake_ups=st.integers(1, 2))
    def wake(self, lane: Lane, wake_ups: int) -> object:
        """Each wake-up brings a taker, a doubled one two: each gets another chunk, or none."""
        taken = [self.take(lane) for _ in range(wake_ups)]
        return multiple(*(each for each in taken if each is not None))

    def take(self, lane: Lane) -> Taken | None:
        """Take the next chunk; what it may be is for the model to say."""
        self.serial += 1
        token = f"t{self.serial}"
        got = self.run(self.take_script(keys=[ROOT], args=[TTL_MS, lane, token, LEASE_MS]))
        self.model.look_after(lane)
        possible = self.model.next_chunks(lane)
        if got is None:
            assert possible == {}
            return None
        job_id, (number, losses, more, failures) = got[0].decode(), got[1:5]
        assert failures == 0
        assert (job_id, number) in possible
        assert losses == self.model.take(job_id, number, token).losses
        # It may promise too much, of jobs that have gone from the line; never too little.
        assert more or self.model.next_chunks(lane) == {}
        return Taken(job_id, number, token)

    @rule(taken=chunks, item=st.integers(0, CHUNK - 1), outcome=st.sampled_from(["", "", DEADLINE]))
    def report(self, taken: Taken, item: int, outcome: str) -> None:
        """An item counts once, whichever worker reports it, and not after its job has ended."""
        job = self.model.jobs[taken.job_id]
        numbers = job.items_of(taken.number)
        number = numbers[min(item, len(numbers) - 1)]
        report = Report({}, failure=outcome or None)
        counted = self.run(self.records.report(job.job_id, number, report))
        assert counted == job.report(number, outcome)

    @rule(taken=chunks)
    def work_through(self, taken: Taken) -> None:
        """All items of the chunk get their results, and it is let go."""
        for item in range(CHUNK):
            self.report(taken, item, "")
        self.let_go(taken, rests=False)

    @rule(taken=chunks, rests=st.booleans())
    def let_go(self, taken: Taken, rests: bool) -> None:  # noqa: FBT001 - drawn by Hypothesis
        """A chunk that is not worked through is handed back by its holder alone."""
        job = self.model.jobs[taken.job_id]
        done = job.is_worked_through(taken.number)
        state = self.run(
            self.finish_script(
                keys=[ROOT],
                args=[
                    *(TTL_MS, job.job_id, taken.number, taken.token),
                    *(int(done), LEASE_MS if rests else 0),
                ],
            )
        )
        job.finish(taken.number, taken.token, rests=rests)
        assert state.decode() == job.state

    @rule(taken=chunks)
    def lease_was_renewed(self, taken: Taken) -> None:
        """When its holder was to be looked after, it turns out to be alive: nothing happens."""
        job = self.model.jobs[taken.job_id]
        if job.chunks[taken.number].token is not None and not job.state.is_final:
            self.look_soon(taken)

    @rule(taken=chunks)
    def renew(self, taken: Taken) -> None:
        """A worker that goes on keeps its chunk; one whose chunk was taken is no lost worker."""
        job = self.model.jobs[taken.job_id]
        if not job.state.is_final:
            lease = JobKeys(job.job_id).chunk_lease(taken.number)
            renewed = self.run(self.renew_script(keys=[lease], args=[taken.token, LEASE_MS]))
            assert renewed == job.renew(taken.number, taken.token)

    @rule(taken=chunks)
    def lease_or_rest_ends(self, taken: Taken) -> None:
        """As when the holder stands still or is dead: it may come back and know nothing of it."""
        job = self.model.jobs[taken.job_id]
        chunk = job.chunks[taken.number]
        if chunk.place in (Place.HELD, Place.RESTING) and not job.state.is_final:
            self.run(self.redis.delete(JobKeys(job.job_id).chunk_lease(taken.number)))
            self.look_soon(taken)
            chunk.token, chunk.is_due = None, True

    def look_soon(self, taken: Taken) -> None:
        """Let the instant come at which a worker that takes work takes an abandoned chunk."""
        held = LaneKeys(self.model.jobs[taken.job_id].lane).held
        self.run(self.redis.zadd(held, {f"{taken.job_id}:{taken.number}": 1}, xx=True))

    @rule(job_id=jobs, command=st.sampled_from(list(Command)))
    def command(self, job_id: str, command: Command) -> None:
        """A command leads where it is documented to lead, or nowhere."""
        state = self.run(self.records.command(job_id, command))
        self.model.jobs[job_id].command(command)
        assert state == self.model.jobs[job_id].state

    @invariant()
    def records_say_what_the_model_says(self) -> None:
        """States, and counts: every result once."""
        for job_id, expected in self.model.jobs.items():
            job = self.run(self.records.job(job_id))
            assert job is not None
            assert job.state is expected.state
            late = Counter(expected.results.values())[DEADLINE]
            assert job.done == len(expected.results)
            assert job.tally.get(f"failed:{DEADLINE}", 0) == late
            before = self.seen.get(job_id, job.state)
            assert job.state is before or job.state in _reachable(before)
            self.seen[job_id] = job.state
        unfinished = [j for j, job in self.model.jobs.items() if not job.state.is_final]
        assert self.run(self.records.active()) == unfinished

    def teardown(self) -> None:
        """Whatever has happened: all vanish but one worker, and nothing is lost."""
        if not hasattr(self, "model"):
            return
        for job in self.model.jobs.values():
            for chunk in job.chunks:
                self.lease_or_rest_ends(Taken(job.job_id, chunk.number, ""))
        self.go_on()  # what paused jobs had in hand is taken back meanwhile
        for job in self.model.jobs.values():
            self.command(job.job_id, Command.RESUME)
        self.go_on()
        self.records_say_what_the_model_says()
        for job in self.model.jobs.values():
            assert job.state.is_final
            assert job.state is JobState.CANCELLED or len(job.results) == job.items

    def go_on(self) -> None:
        """Work through all that may be worked on."""
        for lane in (Lane.INTERACTIVE, Lane.PIPELINE):
            while (taken := self.take(lane)) is not None:
                self.work_through(taken)


def _reachable(state: JobState) -> set[JobState]:
    """Return where one event may lead: a script may go along two arrows in one step."""
    first = ARROWS.get(state, set())
    return first.union(*(ARROWS.get(each, set()) for each in first))


async def _awaited(work: Awaitable[T]) -> T:
    return await work


@pytest.fixture
def machine(shared_valkey: Valkey) -> Iterator[type[Jobs]]:
    """Bind the machine to the server, on a loop of its own."""
    with asyncio.Runner() as runner:

        class Bound(Jobs):
            pass

        Bound.runner, Bound.redis = runner, open_redis(f"{shared_valkey.url}/3")
        yield Bound
        runner.run(_awaited(Bound.redis.flushdb()))
        runner.run(Bound.redis.aclose())


def test_any_order_of_events_keeps_the_promises(machine: type[Jobs]) -> None:
    """No item done twice, none lost, counts that add up, states along the documented arrows."""
    run_state_machine_as_test(
        machine,
        settings=settings(
            max_examples=60,
            stateful_step_count=40,
            # Shrinking on a real server takes minutes; forty steps can be read.
            phases=[Phase.generate],
            deadline=None,
            suppress_health_check=list(HealthCheck),
        ),
    )
