"""Addresses that would not be understood, or would betray a password, are refused at the start."""

import pytest

from orchestrator.settings import ConfigurationError, load

GOOD = {
    "REDIS_URL": "redis://:secret@localhost:6379/1",
    "DATABASE_URL": "sqlite:///emasai.db",
    "SURFSENSE_URL": "https://surfsense.example",
}


@pytest.mark.parametrize(
    ("variable", "url", "sentence"),
    [
        ("REDIS_URL", "redis://:pw-tail/x@h", "special character"),
        ("REDIS_URL", "redis://:pw-tail?x@h:6379/1", "special character"),
        ("REDIS_URL", "rediss://user:pw-tail#x@h", "special character"),
        ("GATEWAY_REDIS_URL", "redis://:pw-tail/x@h", "special character"),
        ("CELERY_BROKER_URL", "redis://:pw-tail/x@h", "special character"),
        ("REDIS_URL", "redis://:pw-tail[@h", "not a valid URL"),
        ("REDIS_URL", "redis://h:pw-tail/1", "port"),
        ("SURFSENSE_URL", "https://user:pw-tail@surfsense.example", "user or password"),
        ("SURFSENSE_URL", "https://user:pw-tail/x@surfsense.example", "user or password"),
        ("SURFSENSE_URL", "https://pw-tail@surfsense.example", "user or password"),
        ("SURFSENSE_URL", "https://surfsense.example:pw-tail", "port"),
    ],
)
def test_a_bad_address_is_one_sentence_without_its_value(
    variable: str, url: str, sentence: str
) -> None:
    """The variable and what to do about it are named, never a part of the password."""
    with pytest.raises(ConfigurationError) as refused:
        load(**{**GOOD, variable: url})

    (problem,) = refused.value.problems
    assert problem.startswith(variable)
    assert sentence in problem
    assert "pw-tail" not in problem
    assert "\n" not in problem


@pytest.mark.parametrize(
    ("variable", "url"),
    [
        ("REDIS_URL", "redis://:p%2Fw%23x%40y@h:6379/1"),
        ("REDIS_URL", "redis://:p@w@h:6379/1"),
        ("CELERY_BROKER_URL", "sentinel://:pw@h1:26379,h2:26379?master_name=prime"),
        ("CELERY_BROKER_URL", "amqp://user:pw@h:5672//"),
        ("DATABASE_URL", "sqlite:////data/a@b/emasai.db"),
        ("SURFSENSE_URL", "http://[::1]:8090/base"),
    ],
)
def test_a_good_address_is_taken(variable: str, url: str) -> None:
    """Nothing that works is refused."""
    assert load(**{**GOOD, variable: url}) is not None


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("EMASAI_CAP_DAY_MICROS", "-1"),
        ("EMASAI_CAP_GLOBAL_MICROS", "1.5"),
        ("EMASAI_CAP_TENANT_MICROS", str(2**53)),
    ],
)
def test_an_impossible_cap_is_refused(variable: str, value: str) -> None:
    """Money is whole micro-USD, and as much as Redis can reckon with."""
    with pytest.raises(ConfigurationError, match=variable):
        load(**{**GOOD, variable: value})
