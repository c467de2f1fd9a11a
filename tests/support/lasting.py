"""Keys that would never expire: looked for after every test, on every server that runs.

Which ones may stay is read from the table of docs/architecture.md, so the two cannot differ.
"""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from fnmatch import fnmatchcase
from functools import cache
from typing import Any

import redis as blocking

from tests.support.project import read

#: Where tests and the processes that they start leave signs for each other; nothing of ours.
CONTROL_DB = 4

_TABLE = re.compile(r"^\| DB \| key \|.*?\n(?=\n)", re.MULTILINE | re.DOTALL)
_FOR_EVER = "**none**"
#: Keys whose TTLs travel together.
_TOGETHER = 1000
_REMOVALS = ("del", "unlink", "flushdb")

_guards: list["Guard"] = []


class Guard:
    """Looks at one server, again and again."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._seen = 0

    def look(self) -> list[str]:
        """Return the keys that would never expire and must.

        The server counts for itself how many keys it has and how many of them expire: only where
        the two differ is there anything to search for.
        """
        faults = []
        for name, counts in self._info("keyspace").items():
            database = int(name.removeprefix("db"))
            if database == CONTROL_DB:
                continue
            self._seen += counts["keys"]
            if counts["keys"] > counts["expires"]:
                faults += [f"DB {database}: {key} has no TTL" for key in self._lasting(database)]
        return faults

    def last_look(self) -> list[str]:
        """Look before the server ends, and doubt looks that have seen nothing of what was written.

        Unless it was removed again: by its writer, or by time.
        """
        faults = self.look()
        about = self._info("all")
        is_written = about["rdb_changes_since_last_save"] > 0
        is_gone = about["expired_keys"] > 0 or any(f"cmdstat_{name}" in about for name in _REMOVALS)
        if is_written and not self._seen and not is_gone:
            faults.append("something was written, but no look at the server has seen any key")
        return faults

    def _info(self, section: str) -> dict[str, Any]:
        # Connected for no longer than it takes: tests count the connections of a server.
        with blocking.Redis.from_url(self._url) as client:
            return dict(client.info(section))

    def _lasting(self, database: int) -> Iterator[str]:
        may_stay = documented().get(database, ())
        with blocking.Redis.from_url(f"{self._url}/{database}", decode_responses=True) as client:
            keys = list(client.scan_iter(count=_TOGETHER))
            for start in range(0, len(keys), _TOGETHER):
                some = keys[start : start + _TOGETHER]
                pipe = client.pipeline(transaction=False)
                for key in some:
                    pipe.pttl(key)
                for key, left_ms in zip(some, pipe.execute(), strict=True):
                    if left_ms == -1 and not any(fnmatchcase(key, each) for each in may_stay):
                        yield key


@contextmanager
def guarded(url: str) -> Iterator[None]:
    """Have the server of *url*, which names no database, looked at after each test, and at the end.

    Not at the end of a block that fails: its own fault is the one to read.
    """
    guard = Guard(url)
    _guards.append(guard)
    try:
        yield
        if faults := guard.last_look():
            raise AssertionError("; ".join(faults))
    finally:
        _guards.remove(guard)


def lasting_keys() -> list[str]:
    """Return what is found on all servers that are guarded at present."""
    return [fault for guard in _guards for fault in guard.look()]


@cache
def documented() -> dict[int, list[str]]:
    """Return the keys that never expire by the documentation, as patterns, by database."""
    found = _TABLE.search(read("docs/architecture.md"))
    assert found is not None, "docs/architecture.md has no table of keys"
    patterns: dict[int, list[str]] = {}
    database = -1
    for line in found[0].splitlines()[2:]:
        where, keys, _, ttl = (cell.strip() for cell in line.split("|")[1:-1])
        if where:
            database = int(where.split()[0])
        if ttl.startswith(_FOR_EVER):
            names = re.findall(r"`([^`]+)`", keys)
            patterns.setdefault(database, []).extend(re.sub("<[^>]*>", "*", name) for name in names)
    return patterns
