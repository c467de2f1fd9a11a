"""Every installation that docs/installations.md calls supported, used as a user would use it."""

import asyncio
import contextlib
import os
import re
import shutil
import tempfile
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import pytest
import sqlalchemy as sa

from orchestrator.app import build
from orchestrator.dispatch import submit
from orchestrator.doctor import Level
from orchestrator.doctor.examine import examine
from orchestrator.doctor.redis import acl_rules
from orchestrator.embedded.stack import start_sandbox
from orchestrator.identity import company_key
from orchestrator.infra.redis_client import StoreUnavailable
from orchestrator.jobs import Job, JobKind, NewJob
from orchestrator.messaging import CeleryNotifier, create_app
from orchestrator.settings import load
from tests.support.crew import crew_of
from tests.support.database import migrated_file
from tests.support.loopback import loopback
from tests.support.project import read
from tests.support.redis_servers import (
    Installation,
    Opening,
    ServerMissing,
    behind_sentinel,
    by_socket,
    for_user,
    over_tls,
    plain,
    redis_6_2,
    redis_7,
    valkey_9,
    with_options,
)
from tests.support.sandbox import charges
from tests.support.waiting import wait_until

#: Companies of one row: enough to be in the middle of them when the server fails.
COMPANIES = 24
#: What a URL may not have unescaped, and what is no ASCII.
AWKWARD = "p@:/#%?& ñ€"


def documented_rules() -> str:
    """Return the rules of the user that docs/operations.md describes."""
    found = re.search(r"^user emasai on >PASSWORD (.+)$", read("docs/operations.md"), re.MULTILINE)
    assert found is not None
    return found[1]


ROWS: dict[str, Opening] = {
    "Redis 6.2": plain(redis_6_2, "pw"),
    "Redis 7": plain(redis_7, "pw"),
    "Valkey": plain(valkey_9, "pw"),
    "ACL user, Redis 6.2": for_user(redis_6_2, documented_rules()),
    "ACL user, Redis 7": for_user(redis_7, documented_rules()),
    "ACL user, Valkey": for_user(valkey_9, documented_rules()),
    "rediss:// with its own CA": over_tls(redis_7),
    "Sentinel": behind_sentinel(valkey_9),
    "unix:// and an awkward password": by_socket(valkey_9, AWKWARD.replace('"', "")),
    "options of the URL": with_options(
        valkey_9, "health_check_interval=30&socket_timeout=5&db=5&client_name=emasai"
    ),
}


@pytest.fixture(scope="module")
def sandbox_url() -> Iterator[tuple[str, Path]]:
    """Run one seller for all rows, whose answers take half a second; yield it with its home."""
    home = Path(tempfile.mkdtemp(prefix="emasai-s-"))
    sandbox = start_sandbox(home / "sandbox", home / "sandbox.log")
    faults = {"latency_min_ms": 500, "latency_max_ms": 500}
    faults |= {"not_found_rate": 0, "ambiguous_rate": 0}
    loopback.post(f"{sandbox.url}/__faults", json=faults).raise_for_status()
    yield sandbox.url, home
    sandbox.child.end()
    shutil.rmtree(home)


@pytest.fixture
def folder() -> Iterator[Path]:
    """Return a folder whose path is short enough for that of a socket."""
    folder = Path(tempfile.mkdtemp(prefix="emasai-i-"))
    yield folder
    shutil.rmtree(folder)


@pytest.mark.parametrize("row", ROWS)
def test_an_installation_works_and_survives_a_restart(
    row: str, sandbox_url: tuple[str, Path], folder: Path
) -> None:
    """The doctor finds no fault; the server fails in mid-run, and nothing is lost or paid twice."""
    url, home = sandbox_url
    companies = [f"Compañía x{uuid4().hex[:10]}" for _ in range(COMPANIES)]
    keys = {company_key(company) for company in companies}

    def bill() -> Counter[str]:
        return Counter({key: n for key, n in charges(home).items() if key in keys})

    with _opened(row, folder) as installation:
        variables = {
            **installation.variables,
            "DATABASE_URL": migrated_file(folder),
            "SURFSENSE_URL": url,
            "EMASAI_MAX_IN_FLIGHT": "4",
        }
        with crew_of(variables, folder) as crew:
            worker = crew.start("worker")
            job = asyncio.run(_submit(variables, companies))
            wait_until(lambda: len(bill()) > COMPANIES // 4, description="a quarter")
            assert len(bill()) < COMPANIES

            installation.fail()

            done = asyncio.run(_done(variables, job.job_id))
            diagnoses = asyncio.run(examine(load(**variables)))
            assert worker.is_alive

    assert [diagnosis for diagnosis in diagnoses if diagnosis.level is Level.FAULT] == []
    assert done.done == COMPANIES
    assert done.tally.get("failed", 0) == 0
    assert bill() == Counter(keys)
    assert _ledger(folder / "emasai.sqlite") == bill()


@contextlib.contextmanager
def _opened(row: str, folder: Path) -> Iterator[Installation]:
    """Run a row's servers; where this machine lacks one, only CI fails."""
    with contextlib.ExitStack() as stack:
        try:
            installation = stack.enter_context(ROWS[row](folder))
        except ServerMissing as missing:
            if os.environ.get("CI") == "true":
                raise
            pytest.skip(str(missing))
        yield installation


async def _submit(variables: dict[str, str], companies: list[str]) -> Job:
    settings = load(**variables)
    notifier = CeleryNotifier(create_app(settings))
    async with build(settings, notifier=notifier, chunk_items=6) as parts:
        job = await submit(parts, NewJob(JobKind.ENRICH, tuple(companies), settings.tenant))
    await notifier.aclose()
    return job


async def _done(variables: dict[str, str], job_id: str) -> Job:
    settings = load(**variables)
    notifier = CeleryNotifier(create_app(settings))
    async with build(settings, notifier=notifier) as parts, asyncio.timeout(60):
        job: Job | None = None
        while job is None or not job.state.is_final:
            with contextlib.suppress(StoreUnavailable):
                job = await parts.jobs.records.job(job_id)
            await asyncio.sleep(0.1)
    await notifier.aclose()
    return job


def _ledger(path: Path) -> Counter[str]:
    with sa.create_engine(f"sqlite:///{path}").connect() as connection:
        rows = connection.execute(
            sa.text("SELECT company_key FROM purchases WHERE cost_micros > 0")
        )
        return Counter(key for (key,) in rows)


def test_the_documented_installations_are_those_that_are_tried() -> None:
    """The table in docs/installations.md has each row of the matrix, and no other."""
    rows = re.findall(r"^\| ([^|]+?) \| ", read("docs/installations.md"), re.MULTILINE)

    assert [row for row in rows if row not in ("row", "---")] == list(ROWS)


def test_the_documented_user_may_do_what_the_doctor_tries() -> None:
    """The line in docs/operations.md is the table that the doctor examines a user by."""
    assert documented_rules() == acl_rules()
