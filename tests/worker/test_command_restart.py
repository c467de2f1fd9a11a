"""The server is killed under a command: it waits as workers do, and ends as if it had not been."""

import json
from collections.abc import Callable
from pathlib import Path
from uuid import uuid4

import psutil
import pytest

from orchestrator.identity import company_key
from tests.support.loopback import loopback
from tests.support.sandbox import charges
from tests.support.waiting import wait_until
from tests.worker.conftest import Command


def _valkey(command: Command) -> psutil.Process:
    (found,) = [each for each in command.process_children() if "valkey" in each.name()]
    return found


@pytest.mark.parametrize("verb", ["enrich", "run"])
def test_a_command_waits_through_a_restart(
    start: Callable[..., Command], tmp_path: Path, verb: str
) -> None:
    """All rows have their result, each company is paid once, and nothing untrue is said."""
    names = [f"Compañía x{uuid4().hex[:10]}" for _ in range(12)]
    rows = [f"{name},Ada P,p{n}@{uuid4().hex[:8]}.test" for n, name in enumerate(names)]
    (tmp_path / "leads.csv").write_text(
        "\n".join(["company,contact,email", *rows]), encoding="utf-8"
    )
    command = start(verb, tmp_path / "leads.csv", "--json", EMASAI_MAX_IN_FLIGHT="2")
    wait_until(lambda: command.state is not None, description="the stack runs")
    faults = {"latency_min_ms": 700, "latency_max_ms": 700}
    faults |= {"not_found_rate": 0, "ambiguous_rate": 0}
    url = f"{command.variable('SURFSENSE_URL')}/__faults"
    loopback.post(url, json=faults).raise_for_status()
    wait_until(lambda: sum(charges(command.home).values()) > 1, description="some")

    _valkey(command).kill()

    code, out, err = command.end()
    assert code == 0, err
    assert json.loads(out)["pending"] == 0
    assert "othing was bought" not in err
    paid = charges(command.home)
    assert {company_key(name) for name in names} <= set(paid)
    assert set(paid.values()) == {1}
