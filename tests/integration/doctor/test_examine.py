"""The whole examination, on servers that are well, broken, or gone."""

from collections.abc import Sequence
from pathlib import Path

import pytest
from redis.asyncio import Redis

from orchestrator.doctor import Finding, Level, examine
from orchestrator.embedded.servers import Valkey
from orchestrator.infra.counters import Counters
from orchestrator.settings import load
from tests.support.async_waiting import eventually
from tests.support.crew import crew_of
from tests.support.valkey import client_of

Variables = dict[str, str]


def troubles(findings: Sequence[Finding]) -> list[tuple[str, Level]]:
    """Return what is not well, without the words."""
    return [(each.check, each.level) for each in findings if each.level is not Level.OK]


NO_WORKER = ("workers", Level.WARNING)


async def test_an_installation_that_is_well_has_only_its_missing_worker(
    variables: Variables, tmp_path: Path
) -> None:
    """Each part is examined and found well; that nobody works is a warning."""
    findings = await examine(load(**variables), folder=tmp_path)

    assert troubles(findings) == [NO_WORKER]
    checks = {finding.check.split(" ")[0] for finding in findings}
    assert checks == {
        *("settings", "python", "folder", "policy", "database"),
        *("redis", "clock", "broker", "unanswered", "workers", "lane", "paused", "handover"),
        *("refused", "job", "surfsense", "hit", "budget"),
    }


async def test_a_worker_that_listens_is_counted(variables: Variables, tmp_path: Path) -> None:
    """A real worker gives signs of life, and the installation is well altogether."""

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

    findings = await examine(load(**variables))

    (weakness,) = [finding for finding in findings if words in finding.what]
    assert weakness.level is Level.FAULT
    assert name in (weakness.fix or "")


async def test_a_server_that_is_gone_is_one_fault_for_all_its_databases(
    variables: Variables, valkey: Valkey
) -> None:
    """The fault names server and variable; what rests on it says that it is unknown."""
    valkey.child.end()

    findings = await examine(load(**variables))

    assert troubles(findings) == [
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
async def test_what_a_setting_breaks_is_found_without_its_secrets(
    variables: Variables, valkey: Valkey, change: Variables, check: str, words: str
) -> None:
    """Each is a fault with a fix; no password is in any finding."""
    server = valkey.url.rpartition("@")[2]
    changed = {name: url.format(url=valkey.url, server=server) for name, url in change.items()}

    findings = await examine(load(**{**variables, **changed}))

    (broken,) = [each for each in findings if each.check == check.format(server=server)]
    assert broken.level is Level.FAULT
    assert words in broken.what
    assert broken.fix
    assert "S3CRET" not in repr(findings)
    assert valkey.url not in repr(findings)


async def test_a_database_without_tables_is_one_fault(variables: Variables, tmp_path: Path) -> None:
    """As on the first day: what rests on it has nothing to say, and nothing is a fault."""
    empty = {**variables, "DATABASE_URL": f"sqlite:///{tmp_path}/empty.db"}

    findings = await examine(load(**empty))

    assert troubles(findings) == [("database", Level.FAULT), NO_WORKER]


async def test_the_sandbox_in_a_configured_installation_is_a_warning(variables: Variables) -> None:
    """Settings that say "simulated" are repeated, so that nobody relies on invented data."""
    findings = await examine(load(**variables, EMASAI_SIMULATED="true"))

    assert troubles(findings) == [NO_WORKER, ("surfsense", Level.WARNING)]


async def test_a_low_hit_rate_of_the_fleet_is_a_warning(
    variables: Variables, valkey: Valkey
) -> None:
    """The counters of all processes are judged."""
    async with client_of(valkey, 3) as redis:
        counters = Counters(redis)
        counters.add("cache.surfsense.miss", 30)
        counters.add("cache.surfsense.hit", 10)
        await counters.aclose()

    findings = await examine(load(**variables))

    (rate,) = [finding for finding in findings if finding.check == "hit rate surfsense"]
    assert rate.level is Level.WARNING
    assert rate.what == "25% of 40 lookups in the last 7 days"


async def test_every_missing_setting_is_found_at_once(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Without settings each fault is listed, and what needs none is examined still."""
    monkeypatch.setenv("DATABASE_URL", "mysql://me:S3CRET@db/x")

    findings = await examine(folder=tmp_path)

    assert troubles(findings) == [("settings", Level.FAULT)] * 3
    assert [finding.check for finding in findings[3:]] == ["python", "folder"]
    assert "S3CRET" not in repr(findings)
