"""The one way in for work, on the whole object graph with a notifier of the test."""

import asyncio
from dataclasses import replace
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from orchestrator.app import Runtime, build, load_pipeline
from orchestrator.cli.session import follow
from orchestrator.dispatch import FIRST_WAKE_UPS, command, submit
from orchestrator.infra.redis_client import StoreFull
from orchestrator.jobs import Command, JobGone, JobKind, JobState, KeyReused, NewJob
from orchestrator.jobs.model import RemovedJob, UnreadableJob
from orchestrator.purchasing import run_account
from orchestrator.settings import ConfigurationError, Settings
from tests.support.notifier import FakeNotifier

NEW = NewJob(JobKind.ENRICH, ("Acme", "Beta", "Gamma"), "default")


@pytest.fixture
def database(database_url: str) -> str:
    """Return the URL of a migrated database, of each kind in turn."""
    return database_url


async def test_accepted_work_is_announced(runtime: Runtime, notifier: FakeNotifier) -> None:
    """The record exists before any worker is woken."""
    job = await submit(runtime, NEW)

    assert notifier.notified == ["pipeline", "pipeline"]
    assert await runtime.jobs.records.job(job.job_id) == job


async def test_the_number_of_wake_ups_does_not_grow_with_the_job(
    runtime: Runtime, notifier: FakeNotifier
) -> None:
    """A large job sends few wake-ups; the worker that takes its work sends more."""
    await submit(runtime, NewJob(JobKind.ENRICH, tuple(map(str, range(200))), "default"))

    assert len(notifier.notified) == FIRST_WAKE_UPS


async def test_the_same_work_twice_is_one_job(runtime: Runtime, notifier: FakeNotifier) -> None:
    """A repeated request while it is being worked on gets the same job."""
    jobs = await asyncio.gather(*(submit(runtime, NEW) for _ in range(5)))

    assert len({job.job_id for job in jobs}) == 1
    assert len(notifier.notified) == 2


async def test_a_key_leads_to_its_job_also_after_the_end(runtime: Runtime) -> None:
    """The same key and the same request are the same job; without it, new work."""
    first = await submit(runtime, NEW, idempotency_key="k")
    await runtime.jobs.records.command(first.job_id, Command.CANCEL)

    again = await submit(runtime, NEW, idempotency_key="k")
    without = await submit(runtime, NEW)

    assert again.job_id == first.job_id
    assert again.state is JobState.CANCELLED
    assert without.job_id != first.job_id


async def test_a_key_is_good_for_one_request(runtime: Runtime) -> None:
    """Another request under a used key is refused, of another tenant it is a key of its own."""
    await submit(runtime, NEW, idempotency_key="k")

    with pytest.raises(KeyReused, match="another request"):
        await submit(runtime, replace(NEW, items=("Delta",)), idempotency_key="k")
    await submit(runtime, replace(NEW, tenant="other"), idempotency_key="k")


async def test_a_key_whose_job_is_gone_leads_to_new_work(runtime: Runtime) -> None:
    """What was removed, or lost with its server, cannot answer; the request is accepted again."""
    first = await submit(runtime, NEW, idempotency_key="k")
    redis = runtime.backends.jobs_redis
    await redis.delete(*[key async for key in redis.scan_iter(f"jobs1:*{first.job_id}*")])

    again = await submit(runtime, NEW, idempotency_key="k")

    assert again.job_id != first.job_id
    assert await runtime.jobs.records.job(again.job_id) == again


async def test_commands_reach_the_record(runtime: Runtime, notifier: FakeNotifier) -> None:
    """Pausing and resuming say where the job is then; resuming wakes workers."""
    job = await submit(runtime, NEW)
    notifier.notified.clear()

    states = [
        found and found.state
        for wanted in (Command.PAUSE, Command.PAUSE, Command.RESUME, Command.CANCEL, Command.RESUME)
        for found in [await command(runtime, job.job_id, wanted)]
    ]

    assert states == [
        JobState.PAUSED,
        JobState.PAUSED,
        JobState.RUNNING,
        JobState.CANCELLED,
        JobState.CANCELLED,
    ]
    assert notifier.notified == ["pipeline", "pipeline"]
    assert await command(runtime, "unknown", Command.PAUSE) is None


async def test_a_cap_is_there_before_the_job_can_be_seen(runtime: Runtime) -> None:
    """The first worker is bound by it already."""
    job = await submit(runtime, NewJob(JobKind.ENRICH, ("Acme",), "default", max_cost_micros=9))

    account = await runtime.purchasing.budget.account(run_account(job.job_id))
    assert account.cap_micros == 9
    assert job.context.capped


async def test_nothing_to_do_is_done(runtime: Runtime, notifier: FakeNotifier) -> None:
    """An empty list is accepted, wakes no worker, and is finished."""
    job = await submit(runtime, NewJob(JobKind.PIPELINE, (), "default"))

    assert job.finished_at is not None
    assert notifier.notified == []


async def test_a_policy_file_that_is_missing_or_wrong_is_a_configuration_error(
    settings: Settings, tmp_path: Path
) -> None:
    """The process says at its start what is wrong, and with which file."""
    file = tmp_path / "policy.toml"

    def loaded() -> None:
        load_pipeline(settings.model_copy(update={"policy_file": file}))

    with pytest.raises(ConfigurationError, match=r"EMASAI_POLICY_FILE: .* cannot be read"):
        loaded()
    file.write_text("[weights]\nnonsense = 'x'\n")
    with pytest.raises(ConfigurationError, match=r"policy\.toml: "):
        loaded()


async def test_the_shipped_policy_is_the_default(settings: Settings) -> None:
    """Nothing has to be configured."""
    assert load_pipeline(settings).version


class Broken(FakeNotifier):
    """Fails with an unexpected error."""

    async def notify(self, lane: str, times: int = 1) -> None:
        """Fail."""
        raise ValueError(lane, times)


class Slow(FakeNotifier):
    """Takes its time: its broker does not answer."""

    async def notify(self, lane: str, times: int = 1) -> None:
        """Never return."""
        del lane, times
        await asyncio.Event().wait()


@pytest.mark.parametrize("notifier_kind", [Broken, Slow])
async def test_a_failing_notifier_does_not_refuse_the_job(
    settings: Settings, notifier_kind: type[FakeNotifier]
) -> None:
    """The job is accepted; what keeps it from being announced is logged by its class."""
    async with build(settings, notifier=notifier_kind()) as runtime:
        with capture_logs() as logs:
            job = await submit(runtime, NewJob(JobKind.ENRICH, ("Acme",), "acme"))

        assert await runtime.jobs.records.active() == [job.job_id]
    (line,) = (line for line in logs if line["event"] == "wake_up.not_sent")
    assert line["error"] in {"ValueError", "TimeoutError"}


async def test_a_caller_that_waits_learns_that_the_record_is_gone(
    runtime: Runtime,
) -> None:
    """Redis was emptied, or has failed over: nothing would ever come."""
    job = await submit(runtime, NEW)
    waiting = asyncio.create_task(follow(runtime, job, quiet=True))
    await asyncio.sleep(0)
    await runtime.backends.jobs_redis.flushdb()

    with pytest.raises(JobGone, match=r"no longer exists.*submit the same work again"):
        await waiting


async def test_an_unreadable_job_is_cancelled_by_removing_it(runtime: Runtime) -> None:
    """It cannot be paused, and that is said; nothing of it is left in any list."""
    job = await submit(runtime, NEW)
    await runtime.backends.jobs_redis.hset(f"jobs1:{job.job_id}", "lane", b"\xff")

    with pytest.raises(UnreadableJob, match=f"emasai jobs cancel {job.job_id}"):
        await command(runtime, job.job_id, Command.PAUSE)
    with pytest.raises(RemovedJob, match="it was removed"):
        await command(runtime, job.job_id, Command.CANCEL)

    assert await command(runtime, job.job_id, Command.CANCEL) is None
    assert await runtime.jobs.records.active() == []


async def test_what_was_stored_of_a_job_that_is_refused_at_the_end_is_dropped(
    runtime: Runtime, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It would live as long as a job, and would never be read."""

    async def refuse(*_: object, **__: object) -> str:
        raise StoreFull("job accept")

    monkeypatch.setattr("orchestrator.jobs.UnsealedJob.seal", refuse)

    with pytest.raises(StoreFull):
        await submit(runtime, NEW)

    assert await runtime.backends.jobs_redis.keys("jobs1:*") == []
