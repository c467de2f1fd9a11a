"""The one way in for work, on the whole object graph with a doorbell of the test's."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from orchestrator.bootstrap import Runtime, build, load_policy
from orchestrator.dispatch import submit
from orchestrator.embedded.valkey import Valkey
from orchestrator.jobs import JobKind, NewJob
from orchestrator.settings import ConfigurationError, Settings, load
from orchestrator.spend import run_account
from tests.support.bells import FakeDoorbell

NEW = NewJob(JobKind.ENRICH, ("Acme", "Beta", "Gamma"), "default")


@pytest.fixture
def settings(shared_valkey: Valkey, tmp_path: Path) -> Settings:
    """Return the settings of an installation whose SurfSense is never called."""
    return load(
        REDIS_URL=f"{shared_valkey.url}/1",
        DATABASE_URL=f"sqlite:///{tmp_path}/emasai.db",
        SURFSENSE_URL="http://127.0.0.1:1",
        EMASAI_CHUNK_SIZE="2",
    )


@pytest.fixture
def doorbell() -> FakeDoorbell:
    """Return the doorbell."""
    return FakeDoorbell()


@pytest.fixture
async def runtime(settings: Settings, doorbell: FakeDoorbell) -> AsyncIterator[Runtime]:
    """Return what every door gets."""
    async with build(settings, doorbell=doorbell) as runtime:
        yield runtime


async def test_work_is_accepted_and_rung_for(runtime: Runtime, doorbell: FakeDoorbell) -> None:
    """Each chunk is announced once; the record is there before."""
    job = await submit(runtime, NEW)

    assert doorbell.rings == [(job.job_id, 0), (job.job_id, 1)]
    assert await runtime.records.job(job.job_id) == job


async def test_the_same_work_twice_is_one_job(runtime: Runtime, doorbell: FakeDoorbell) -> None:
    """Whoever asks again while it is being worked on gets the job that there is."""
    jobs = await asyncio.gather(*(submit(runtime, NEW) for _ in range(5)))

    assert len({job.job_id for job in jobs}) == 1
    assert len(doorbell.rings) == 2


async def test_a_cap_is_there_before_the_job_can_be_seen(runtime: Runtime) -> None:
    """The first worker is bound by it already."""
    job = await submit(runtime, NewJob(JobKind.ENRICH, ("Acme",), "default", max_cost_micros=9))

    account = await runtime.budget.account(run_account(job.job_id))
    assert account.cap_micros == 9
    assert job.context.capped


async def test_nothing_to_do_is_done(runtime: Runtime, doorbell: FakeDoorbell) -> None:
    """An empty list is accepted, rings for nobody, and is finished."""
    job = await submit(runtime, NewJob(JobKind.PIPELINE, (), "default"))

    assert job.finished_at is not None
    assert doorbell.rings == []


async def test_a_policy_file_that_is_missing_or_wrong_is_a_configuration_error(
    settings: Settings, tmp_path: Path
) -> None:
    """The process says at its start what is wrong, and with which file."""
    file = tmp_path / "policy.toml"

    def loaded() -> None:
        load_policy(settings.model_copy(update={"policy_file": file}))

    with pytest.raises(ConfigurationError, match=r"EMASAI_POLICY_FILE: .* cannot be read"):
        loaded()
    file.write_text("[weights]\nnonsense = 'x'\n")
    with pytest.raises(ConfigurationError, match=r"policy\.toml: "):
        loaded()


async def test_the_shipped_policy_is_the_default(settings: Settings) -> None:
    """Nothing has to be configured."""
    assert load_policy(settings).version
