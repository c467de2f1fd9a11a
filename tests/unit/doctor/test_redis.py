"""Judgements of a Redis server: each fault is found, and names its fix."""

import re
from dataclasses import replace
from typing import Any

import pytest

from orchestrator.doctor import Diagnosis, Level
from orchestrator.doctor.redis import (
    NEEDS,
    ServerFacts,
    Trial,
    explain_replicas,
    judge_databases,
    judge_password,
    judge_prerequisites,
    judge_server,
    judge_trial,
    read_facts,
)
from orchestrator.infra.redis_address import RedisAddress
from tests.support.project import project_files_like

#: A command in a Lua file; `read` is a protected call.
_CALLED = re.compile(r"(?:redis\.p?call|\bread)\(\s*[\"'](\w+)")
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


def troubles(facts: ServerFacts, *, holds_work: bool = True) -> list[Diagnosis]:
    """Return the diagnoses that need action."""
    diagnoses = judge_server("h:1", facts, holds_work=holds_work)
    return [diagnosis for diagnosis in diagnoses if diagnosis.level is not Level.OK]


def test_a_hardened_server_has_no_fault() -> None:
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
def test_each_weakness_is_one_diagnosis_with_its_fix(
    change: dict[str, Any], level: Level, fix: str
) -> None:
    """One setting that is wrong gives one diagnosis, whose fix names the setting."""
    (diagnosis,) = troubles(replace(HARDENED, **change))

    assert diagnosis.level is level
    assert fix in (diagnosis.fix or "")


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
def test_settings_within_the_bounds_have_no_diagnosis(change: dict[str, Any]) -> None:
    """The bounds belong to what is fine."""
    assert troubles(replace(HARDENED, **change)) == []


def test_a_server_with_only_caches_may_lose_data() -> None:
    """Eviction and a missing file do no harm where only the gateway's caches are stored."""
    facts = replace(HARDENED, eviction="allkeys-lru", append_only=False)

    assert troubles(facts, holds_work=False) == []


def test_valkey_is_judged_by_its_own_version() -> None:
    """Valkey reports an old Redis version for compatibility; it is not taken for that."""
    facts = read_facts({"redis_version": "7.2.4", "valkey_version": "9.1.2"}, "everysec")

    assert (facts.product, facts.version) == ("Valkey", "9.1.2")


def test_a_server_that_hides_its_settings_gets_warnings() -> None:
    """A managed server that hides its settings gives warnings, not faults."""
    found = troubles(read_facts({"redis_version": "7.4.1"}, ""))

    assert {diagnosis.level for diagnosis in found} == {Level.WARNING}


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
    """Only a server that is not reachable from the network may lack one."""
    diagnoses = judge_password(RedisAddress.parse(url))

    assert [diagnosis.level for diagnosis in diagnoses] == [Level.FAULT] * is_open


def test_two_purposes_in_one_database_are_named() -> None:
    """The diagnosis names the purposes, and the database that they share."""
    memo, broker = RedisAddress.parse("redis://h/1"), RedisAddress.parse("redis://h:6379?db=1")

    diagnosis = judge_databases(
        [("memo", memo), ("jobs", RedisAddress.parse("redis://h/3")), ("broker", broker)]
    )

    assert diagnosis.level is Level.FAULT
    assert diagnosis.what == "memo and broker share h:6379/1"


def test_equal_numbers_on_different_servers_are_different_databases() -> None:
    """Only the same database on the same server is shared."""
    diagnosis = judge_databases(
        [
            ("memo", RedisAddress.parse("redis://a/1")),
            ("gateway", RedisAddress.parse("redis://b/1")),
        ]
    )

    assert diagnosis.level is Level.OK


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
def test_a_server_that_cannot_confirm_is_a_fault(change: dict[str, Any], fix: str) -> None:
    """Nothing is bought then, which is what the diagnosis says; it need not be tried out."""
    (diagnosis,) = judge_prerequisites("redis", replace(ABLE, **change))

    assert diagnosis.level is Level.FAULT
    assert "EMASAI_INTENT_DURABILITY=replica" in diagnosis.what
    assert "nothing is bought" in diagnosis.what
    assert fix in (diagnosis.fix or "")


@pytest.mark.parametrize(
    "change",
    [
        {},
        {"version": "7.2.0"},
        {"product": "Valkey", "version": "9.1.2"},
        {"append_only": None, "append_fsync": ""},
    ],
)
def test_a_server_that_may_confirm_is_tried_out(change: dict[str, Any]) -> None:
    """Settings that a managed server hides are no fault."""
    assert judge_prerequisites("redis", replace(ABLE, **change)) == []


def test_a_write_that_was_not_confirmed_is_a_fault() -> None:
    """The diagnosis says why, and that nothing is bought."""
    (diagnosis,) = judge_trial("redis", ABLE, REFUSED)

    assert diagnosis.level is Level.FAULT
    assert "nothing is bought: no replica had it" in diagnosis.what


@pytest.mark.parametrize(
    ("fsync", "trial", "levels"),
    [
        ("always", PROMPT, [Level.OK]),
        ("", PROMPT, [Level.OK]),
        ("everysec", PATIENT, [Level.OK]),
        ("everysec", PROMPT, [Level.WARNING, Level.OK]),
    ],
)
def test_a_confirmation_that_comes_too_early_is_reported(
    fsync: str, trial: Trial, levels: list[Level]
) -> None:
    """Twice within a second of `everysec` cannot be true; a failover loses nothing by it."""
    found = judge_trial("redis", replace(ABLE, append_fsync=fsync), trial)

    assert [diagnosis.level for diagnosis in found] == levels
    for diagnosis in found[:-1]:
        assert "appendfsync always" in (diagnosis.fix or "")


def test_the_duration_of_a_confirmation_is_reported() -> None:
    """The slowest write counts."""
    (diagnosis,) = judge_trial("redis", ABLE, Trial((1.9, 1.2)))

    assert diagnosis.what == "confirms an intent on its disk and a replica's within 1900 ms"


def test_possible_loss_by_a_failover_is_reported_where_there_are_replicas() -> None:
    """It is no fault, since it was chosen; without replicas there is no diagnosis."""
    alone = read_facts({"redis_version": "8.0.3"}, "everysec")
    followed = read_facts({"redis_version": "8.0.3", "connected_slaves": 2}, "everysec")

    (diagnosis,) = explain_replicas("redis", followed)

    assert diagnosis.level is Level.OK
    assert "EMASAI_INTENT_DURABILITY=replica" in diagnosis.what
    assert explain_replicas("redis", alone) == []


def test_every_command_of_a_script_is_tried_and_allowed() -> None:
    """A script that uses a further command would stop an installation whose user has ACL rules."""
    used = {
        command.lower()
        for path in project_files_like("*.lua")
        for command in _CALLED.findall(path.read_text("utf-8"))
    }
    tried = {command.split(" ")[0] for needs in NEEDS.values() for command in needs.commands}

    assert {"hlen", "sismember", "type"} <= used
    assert used - tried == set()


def test_every_kind_of_our_keys_is_allowed() -> None:
    """A user with the documented rules may use whatever keys the code builds."""
    ours = (path for path in project_files_like("*.py") if "orchestrator" in path.parts)
    sources = [path.read_text("utf-8") for path in ours]
    built = {f"{kind}*" for text in sources for kind in re.findall(r'"([a-z]+1:)', text)}

    assert "memo1:*" in built
    assert built - {key for needs in NEEDS.values() for key in needs.keys} == set()
