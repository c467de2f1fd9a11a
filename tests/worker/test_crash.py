"""What survives when things are killed in the middle of a job like the demo's."""

import csv
import json
from collections.abc import Callable
from pathlib import Path

import pytest
import redis
import sqlalchemy

from tests.support.sandbox import charges, twice
from tests.support.waiting import wait_until
from tests.worker.conftest import Command

EXAMPLE = Path(__file__).parents[2] / "examples" / "leads.csv"
#: Lines of it that are enough for a kill in their middle: some 70 purchases.
LINES = 200
Start = Callable[..., Command]

#: Slow enough that a kill meets the job in its middle, on any machine.
SLOW = {"EMASAI_MAX_IN_FLIGHT": "6", "EMASAI_LEASE_S": "1"}


@pytest.fixture
def leads(tmp_path: Path) -> Path:
    """Return the beginning of the example, some rows of which cannot be used."""
    beginning = EXAMPLE.read_text("utf-8").splitlines(keepends=True)[:LINES]
    path = tmp_path / "leads.csv"
    path.write_text("".join(beginning), "utf-8")
    return path


def _bought_at_least(command: Command, count: int) -> bool:
    return charges(command.home).total() >= count


def _flights(command: Command) -> set[str]:
    """Return the companies with a purchase under way: their intent is written down."""
    with redis.Redis.from_url(command.variable("REDIS_URL")) as client:
        return {key.decode().rpartition(":")[2] for key in client.scan_iter("memo1:note:*")}


def _rows(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8-sig", newline="") as file:
        return list(csv.DictReader(file))


def _ledger(home: Path, outcome: str) -> set[str]:
    engine = sqlalchemy.create_engine(f"sqlite:///{home / 'emasai.sqlite'}")
    with engine.connect() as connection:
        statement = sqlalchemy.text("SELECT company_key FROM purchases WHERE outcome = :outcome")
        found = set(connection.scalars(statement, {"outcome": outcome}))
    engine.dispose()
    return found


def test_a_killed_worker_loses_nothing_and_nothing_is_paid_for_twice(
    start: Start, leads: Path, tmp_path: Path
) -> None:
    """`kill -9` of a worker mid-job: every row ends; calls that were in flight are uncertain."""
    output = tmp_path / "out.csv"
    command = start("run", leads, "-o", output, "--json", **SLOW)
    wait_until(lambda: _bought_at_least(command, 40), description="the job is in its middle")

    victim = command.workers()[0]
    victim.suspend()  # so that the calls in flight can be counted before they end
    in_flight = _flights(command)
    victim.kill()
    code, out, _ = command.end()

    assert code == 3  # the example has rows that cannot be used
    summary = json.loads(out)
    assert summary["pending"] == 0
    statuses = {row["emasai_status"] for row in _rows(output)}
    assert statuses <= {"opportunity", "discarded", "ambiguous", "invalid", "failed"}
    assert twice(charges(command.home)) == set()
    uncertain = _ledger(tmp_path / "home", "uncertain")
    assert uncertain <= in_flight
    assert summary["answers_lost"] == len(uncertain)


def test_after_ctrl_c_the_output_is_valid_and_the_next_run_finishes(
    start: Start, leads: Path, tmp_path: Path
) -> None:
    """Ctrl-C leaves a whole file with the rest `pending`; the next run buys only the rest."""
    output = tmp_path / "out.csv"
    command = start("run", leads, "-o", output, "--json", **SLOW)
    wait_until(lambda: _bought_at_least(command, 20), description="the job is in its middle")

    command.interrupt()
    code, out, _ = command.end()
    first = json.loads(out)
    interrupted = _rows(output)
    second = start("run", leads, "-o", output, "--json")
    second_code, second_out, _ = second.end()
    finished = json.loads(second_out)

    assert code == second_code == 3
    assert first["pending"] > 0
    assert len(interrupted) == first["rows"]
    assert sum(row["emasai_status"] == "pending" for row in interrupted) >= first["pending"]
    assert finished["pending"] == 0
    assert not _ledger(tmp_path / "home", "uncertain")
    assert not twice(charges(tmp_path / "home"))


def test_a_command_that_is_killed_leaves_nothing_that_keeps_the_next_from_starting(
    start: Start, leads: Path, tmp_path: Path
) -> None:
    """`kill -9` of the command itself: the next one ends what was left and finishes the job."""
    output = tmp_path / "out.csv"
    command = start("run", leads, "-o", output, "--json", **SLOW)
    wait_until(lambda: _bought_at_least(command, 20), description="the job is in its middle")
    orphans = command.process_children()

    command.process.kill()
    command.end()
    code, out, _ = start("run", leads, "-o", output, "--json").end()

    assert code == 3
    assert json.loads(out)["pending"] == 0
    assert not any(orphan.is_running() for orphan in orphans)


def test_ctrl_c_while_a_long_file_is_read_accepts_nothing(start: Start, tmp_path: Path) -> None:
    """Half a list is no job: the command says so, and the next one begins from nothing."""
    listing = tmp_path / "companies.csv"
    listing.write_text("empresa\n" + "".join(f"Acme {n}\n" for n in range(500_000)), "utf-8")
    start("enrich", "Acme Industrial").end()
    command = start("enrich", listing)
    wait_until(lambda: _jobs_keys(command) > 0, description="some of it is stored")

    command.interrupt()
    _, out, err = command.end()

    assert out == ""
    assert "nothing was accepted, and nothing bought" in err
    assert not (tmp_path / "companies.out.csv").exists()
    assert set(charges(command.home)) == {"acme_industrial"}


def _jobs_keys(command: Command) -> int:
    """Count what is stored of jobs."""
    if command.state is None:
        return 0
    memo_url = command.variable("REDIS_URL")
    with redis.Redis.from_url(f"{memo_url.rpartition('/')[0]}/3") as client:
        return sum(1 for _ in client.scan_iter("jobs1:*:items:*"))
