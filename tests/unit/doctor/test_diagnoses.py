"""Judgements of SurfSense, schema, Python, money and the machine; addresses without secrets."""

import asyncio
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.database import SchemaState
from orchestrator.doctor import Level, public_address
from orchestrator.doctor.database import (
    judge_comparisons,
    judge_doubt,
    judge_hit_rates,
    judge_schema,
)
from orchestrator.doctor.examine import check_folder, check_policy, judge_python
from orchestrator.doctor.surfsense import judge_health
from orchestrator.infra.redis_address import RedisAddress
from orchestrator.purchasing import UncertainCost
from orchestrator.settings import Settings, load

WHERE = "http://surfsense:8000"


@pytest.mark.parametrize(
    ("status", "body", "level", "fix"),
    [
        (200, {"status": "ok"}, Level.OK, ""),
        (200, {"status": "ok", "simulated": True}, Level.WARNING, "real service"),
        (200, {"status": "degraded"}, Level.FAULT, "names SurfSense"),
        (200, None, Level.FAULT, "names SurfSense"),
        (200, [], Level.FAULT, "names SurfSense"),
        (401, None, Level.FAULT, "missing, wrong or expired"),
        (403, None, Level.FAULT, "Allow API access"),
        (404, None, Level.FAULT, "origin"),
        (503, None, Level.FAULT, "log"),
        (307, None, Level.FAULT, "final address"),
    ],
)
def test_surfsense_is_judged_by_its_health_endpoint(
    status: int, body: object, level: Level, fix: str
) -> None:
    """A missing key differs from a forbidden one, and each answer has its fix."""
    diagnosis = judge_health(WHERE, status, body)

    assert diagnosis.level is level
    assert fix in (diagnosis.fix or "")


@pytest.mark.parametrize(
    ("current", "level"), [("r2", Level.OK), (None, Level.FAULT), ("r1", Level.FAULT)]
)
def test_the_schema_must_be_that_of_this_program(current: str | None, level: Level) -> None:
    """Nothing starts on an empty database, nor on one of another revision."""
    assert judge_schema(SchemaState(current, "r2")).level is level


@pytest.mark.parametrize(
    ("version", "level"),
    [((3, 10, 14), Level.FAULT), ((3, 11, 0), Level.OK), ((4, 0, 0), Level.OK)],
)
def test_python_must_be_new_enough(version: tuple[int, ...], level: Level) -> None:
    """3.11 is the oldest that is supported."""
    assert judge_python(version).level is level


@pytest.mark.parametrize(
    ("hits", "misses", "level"),
    [
        (10, 10, Level.OK),
        (9, 11, Level.WARNING),
        (0, 20, Level.WARNING),
        (0, 19, Level.OK),
        (1, 0, Level.OK),
    ],
)
def test_a_hit_rate_below_half_is_a_warning_once_there_are_enough_lookups(
    hits: int, misses: int, level: Level
) -> None:
    """From 20 lookups on, less than 50 % is a warning."""
    (diagnosis,) = judge_hit_rates({"cache.lead.hit": hits, "cache.lead.miss": misses})

    assert diagnosis.check == "hit rate lead"
    assert diagnosis.level is level


def test_no_lookups_are_no_fault() -> None:
    """A new installation has no hit rate, which is no fault."""
    (diagnosis,) = judge_hit_rates({})

    assert diagnosis.level is Level.OK


def test_cached_leads_that_diverge_from_the_database_are_a_fault() -> None:
    """One in a million is too many; where nothing was compared, nothing is said."""
    assert judge_comparisons({}) == []

    (same,) = judge_comparisons({"comparisons.all": 1_000_000})
    (diverged,) = judge_comparisons({"comparisons.all": 1_000_000, "comparisons.diverged": 1})

    assert (same.level, diverged.level) == (Level.OK, Level.FAULT)
    assert diverged.what.startswith("1 of 1,000,000 cached leads")


def test_purchases_without_an_answer_are_reported_with_their_possible_cost() -> None:
    """How many, how much, which command shows them; nothing where there are none."""
    assert judge_doubt(UncertainCost(0, 0)) == []

    (one,), (many,) = judge_doubt(UncertainCost(1, 46_500)), judge_doubt(UncertainCost(3, 139_500))

    assert one.level is many.level is Level.WARNING
    assert one.what.startswith("1 purchase is uncertain in the last 24 h: $0.0465 may")
    assert many.what.startswith("3 purchases are uncertain in the last 24 h: $0.1395 may")
    assert "emasai jobs failed --reason answer_lost" in (many.fix or "")


# Escaped as they should be, or not; never a letter of their own that the rest of the URL has.
SECRETS = st.text("XYZ019-_.%:@/?#&=", min_size=1)


@given(SECRETS)
def test_no_part_of_a_password_is_ever_shown(secret: str) -> None:
    """The user part and the query are left out, escaped or not."""
    url = f"amqp://user:{secret}@mq.internal:5672/emasai?password={secret}"

    assert public_address(url) in {
        "amqp://mq.internal:5672/emasai",
        "amqp://(an address that cannot be shown)",
    }


@pytest.mark.parametrize(
    ("url", "text"),
    [
        ("redis://:pw@h/2", "redis://h/2"),
        ("http://[::1]:8000", "http://[::1]:8000"),
        ("sentinel://a:1;sentinel://b:2", "sentinel://(an address that cannot be shown)"),
    ],
)
def test_the_public_part_of_an_address_is_shown(url: str, text: str) -> None:
    """Host, port and path say which server it is."""
    assert public_address(url) == text


def test_an_address_contains_no_password() -> None:
    """Neither its text nor its repr has it."""
    address = RedisAddress.parse("rediss://me:S3CRET@redis.internal:6380/2")

    assert str(address) == "redis.internal:6380/2"
    assert "S3CRET" not in repr(address)
    assert address.password


VARIABLES = {
    "REDIS_URL": "redis://127.0.0.1:1/1",
    "DATABASE_URL": "sqlite:///x.db",
    "SURFSENSE_URL": "http://127.0.0.1:1",
}


def settings_with_policy(path: Path) -> Settings:
    """Return settings that name *path* as the policy file."""
    return load(**VARIABLES, EMASAI_POLICY_FILE=str(path))


def test_a_folder_that_is_not_there_yet_is_judged_by_its_parent(tmp_path: Path) -> None:
    """The doctor makes no folder; it tries where one would be made."""
    (diagnosis,) = asyncio.run(check_folder(tmp_path / "a" / "b"))

    assert diagnosis.level is Level.OK
    assert list(tmp_path.iterdir()) == []


async def test_a_file_in_the_folder_s_place_is_a_fault(tmp_path: Path) -> None:
    """Nothing can be written there, and the fix names the place."""
    in_the_way = tmp_path / "data"
    in_the_way.write_text("")

    (diagnosis,) = await check_folder(in_the_way / "valkey")

    assert diagnosis.level is Level.FAULT
    assert str(in_the_way) in (diagnosis.fix or "")


@pytest.mark.parametrize("text", ["[scoring]\nbaseline = -1\n", "no toml"])
async def test_each_problem_of_the_policy_is_a_fault(tmp_path: Path, text: str) -> None:
    """A policy that cannot be used is found before any lead is judged by it."""
    path = tmp_path / "policy.toml"
    path.write_text(text)

    diagnoses = await check_policy(settings_with_policy(path))

    assert diagnoses
    assert all(diagnosis.level is Level.FAULT for diagnosis in diagnoses)
    assert all("EMASAI_POLICY_FILE" in (diagnosis.fix or "") for diagnosis in diagnoses)


async def test_a_missing_policy_file_is_a_fault(tmp_path: Path) -> None:
    """A path that leads nowhere is named."""
    (diagnosis,) = await check_policy(settings_with_policy(tmp_path / "none.toml"))

    assert diagnosis.level is Level.FAULT
    assert "none.toml" in diagnosis.what
