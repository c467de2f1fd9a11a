"""In which order, and in which parts, the tests of a run go to its processes.

There are more processes than cores, because the slow tests mostly wait: for answers of seconds,
for leases, for processes that start. One of them comes after every few other files, so that some
compute while others wait, and what takes longest is not what all wait for at the end.
"""

from collections.abc import Iterable

import pytest

#: Where tests are slow; in the files of `APART` they share nothing, and each goes by itself.
SLOW = ("tests/worker/", "tests/concurrency/", "tests/model/", "tests/integration/gateway/")
APART = (
    "tests/integration/database/test_processes.py",
    "tests/integration/gateway/test_histories.py",
    "tests/model/test_protocol_model.py",
    "tests/worker/test_broker_restart.py",
    "tests/worker/test_command_restart.py",
    "tests/worker/test_crash.py",
    "tests/worker/test_installations.py",
    "tests/worker/test_planted_faults.py",
    "tests/worker/test_research.py",
    "tests/worker/test_rolling_deploy.py",
    "tests/worker/test_schedule.py",
    "tests/worker/test_servers_away.py",
    "tests/worker/test_standstill.py",
)
#: Other files after each slow part.
BETWEEN = 3


def part_of(nodeid: str) -> str:
    """Return what a test goes to a process with: its file, or itself alone."""
    file = nodeid.partition("::")[0]
    return nodeid if file in APART else file


def spread(items: Iterable[pytest.Item]) -> list[pytest.Item]:
    """Return the tests in the order in which they begin; those of a part stay together."""
    parts: dict[str, list[pytest.Item]] = {}
    for item in items:
        parts.setdefault(part_of(item.nodeid), []).append(item)
    slow = [tests for part, tests in parts.items() if part.startswith((*SLOW, *APART))]
    quick = [tests for part, tests in parts.items() if not part.startswith((*SLOW, *APART))]
    ordered: list[pytest.Item] = []
    while slow or quick:
        for tests in (*slow[:1], *quick[:BETWEEN]):
            ordered += tests
        del slow[:1], quick[:BETWEEN]
    return ordered
