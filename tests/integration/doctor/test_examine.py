"""The whole examination, on servers that are healthy, broken or unavailable."""

from collections.abc import Sequence
from pathlib import Path
from time import time
from uuid import uuid4

import pytest
from redis.asyncio import Redis

from orchestrator.doctor import Diagnosis, Level
from orchestrator.doctor.examine import examine
from orchestrator.embedded.stack import Valkey
from orchestrator.infra.counters import Counters
from orchestrator.jobs import Command, JobKind, NewJob
from orchestrator.settings import load
from tests.support.async_waiting import eventually
from tests.support.crew import PATIENCE_S, crew_of
from tests.support.job_records import AcceptingRecords
from tests.support.valkey import client_of

Variables = dict[str, str]


def troubles(diagnoses: Sequence[Diagnosis]) -> list[tuple[str, Level]]:
    """Return the diagnoses that need action, without their texts and that of the sandbox."""
    return [
        (each.check, each.level)
        for each in diagnoses
        if each.level is not Level.OK and "is the sandbox" not in each.what
    ]


NO_WORKER = ("workers", Level.WARNING)


async def test_a_healthy_installation_lacks_only_a_worker(
    variables: Variables, tmp_path: Path
) -> None:
    """Each check passes; the missing worker is a warning."""
    diagnoses = await examine(load(**variables), folder=tmp_path)

    assert troubles(diagnoses) == [NO_WORKER]
    checks = {diagnosis.check.split(" ")[0] for diagnosis in diagnoses}
    assert checks == {
        *("settings", "python", "folder", "policy", "database"),
        *("redis", "clock", "broker", "unanswered", "workers", "lane", "paused", "handover"),
        *("refused", "job", "surfsense", "hit", "budget"),
    }


async def test_a_worker_that_listens_is_counted(variables: Variables, tmp_path: Path) -> None:
    """With the heartbeat of a real worker, no diagnosis needs action."""

    async def is_well() -> bool:
        return not troubles(await examine(load(**variables)))

    with crew_of(variables, tmp_path) as crew:
        crew.start("worker")
        await eventually(is_well, "the worker is seen")


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("maxmemory-policy", "allkeys-lru", "evicts keys"),
        ("appendonly", "no", "forgets acknowledged work"),
        ("appendfsync", "no", "appendfsync no"),
        ("maxmemory", "1mb", "will soon refuse to write"),
    ],
)
async def test_a_weakened_server_is_found(
    variables: Variables, server: Redis, name: str, value: str, words: str
) -> None:
    """Each setting that loses work is one fault about the server as a whole."""
    await server.config_set(name, value)

    diagnoses = await examine(load(**variables))

    (weakness,) = [diagnosis for diagnosis in diagnoses if words in diagnosis.what]
    assert weakness.level is Level.FAULT
    assert name in (weakness.fix or "")


async def test_an_unavailable_server_is_one_fault_for_all_its_databases(
    variables: Variables, valkey: Valkey
) -> None:
    """The fault names server and variable; dependent checks report that they are unknown."""
    valkey.child.end()

    diagnoses = await examine(load(**variables))

    assert troubles(diagnoses) == [
        (f"redis {valkey.url.rpartition('@')[2]}/1", Level.FAULT),
        ("broker", Level.FAULT),
        NO_WORKER,
        ("hit rate", Level.WARNING),
        ("budget", Level.WARNING),
    ]


@pytest.mark.parametrize(
    ("change", "check", "words"),
    [
        ({"REDIS_URL": "redis://:S3CRET@{server}/1"}, "redis {server}/1", "refuses the password"),
        ({"REDIS_URL": "{url}/99"}, "redis {server}/99", "has no database 99"),
        ({"GATEWAY_REDIS_URL": "{url}/1"}, "redis databases", "memo and gateway share"),
        ({"SURFSENSE_URL": "http://127.0.0.1:9?key=S3CRET"}, "surfsense", "cannot be reached"),
        ({"DATABASE_URL": "postgresql://me:S3CRET@127.0.0.1:9/x"}, "database", "does not answer"),
        ({"CELERY_BROKER_URL": "amqp://me:S3CRET@127.0.0.1:9//"}, "broker", "cannot be reached"),
    ],
)
async def test_a_broken_setting_is_reported_without_its_secrets(
    variables: Variables, valkey: Valkey, change: Variables, check: str, words: str
) -> None:
    """Each is a fault with a fix; no password is in any diagnosis."""
    server = valkey.url.rpartition("@")[2]
    changed = {name: url.format(url=valkey.url, server=server) for name, url in change.items()}

    diagnoses = await examine(load(**{**variables, **changed}))

    (broken,) = [each for each in diagnoses if each.check == check.format(server=server)]
    assert broken.level is Level.FAULT
    assert words in broken.what
    assert broken.fix
    assert "S3CRET" not in repr(diagnoses)
    assert valkey.url not in repr(diagnoses)


async def test_a_database_without_tables_is_one_fault(variables: Variables, tmp_path: Path) -> None:
    """As on the first day: dependent checks report nothing."""
    empty = {**variables, "DATABASE_URL": f"sqlite:///{tmp_path}/empty.db"}

    diagnoses = await examine(load(**empty))

    assert troubles(diagnoses) == [("database", Level.FAULT), NO_WORKER]


async def test_the_sandbox_in_a_configured_installation_is_a_warning(variables: Variables) -> None:
    """The doctor says that data is simulated, so that no decision relies on it."""
    diagnoses = {each.check: each for each in await examine(load(**variables))}

    assert diagnoses["surfsense"].level is Level.WARNING
    assert "its data is invented" in diagnoses["surfsense"].what


async def test_a_low_hit_rate_of_the_fleet_is_a_warning(
    variables: Variables, valkey: Valkey
) -> None:
    """The counters of all processes are judged."""
    async with client_of(valkey, 3) as redis:
        counters = Counters(redis)
        counters.add("cache.surfsense.miss", 30)
        counters.add("cache.surfsense.hit", 10)
        await counters.aclose()

    diagnoses = await examine(load(**variables))

    (rate,) = [diagnosis for diagnosis in diagnoses if diagnosis.check == "hit rate surfsense"]
    assert rate.level is Level.WARNING
    assert rate.what == "25% of 40 lookups in the last 7 days"


async def test_every_missing_setting_is_found_at_once(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Each missing setting is listed, and the checks that need none still run."""
    monkeypatch.setenv("DATABASE_URL", "mysql://me:S3CRET@db/x")

    diagnoses = await examine(folder=tmp_path)

    assert troubles(diagnoses) == [("settings", Level.FAULT)] * 3
    assert [diagnosis.check for diagnosis in diagnoses[3:]] == ["python", "folder"]
    assert "S3CRET" not in repr(diagnoses)


async def _troubles(variables: Variables) -> dict[str, Diagnosis]:
    found = await examine(load(**variables))
    return {each.check: each for each in found if (each.check, each.level) in troubles(found)}


async def test_a_worker_with_other_options_is_reported(
    variables: Variables, tmp_path: Path
) -> None:
    """It serves only one lane, and its command line overrules the profile."""
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


async def test_a_paused_job_and_an_old_message_are_reported(
    variables: Variables, valkey: Valkey
) -> None:
    """The message was delivered an hour ago."""
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
