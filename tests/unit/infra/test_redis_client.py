"""Errors of Redis: unavailable, refusing or full; the messages of the client are never shown."""

import pytest
from redis._parsers.base import BaseParser
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import DataError
from redis.exceptions import TimeoutError as RedisTimeoutError

from orchestrator.infra.redis_client import (
    StoreFull,
    StoreRefused,
    StoreUnavailable,
    store_errors,
)

#: How Redis 6.2 reports a failure within a script.
_OLD_SCRIPT = "ERR Error running script (call to f_5e1): @user_script:31: @user_script: 31:"
#: What servers answer, word for word, and what it comes to.
ANSWERS = [
    ("OOM command not allowed when used memory > 'maxmemory'.", StoreFull, "OOM"),
    (
        f"{_OLD_SCRIPT} -OOM command not allowed when used memory > 'maxmemory'. ",
        StoreFull,
        "OOM",
    ),
    ("MISCONF Redis is configured to save RDB snapshots, but", StoreRefused, "MISCONF"),
    ("READONLY You can't write against a read only replica.", StoreRefused, "READONLY"),
    (
        "READONLY You can't write against a read only replica. script: 5e1, on @user_script:31.",
        StoreRefused,
        "READONLY",
    ),
    ("NOREPLICAS Not enough good replicas to write.", StoreRefused, "NOREPLICAS"),
    ("NOPERM User worker has no permissions to run the 'info' command", StoreRefused, "NOPERM"),
    (
        f"{_OLD_SCRIPT} The user executing the script can't run this command or subcommand",
        StoreRefused,
        "NOPERM",
    ),
    ("WRONGPASS invalid username-password pair or user is disabled.", StoreRefused, "WRONGPASS"),
    ("NOAUTH Authentication required.", StoreRefused, "NOAUTH"),
    ("ERR unknown command 'WAITAOF', with args beginning with: '1'", StoreRefused, "unknown"),
    ("ERR DB index is out of range", StoreRefused, "ERR"),
    ("LOADING Redis is loading the dataset in memory", StoreUnavailable, "LOADING"),
    ("MASTERDOWN Link with MASTER is down", StoreUnavailable, "MASTERDOWN"),
    ("BUSY Redis is busy running a script.", StoreUnavailable, "BUSY"),
    ("ERR max number of clients reached", StoreUnavailable, "ConnectionError"),
]


def _error_of(answer: str) -> Exception:
    """Return what the client makes of a server's *answer*."""
    error: Exception = BaseParser.parse_error(answer)  # type: ignore[no-untyped-call]  # redis-py
    return error


@pytest.mark.parametrize(("answer", "kind", "code"), ANSWERS)
def test_a_refusal_is_told_from_a_server_that_is_away(
    answer: str, kind: type[StoreUnavailable], code: str
) -> None:
    """Full, refusing, not there (yet): three kinds, each with the code that the server gave."""
    with pytest.raises(StoreUnavailable) as met, store_errors("job take"):
        raise _error_of(answer)

    assert type(met.value) is kind
    assert met.value.operation == "job take"
    assert kind is StoreFull or code in str(met.value)


@pytest.mark.parametrize("error", [RedisTimeoutError(), RedisConnectionError(), OSError()])
def test_a_server_that_is_away_is_told_with_what_was_met(error: Exception) -> None:
    """Refused, reset and silent connections are one kind, with the class of the error."""
    with pytest.raises(StoreUnavailable) as met, store_errors("read"):
        raise error

    assert type(met.value) is StoreUnavailable
    assert type(error).__name__ in str(met.value)


def test_what_a_server_quotes_is_not_told() -> None:
    """Answers quote keys and arguments, the client the whole command: neither reaches a log."""
    error = _error_of("ERR unknown command 'GETX', with args beginning with: 'ada@x'")
    error.args = ("Command # 1 (SET lead:ada@x ...) of pipeline caused error: ...", *error.args)

    with pytest.raises(StoreUnavailable) as met, store_errors("job take"):
        raise error

    assert "ada" not in str(met.value)


def test_a_value_that_cannot_be_sent_is_the_callers_mistake() -> None:
    """It says nothing about the server, and stays what it is."""
    with pytest.raises(DataError), store_errors("job take"):
        raise DataError
