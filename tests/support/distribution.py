"""In which order, and in which parts, the tests of a run go to its processes.

There are more processes than cores, because the slow tests mostly wait: for answers of seconds,
for leases, for processes that start. One of them comes after every few other files, so that some
compute while others wait. What takes longest begins first: it is not what all wait for at the end.
"""

from collections.abc import Iterable

import pytest

#: Where tests are slow; in the files of `APART` they share nothing, and each goes by itself.
SLOW = ("tests/worker/", "tests/concurrency/", "tests/model/", "tests/integration/gateway/")
#: What takes longest stands first.
APART = (
    "tests/worker/test_standstill.py",
    "tests/worker/test_rolling_deploy.py",
    "tests/worker/test_servers_away.py",
    "tests/worker/test_planted_faults.py",
    "tests/worker/test_research.py",
    "tests/worker/test_crash.py",
    "tests/worker/test_broker_restart.py",
    "tests/worker/test_watchdog.py",
    "tests/integration/jobs/test_script_model.py",
    "tests/integration/purchasing/test_lost_attempts.py",
    "tests/worker/test_command_restart.py",
    "tests/worker/test_chaos.py",
    "tests/worker/test_installations.py",
    "tests/integration/gateway/test_histories.py",
    "tests/integration/purchasing/test_hostile_seller.py",
    "tests/integration/purchasing/test_durability.py",
    "tests/model/test_protocol_model.py",
    "tests/worker/test_schedule.py",
    "tests/integration/database/test_processes.py",
)
#: Other files after each slow part.
BETWEEN = 2


def part_of(nodeid: str) -> str:
    """Return what a test goes to a process with: its file, or itself alone."""
    file = nodeid.partition("::")[0]
    return nodeid if file in APART else file


def spread(items: Iterable[pytest.Item]) -> list[pytest.Item]:
    """Return the tests in the order in which they begin; those of a part stay together."""
    parts: dict[str, list[pytest.Item]] = {}
    for item in items:
        parts.setdefault(part_of(item.nodeid), []).append(item)
    slow = [part for part in parts if part.startswith((*SLOW, *APART))]
    slow.sort(key=_place)
    quick = [part for part in parts if part not in slow]
    ordered: list[pytest.Item] = []
    while slow or quick:
        for part in (*slow[:1], *quick[:BETWEEN]):
            ordered += parts[part]
        del slow[:1], quick[:BETWEEN]
    return ordered


def _place(part: str) -> int:
    """Return where a slow part begins: whole files first, then tests in the order of `APART`."""
    file = part.partition("::")[0]
    return APART.index(file) if file in APART else -1
