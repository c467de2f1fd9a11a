"""What a Redis user may not do, and what a server refuses: told one by one, and nothing is lost."""

from pathlib import Path

import pytest
from redis.asyncio import Redis

from orchestrator.doctor import Finding, Level, examine
from orchestrator.doctor.redis_rules import acl_rules
from orchestrator.embedded.servers import Valkey
from orchestrator.settings import load
from tests.support.valkey import cut_off, follow, running_valkey

Variables = dict[str, str]


@pytest.fixture
async def user(variables: Variables, valkey: Valkey, server: Redis) -> Variables:
    """Return the environment of an installation whose user has the documented rules."""
    rules = acl_rules().split(" ")
    await server.execute_command("ACL", "SETUSER", "emasai", "on", ">pw", *rules)  # type: ignore[no-untyped-call]  # redis-py's
    host = valkey.url.rpartition("@")[2]
    return {**variables, "REDIS_URL": f"redis://emasai:pw@{host}/1"}


async def _faults(variables: Variables) -> list[Finding]:
    return [each for each in await examine(load(**variables)) if each.level is Level.FAULT]


async def test_the_documented_user_is_well(user: Variables) -> None:
    """A user with the documented rules is told nothing."""
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
    """Each by its own word, as it is written in an ACL file."""
    await server.execute_command("ACL", "SETUSER", "emasai", change)  # type: ignore[no-untyped-call]  # redis-py's

    faults = await _faults(user)

    assert told in " ".join(each.fix or "" for each in faults)
    assert not any("could not be examined" in each.what for each in faults)


async def test_a_refused_info_hides_nothing_else(user: Variables, server: Redis) -> None:
    """Without INFO and all that is dangerous, what can be known is still found out."""
    await server.execute_command("ACL", "SETUSER", "emasai", "-@dangerous")  # type: ignore[no-untyped-call]  # redis-py's

    findings = await examine(load(**{**user, "GATEWAY_REDIS_URL": user["REDIS_URL"]}))

    found = {(each.check, each.level) for each in findings}
    assert ("redis databases", Level.FAULT) in found
    assert any("INFO: NOPERM" in each.what for each in findings)


async def test_a_full_server_is_told_from_one_that_is_away(user: Variables, server: Redis) -> None:
    """It answers, and takes nothing: that has a fix of its own."""
    await server.config_set("maxmemory", "1")

    (first, *_) = [each for each in await _faults(user) if each.check.startswith("redis ")]

    assert first.what == "is full and refuses to write"
    assert "maxmemory" in (first.fix or "")


async def test_a_server_that_takes_no_writes_is_told(user: Variables, server: Redis) -> None:
    """Too few replicas, by the configuration: the code is told, and what to do."""
    await server.config_set("min-replicas-to-write", 1)

    (fault,) = await _faults(user)

    assert fault.what == "refuses to write (NOREPLICAS)"


async def test_a_replica_is_told(variables: Variables, valkey: Valkey, tmp_path: Path) -> None:
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
    """What is tried is never carried out."""
    await examine(load(**user))

    assert {key for key, value in (await server.info("keyspace")).items() if value} <= {"db2"}
