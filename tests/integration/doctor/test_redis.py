"""Permissions and refusals of a Redis server, and whether it confirms intents; on real servers."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from redis.asyncio import Redis

from orchestrator.doctor import Diagnosis, Level
from orchestrator.doctor.examine import examine
from orchestrator.doctor.redis import acl_rules
from orchestrator.embedded.stack import Valkey
from orchestrator.settings import load
from tests.support.valkey import client_of, cut_off, follow, running_valkey

Variables = dict[str, str]


@pytest.fixture
async def user(variables: Variables, valkey: Valkey, server: Redis) -> Variables:
    """Return the environment of an installation whose user has the documented rules."""
    rules = acl_rules().split(" ")
    await server.execute_command("ACL", "SETUSER", "emasai", "on", ">pw", *rules)  # type: ignore[no-untyped-call]  # redis-py's
    host = valkey.url.rpartition("@")[2]
    return {**variables, "REDIS_URL": f"redis://emasai:pw@{host}/1"}


async def _faults(variables: Variables) -> list[Diagnosis]:
    return [each for each in await examine(load(**variables)) if each.level is Level.FAULT]


async def test_the_documented_user_has_no_fault(user: Variables) -> None:
    """There is no fault with the documented rules."""
    assert await _faults(user) == []


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ("-info", "+info"),
        ("-zadd", "+zadd"),
        ("-evalsha", "+evalsha"),
        ("-script", "+script|load"),
        ("-multi", "+multi"),
        ("-psubscribe", "+psubscribe"),
        ("resetchannels", "&memo1:settled"),
        ("resetchannels", "&/2.celery.pidbox"),
        ("resetkeys", "~surfsense:*"),
        ("resetkeys", "~budget1:*"),
        ("-select", "+select"),
        ("-@all", "+ping"),
    ],
)
async def test_a_rule_that_is_missing_is_named(
    user: Variables, server: Redis, change: str, told: str
) -> None:
    """Each in the syntax of an ACL file."""
    await server.execute_command("ACL", "SETUSER", "emasai", change)  # type: ignore[no-untyped-call]  # redis-py's

    faults = await _faults(user)

    assert told in " ".join(each.fix or "" for each in faults)
    assert not any("could not be examined" in each.what for each in faults)


async def test_a_refused_info_hides_nothing_else(user: Variables, server: Redis) -> None:
    """Without INFO and all dangerous commands, the other checks still work."""
    await server.execute_command("ACL", "SETUSER", "emasai", "-@dangerous")  # type: ignore[no-untyped-call]  # redis-py's

    diagnoses = await examine(load(**{**user, "GATEWAY_REDIS_URL": user["REDIS_URL"]}))

    found = {(each.check, each.level) for each in diagnoses}
    assert ("redis databases", Level.FAULT) in found
    assert any("INFO: NOPERM" in each.what for each in diagnoses)


async def test_a_full_server_differs_from_an_unavailable_one(
    user: Variables, server: Redis
) -> None:
    """It answers and refuses writes, which has a fix of its own."""
    await server.config_set("maxmemory", "1")

    (first, *_) = [each for each in await _faults(user) if each.check.startswith("redis ")]

    assert first.what == "is full and refuses to write"
    assert "maxmemory" in (first.fix or "")


async def test_a_server_that_refuses_writes_is_reported(user: Variables, server: Redis) -> None:
    """Too few replicas, by the configuration: the diagnosis has the code and a fix."""
    await server.config_set("min-replicas-to-write", 1)

    (fault,) = await _faults(user)

    assert fault.what == "refuses to write (NOREPLICAS)"


async def test_a_replica_is_reported(variables: Variables, valkey: Valkey, tmp_path: Path) -> None:
    """Its address was given instead of the primary's."""
    with running_valkey(tmp_path / "primary") as primary:
        await follow(primary, valkey)
        faults = await _faults(variables)
        await cut_off(valkey)

    assert {each.what for each in faults} >= {
        "refuses to write (READONLY)",
        "is a replica, and takes no writes",
    }


async def test_the_examination_writes_nothing(user: Variables, server: Redis) -> None:
    """The dry run executes nothing."""
    await examine(load(**user))

    assert {key for key, value in (await server.info("keyspace")).items() if value} <= {"db2"}


@pytest.fixture
async def replica(tmp_path: Path, valkey: Valkey) -> AsyncIterator[Redis]:
    """Let a second server follow the first; return a client through which a test breaks it."""
    with running_valkey(tmp_path / "replica") as replica:
        await follow(valkey, replica)
        async with client_of(replica, 0) as client:
            yield client


async def _intents(variables: Variables, durability: str) -> list[Diagnosis]:
    """Return what the doctor finds about intents, and nothing else."""
    diagnoses = await examine(load(**variables, EMASAI_INTENT_DURABILITY=durability))
    words = ("intent", "nothing is bought", "before its disk has it")
    return [each for each in diagnoses if any(word in each.what for word in words)]


async def test_this_valkey_confirms_before_its_disk_has_it(
    variables: Variables, server: Redis, replica: Redis
) -> None:
    """As 9.1.2 does with `everysec`; where this fails, decision 12 is outdated."""
    await server.config_set("appendfsync", "everysec")
    await replica.config_set("appendfsync", "always")

    early, _ = await _intents(variables, "replica")

    assert early.level is Level.WARNING
    assert "before its disk has it" in early.what


@pytest.mark.parametrize(
    ("name", "value"), [("appendonly", "no"), ("appendfsync", "no")], ids=["off", "never"]
)
async def test_a_file_that_is_not_written_confirms_nothing(
    variables: Variables, server: Redis, name: str, value: str
) -> None:
    """Beside the fault of the file itself, the doctor reports its consequence."""
    await server.config_set(name, value)

    (diagnosis,) = await _intents(variables, "replica")

    assert diagnosis.level is Level.FAULT
    assert "nothing is bought" in diagnosis.what


async def test_a_missing_replica_is_a_fault(variables: Variables) -> None:
    """It is found without a trial."""
    (diagnosis,) = await _intents(variables, "replica")

    assert diagnosis.level is Level.FAULT
    assert diagnosis.what.startswith("has no replica")


async def test_a_replica_without_a_file_confirms_nothing(
    variables: Variables, server: Redis, replica: Redis
) -> None:
    """The primary does not know its replica's settings, so it is tried out."""
    await server.config_set("appendfsync", "always")
    await replica.config_set("appendonly", "no")

    (diagnosis,) = await _intents(variables, "replica")

    assert diagnosis.level is Level.FAULT
    assert "no replica had it on disk" in diagnosis.what
    assert "appendonly yes" in (diagnosis.fix or "")


async def test_a_replica_that_confirms_is_well(
    variables: Variables, server: Redis, replica: Redis
) -> None:
    """Both disks have it."""
    for either in (server, replica):
        await either.config_set("appendfsync", "always")

    (diagnosis,) = await _intents(variables, "replica")

    assert diagnosis.level is Level.OK
    assert diagnosis.what.startswith("confirms an intent on its disk and a replica's within ")


async def test_replicas_without_confirmation_are_reported(
    variables: Variables,
    replica: Redis,  # noqa: ARG001 - it follows
) -> None:
    """The remaining window is reported, and is no fault."""
    (diagnosis,) = await _intents(variables, "none")

    assert diagnosis.level is Level.OK
    assert "bought twice" in diagnosis.what
