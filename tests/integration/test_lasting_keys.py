"""The check that every key expires: it finds what it looks for, wherever a server runs."""

from pathlib import Path

import pytest
import redis as blocking

from tests.support.lasting import CONTROL_DB, documented, lasting_keys
from tests.support.valkey import kill, running_valkey


def test_what_has_no_ttl_is_named_unless_the_documentation_lists_it(tmp_path: Path) -> None:
    """In every database but the tests' own, among any number of keys that expire."""
    names = ("_kombu.binding.refresh", "forgotten")
    with running_valkey(tmp_path) as server:
        for database in (0, 1, 2, 3, CONTROL_DB):
            with blocking.Redis.from_url(f"{server.url}/{database}") as client:
                client.mset(dict.fromkeys(names, 1))
                client.set("expires", 1, ex=60)
        found = lasting_keys()
        for database in range(CONTROL_DB):
            with blocking.Redis.from_url(f"{server.url}/{database}") as client:
                client.flushdb()

    everywhere = {f"DB {n}: {name} has no TTL" for n in range(CONTROL_DB) for name in names}
    assert set(found) == everywhere - {"DB 2: _kombu.binding.refresh has no TTL"}


def test_a_server_that_ends_is_looked_at_once_more(tmp_path: Path) -> None:
    """A key that stays is found at the latest when its server ends, and after a `kill -9`, too."""

    def forget_a_key() -> None:
        with running_valkey(tmp_path) as server:
            with blocking.Redis.from_url(f"{server.url}/1") as client:
                client.set("forgotten", 1)
            kill(server)

    with pytest.raises(AssertionError, match="DB 1: forgotten"):
        forget_a_key()


def test_only_the_brokers_keys_may_stay() -> None:
    """Every key of ours expires: the table lists Celery's, and no others."""
    assert documented().keys() == {2}
    assert "interactive" in documented()[2]
