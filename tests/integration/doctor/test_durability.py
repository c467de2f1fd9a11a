"""Whether intents can be confirmed, found out on real servers."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from redis.asyncio import Redis

from orchestrator.doctor import Finding, Level, examine
from orchestrator.embedded.servers import Valkey
from orchestrator.settings import load
from tests.support.valkey import client_of, follow, running_valkey

Variables = dict[str, str]


@pytest.fixture
async def replica(tmp_path: Path, valkey: Valkey) -> AsyncIterator[Redis]:
    """Let a second server follow the first; return a client through which a test breaks it."""
    with running_valkey(tmp_path / "replica") as replica:
        await follow(valkey, replica)
        async with client_of(replica, 0) as client:
            yield client


async def _intents(variables: Variables, durability: str) -> list[Finding]:
    """Return what the doctor finds about intents, and nothing else."""
    findings = await examine(load(**variables, EMASAI_INTENT_DURABILITY=durability))
    words = ("intent", "nothing is bought", "before its disk has it")
    return [each for each in findings if any(word in each.what for word in words)]


async def test_a_disk_that_is_written_to_at_once_confirms(
    variables: Variables, server: Redis
) -> None:
    """It is well, and what it costs is told."""
    await server.config_set("appendfsync", "always")

    (finding,) = await _intents(variables, "disk")

    assert finding.level is Level.OK
    assert finding.what.startswith("confirms an intent on its disk within ")


async def test_this_valkey_confirms_before_its_disk_has_it(
    variables: Variables, server: Redis
) -> None:
    """As 9.1.2 does with `everysec`; once this fails, it is mended, and decision 12 out of date."""
    await server.config_set("appendfsync", "everysec")

    early, _ = await _intents(variables, "disk")

    assert early.level is Level.FAULT
    assert "before its disk has it" in early.what


@pytest.mark.parametrize(
    ("name", "value"), [("appendonly", "no"), ("appendfsync", "no")], ids=["off", "never"]
)
async def test_a_file_that_is_not_written_confirms_nothing(
    variables: Variables, server: Redis, name: str, value: str
) -> None:
    """Beside the fault of the file itself, the doctor says what it leads to."""
    await server.config_set(name, value)

    (finding,) = await _intents(variables, "disk")

    assert finding.level is Level.FAULT
    assert "nothing is bought" in finding.what


async def test_a_missing_replica_is_a_fault(variables: Variables) -> None:
    """It is found without being waited for."""
    (finding,) = await _intents(variables, "replica")

    assert finding.level is Level.FAULT
    assert finding.what.startswith("has no replica")


async def test_a_replica_without_a_file_confirms_nothing(
    variables: Variables, server: Redis, replica: Redis
) -> None:
    """The primary knows nothing of its replica's settings, so it is tried out."""
    await server.config_set("appendfsync", "always")
    await replica.config_set("appendonly", "no")

    (finding,) = await _intents(variables, "replica")

    assert finding.level is Level.FAULT
    assert "no replica had it on disk" in finding.what
    assert "appendonly yes" in (finding.fix or "")


async def test_a_replica_that_confirms_is_well(
    variables: Variables, server: Redis, replica: Redis
) -> None:
    """Both disks have it."""
    for either in (server, replica):
        await either.config_set("appendfsync", "always")

    (finding,) = await _intents(variables, "replica")

    assert finding.level is Level.OK
    assert finding.what.startswith("confirms an intent on its disk and a replica's within ")


async def test_replicas_that_nobody_waits_for_are_told(
    variables: Variables,
    replica: Redis,  # noqa: ARG001 - it follows
) -> None:
    """The window that is left open is named, without a complaint."""
    (finding,) = await _intents(variables, "none")

    assert finding.level is Level.OK
    assert "bought twice" in finding.what
