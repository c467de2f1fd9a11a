"""The doctor looks at a system that is at work, on real servers with a real worker."""

from pathlib import Path
from time import time
from uuid import uuid4

from orchestrator.doctor import Finding, Level, examine
from orchestrator.embedded.servers import Valkey
from orchestrator.jobs import Command, JobKind, NewJob
from orchestrator.settings import load
from tests.support.async_waiting import eventually
from tests.support.crew import PATIENCE_S, crew_of
from tests.support.job_records import AcceptingRecords
from tests.support.valkey import client_of

Variables = dict[str, str]


async def _troubles(variables: Variables) -> dict[str, Finding]:
    found = await examine(load(**variables))
    return {each.check: each for each in found if each.level is not Level.OK}


async def test_a_worker_that_was_started_otherwise_than_meant_is_told(
    variables: Variables, tmp_path: Path
) -> None:
    """It leaves lanes to nobody, and its command line overrules the profile."""
    with crew_of(variables, tmp_path) as crew:
        crew.start("odd", "-Q", "refresh", "--prefetch-multiplier", "4")

        async def is_seen() -> bool:
            return "worker odd@test" in await _troubles(variables)

        await eventually(is_seen, "its heartbeat is seen", within_s=PATIENCE_S)
        found = await _troubles(variables)

    assert set(found) == {"worker odd@test", "lane interactive", "lane pipeline"}
    assert "worker_prefetch_multiplier" in found["worker odd@test"].what
    assert found["lane pipeline"].level is Level.FAULT
    assert "-Q pipeline" in (found["lane pipeline"].fix or "")


async def test_what_was_forgotten_is_told(variables: Variables, valkey: Valkey) -> None:
    """A paused job, and a message that a worker took an hour ago."""
    settings = load(**variables)
    async with client_of(valkey, 3) as jobs, client_of(valkey, 2) as broker:
        records = AcceptingRecords(jobs, ttl=settings.job_ttl)
        new = NewJob(JobKind.ENRICH, ("Acme",), "default")
        job = await records.accept(uuid4().hex, new, chunk_size=1)
        await records.command(job.job_id, Command.PAUSE)
        await broker.zadd("unacked_index", {"tag": time() - 3600})
        found = await _troubles(variables)
        await broker.delete("unacked_index")

    assert job.job_id in found["paused jobs"].what
    assert "1 messages" in found["unanswered messages"].what
