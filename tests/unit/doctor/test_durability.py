"""What is judged of a server that is to confirm intents."""

from dataclasses import replace
from typing import Any

import pytest

from orchestrator.doctor.finding import Level
from orchestrator.doctor.redis import (
    ServerFacts,
    Trial,
    explain_replicas,
    judge_prerequisites,
    judge_trial,
    read_facts,
)
from orchestrator.memo import Durability

DISK, REPLICA = Durability.DISK, Durability.REPLICA
ABLE = ServerFacts(
    product="Redis",
    version="8.0.3",
    eviction="noeviction",
    append_only=True,
    append_fsync="everysec",
    append_status="ok",
    used_bytes=10,
    limit_bytes=0,
    replicas=1,
)
#: A disk that is written to once a second, and one that is written to at once.
PATIENT, PROMPT = Trial((0.4, 1.0)), Trial((0.001, 0.002))
REFUSED = Trial(None, "no replica had it on disk within 2.5 s")


@pytest.mark.parametrize(
    ("change", "fix"),
    [
        ({"version": "7.0.15"}, "Redis 7.2"),
        ({"version": ""}, "Redis 7.2"),
        ({"append_only": False}, "append-only file"),
        ({"append_fsync": "no"}, "append-only file"),
        ({"replicas": 0}, "Attach a replica"),
    ],
)
def test_what_keeps_a_server_from_confirming_is_a_fault(change: dict[str, Any], fix: str) -> None:
    """Nothing is bought then, which is what the finding says; it need not be tried out."""
    (finding,) = judge_prerequisites("redis", replace(ABLE, **change), REPLICA)

    assert finding.level is Level.FAULT
    assert "EMASAI_INTENT_DURABILITY=replica" in finding.what
    assert "nothing is bought" in finding.what
    assert fix in (finding.fix or "")


@pytest.mark.parametrize(
    ("change", "wanted"),
    [
        ({}, REPLICA),
        ({"version": "7.2.0"}, REPLICA),
        ({"product": "Valkey", "version": "9.1.2"}, REPLICA),
        ({"append_only": None, "append_fsync": ""}, REPLICA),
        ({"replicas": 0}, DISK),
    ],
)
def test_a_server_that_may_be_able_is_tried_out(change: dict[str, Any], wanted: Durability) -> None:
    """What a managed server hides is no reason against it."""
    assert judge_prerequisites("redis", replace(ABLE, **change), wanted) == []


@pytest.mark.parametrize(
    ("disk", "replica"), [(REFUSED, None), (PROMPT, REFUSED)], ids=["disk", "replica"]
)
def test_a_write_that_was_not_confirmed_is_a_fault(disk: Trial, replica: Trial | None) -> None:
    """The finding says why, and that nothing is bought."""
    (finding,) = judge_trial("redis", ABLE, REPLICA, disk, replica)

    assert finding.level is Level.FAULT
    assert "nothing is bought: no replica had it" in finding.what


@pytest.mark.parametrize(
    ("fsync", "wanted", "disk", "replica", "levels"),
    [
        ("everysec", DISK, PATIENT, None, [Level.OK]),
        ("always", DISK, PROMPT, None, [Level.OK]),
        ("", DISK, PROMPT, None, [Level.OK]),
        ("everysec", DISK, PROMPT, None, [Level.FAULT, Level.OK]),
        ("everysec", REPLICA, PATIENT, PATIENT, [Level.OK]),
        ("everysec", REPLICA, PROMPT, PATIENT, [Level.WARNING, Level.OK]),
    ],
)
def test_who_confirms_too_early_has_not_asked_its_disk(
    fsync: str, wanted: Durability, disk: Trial, replica: Trial | None, levels: list[Level]
) -> None:
    """Twice within a second of `everysec` cannot be true; with a replica it is half as bad."""
    found = judge_trial("redis", replace(ABLE, append_fsync=fsync), wanted, disk, replica)

    assert [finding.level for finding in found] == levels
    for finding in found[:-1]:
        assert "appendfsync always" in (finding.fix or "")


def test_how_long_a_purchase_waits_is_told() -> None:
    """The slowest of what was tried is what it costs."""
    (finding,) = judge_trial("redis", ABLE, REPLICA, PATIENT, Trial((1.2, 1.9)))

    assert finding.what == "confirms an intent on its disk and a replica's within 1900 ms"


def test_what_a_failover_may_lose_is_told_where_there_are_replicas() -> None:
    """It is no trouble, since somebody chose it; without replicas there is nothing to tell."""
    alone = read_facts({"redis_version": "8.0.3"}, "everysec")
    followed = read_facts({"redis_version": "8.0.3", "connected_slaves": 2}, "everysec")

    (finding,) = explain_replicas("redis", followed)

    assert finding.level is Level.OK
    assert "EMASAI_INTENT_DURABILITY=replica" in finding.what
    assert explain_replicas("redis", alone) == []
