"""What is judged of a Redis server: each fault is found, and names its fix."""

from dataclasses import replace
from typing import Any

import pytest

from orchestrator.doctor.finding import Finding, Level
from orchestrator.doctor.redis import (
    ServerFacts,
    judge_databases,
    judge_password,
    judge_server,
    read_facts,
)
from orchestrator.infra.redis_address import RedisAddress

HARDENED = ServerFacts(
    product="Redis",
    version="7.4.1",
    eviction="noeviction",
    append_only=True,
    append_fsync="always",
    append_status="ok",
    used_bytes=10,
    limit_bytes=0,
)


def troubles(facts: ServerFacts, *, holds_work: bool = True) -> list[Finding]:
    """Return what is not well."""
    findings = judge_server("h:1", facts, holds_work=holds_work)
    return [finding for finding in findings if finding.level is not Level.OK]


def test_a_hardened_server_is_well() -> None:
    """The recommended profile has nothing to complain about."""
    assert troubles(HARDENED) == []


@pytest.mark.parametrize(
    ("change", "level", "fix"),
    [
        ({"version": "6.0.20"}, Level.FAULT, "Upgrade"),
        ({"version": ""}, Level.FAULT, "Upgrade"),
        ({"eviction": "allkeys-lru"}, Level.FAULT, "maxmemory-policy noeviction"),
        ({"eviction": "volatile-ttl"}, Level.FAULT, "maxmemory-policy noeviction"),
        ({"eviction": ""}, Level.WARNING, "maxmemory-policy noeviction"),
        ({"append_only": False}, Level.FAULT, "appendonly yes"),
        ({"append_only": None}, Level.WARNING, "appendonly yes"),
        ({"append_fsync": "no"}, Level.FAULT, "appendfsync always"),
        ({"append_fsync": ""}, Level.WARNING, "appendfsync always"),
        ({"append_fsync": "everysec"}, Level.WARNING, "appendfsync always"),
        ({"append_status": "err"}, Level.FAULT, "disk"),
        ({"used_bytes": 75, "limit_bytes": 100}, Level.WARNING, "maxmemory"),
        ({"used_bytes": 90, "limit_bytes": 100}, Level.FAULT, "maxmemory"),
    ],
)
def test_each_weakness_is_one_finding_with_its_fix(
    change: dict[str, Any], level: Level, fix: str
) -> None:
    """One setting that is wrong gives one finding, whose fix names the setting."""
    (finding,) = troubles(replace(HARDENED, **change))

    assert finding.level is level
    assert fix in (finding.fix or "")


@pytest.mark.parametrize(
    "change",
    [
        {"version": "6.2.0"},
        {"version": "8.0.1"},
        {"product": "Valkey", "version": "9.1.2"},
        {"append_fsync": "always"},
        {"used_bytes": 74, "limit_bytes": 100},
    ],
)
def test_what_is_good_enough_is_no_finding(change: dict[str, Any]) -> None:
    """The bounds belong to what is fine."""
    assert troubles(replace(HARDENED, **change)) == []


def test_a_server_of_caches_only_may_forget() -> None:
    """Eviction and a missing file do no harm where nothing but the gateway's caches lies."""
    facts = replace(HARDENED, eviction="allkeys-lru", append_only=False)

    assert troubles(facts, holds_work=False) == []


def test_valkey_is_judged_by_its_own_version() -> None:
    """Valkey reports an old Redis version for compatibility; it is not taken for that."""
    facts = read_facts({"redis_version": "7.2.4", "valkey_version": "9.1.2"}, "everysec")

    assert (facts.product, facts.version) == ("Valkey", "9.1.2")


def test_a_server_that_says_little_is_unknown_and_not_wrong() -> None:
    """A managed server that hides its settings gives warnings, not faults."""
    found = troubles(read_facts({"redis_version": "7.4.1"}, ""))

    assert {finding.level for finding in found} == {Level.WARNING}


@pytest.mark.parametrize(
    ("url", "is_open"),
    [
        ("redis://10.0.0.5:6379/1", True),
        ("redis://cache.internal/1", True),
        ("redis://:pw@10.0.0.5:6379/1", False),
        ("redis://localhost/1", False),
        ("redis://127.0.0.1/1", False),
        ("redis://[::1]:6379/1", False),
    ],
)
def test_a_server_on_the_network_needs_a_password(url: str, *, is_open: bool) -> None:
    """Only a server that nobody else can reach may do without."""
    findings = judge_password(RedisAddress.parse(url))

    assert [finding.level for finding in findings] == [Level.FAULT] * is_open


def test_two_purposes_in_one_database_are_named() -> None:
    """Whoever shares a database is named, and where."""
    memo, broker = RedisAddress.parse("redis://h/1"), RedisAddress.parse("redis://h:6379?db=1")

    finding = judge_databases(
        [("memo", memo), ("jobs", RedisAddress.parse("redis://h/3")), ("broker", broker)]
    )

    assert finding.level is Level.FAULT
    assert finding.what == "memo and broker share h:6379/1"


def test_equal_numbers_on_different_servers_are_different_databases() -> None:
    """Only the same database on the same server is shared."""
    finding = judge_databases(
        [
            ("memo", RedisAddress.parse("redis://a/1")),
            ("gateway", RedisAddress.parse("redis://b/1")),
        ]
    )

    assert finding.level is Level.OK
