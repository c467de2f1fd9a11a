"""A whole installation whose parts a test stops, silences and kills: nothing brings them back.

Valkey, SQLite and a seller of our own, worker processes and commands, each under the test's hand.
"""

import os
import signal
from collections import Counter
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import AsyncExitStack, ExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

import psutil

from orchestrator.app import Runtime, build
from orchestrator.dispatch import submit
from orchestrator.embedded.stack import Valkey
from orchestrator.infra.redis_client import StoreUnavailable
from orchestrator.jobs import Job, JobFilter, JobKind, NewJob
from orchestrator.messaging import CeleryNotifier, create_app
from orchestrator.settings import load
from tests.support.async_waiting import eventually
from tests.support.audit import Audit, audit
from tests.support.crew import Crew, CrewMember, crew_of
from tests.support.database import migrated_file
from tests.support.forking import ForkedProcess, forked
from tests.support.hostile_seller import PRICES, HostileSeller, running_seller
from tests.support.valkey import bring_back, kill, running_valkey

#: Items of a chunk of a job that a test submits: several chunks of a few companies.
CHUNK_ITEMS = 5
#: Settings that both protocols need, and those that make a test of answers of seconds short.
VARIABLES = {
    "SURFSENSE_API_KEY": "ss_pat_test",
    "SURFSENSE_WORKSPACE_ID": "1",
    "EMASAI_LEASE_S": "1",
    "EMASAI_FAILURE_TTL_S": "1",
    # The seller of the tests has no limit, and answers are to overlap.
    "EMASAI_POSTS_PER_MINUTE": "6000",
}


@dataclass(slots=True)
class Installation:
    """Everything of one installation; `variables` configure its processes."""

    folder: Path
    valkey: Valkey
    seller: HostileSeller
    variables: dict[str, str]
    crew: Crew
    parts: Runtime
    commands: list[ForkedProcess] = field(default_factory=list)

    @property
    def database(self) -> Path:
        """The file of the SQL database."""
        return self.folder / "emasai.sqlite"

    @property
    def gives_run_ids(self) -> bool:
        """Whether the seller gives run ids, so that every charge can be known."""
        return self.variables["SURFSENSE_PROTOCOL"] == "workspace"

    def audit(self) -> Audit:
        """Hold the books against each other as they are."""
        return audit(self.seller.bill, self.database)

    def start_worker(
        self, name: str, *, app: str = "orchestrator.celery_app", **variables: str
    ) -> CrewMember:
        """Start a worker process."""
        return self.crew.start(name, app=app, **variables)

    async def start_crew(
        self, count: int, *, app: str = "orchestrator.celery_app", **variables: str
    ) -> None:
        """Start so many workers; return once each of them takes work."""
        for number in range(count):
            self.start_worker(f"worker{number}", app=app, **variables)
        await self.until_workers_are_there(count)

    async def until_workers_are_there(self, count: int) -> None:
        """Wait until so many workers give signs of life."""

        async def are_there() -> bool:
            return len(await self.parts.jobs.workers.alive()) >= count

        await eventually(are_there, f"{count} workers are there", within_s=90)

    def start_command(self, *arguments: str) -> ForkedProcess:
        """Start `emasai` with *arguments*; what it prints goes to the folder's `commands.log`."""
        process = forked(
            ("orchestrator.cli", *arguments),
            env={**os.environ, **self.variables},
            log=self.folder / "commands.log",
        )
        self.commands.append(process)
        return process

    def start_file_command(self, companies: Sequence[str]) -> ForkedProcess:
        """Start `emasai enrich` with a file of *companies*."""
        path = self.folder / f"companies{len(self.commands)}.csv"
        path.write_text("\n".join(["empresa", *companies, ""]), "utf-8")
        return self.start_command("enrich", str(path))

    async def submit(self, companies: Sequence[str]) -> Job:
        """Have *companies* enriched by a job of their own."""
        new = NewJob(JobKind.ENRICH, tuple(companies), self.parts.settings.tenant)
        return await submit(self.parts, new)

    async def until_all_jobs_ended(self, *, within_s: float) -> list[Job]:
        """Wait until every job has ended, and return them."""
        jobs: list[Job] = []

        async def have_ended() -> bool:
            try:
                jobs[:] = [job async for job in self.parts.jobs.job_list.newest(JobFilter())]
            except StoreUnavailable:
                return False
            return all(job.state.is_final for job in jobs)

        await eventually(have_ended, "every job has ended", within_s=within_s)
        return jobs

    async def until_commands_ended(self, *, within_s: float) -> None:
        """Wait until every command has ended."""

        async def have_ended() -> bool:
            return all(command.poll() is not None for command in self.commands)

        await eventually(have_ended, "every command has ended", within_s=within_s)

    async def statuses_of(self, job: Job) -> Counter[str]:
        """Return how many rows of *job* have which status, with the code of those that failed."""
        found: Counter[str] = Counter()
        async for _, row in self.parts.jobs.results.rows(job, with_evidence=False):
            found[" ".join(filter(None, [row["status"], row.get("code")]))] += 1
        found["pending"] += job.total - found.total()
        return +found

    async def first_to_buy(self) -> CrewMember:
        """Return the first worker that is seen talking to the seller."""
        port = urlsplit(self.seller.url).port

        def buys(process: psutil.Process) -> bool:
            connections = process.net_connections("tcp")
            established = [one for one in connections if one.status == psutil.CONN_ESTABLISHED]
            return any(one.raddr.port == port for one in established)

        return await self._first_that(buys, "a worker buys")

    async def first_to_stand_still(self) -> CrewMember:
        """Return the first worker that is seen stopped."""

        def stands_still(process: psutil.Process) -> bool:
            return bool(process.status() == psutil.STATUS_STOPPED)

        return await self._first_that(stands_still, "a worker stands still")

    async def _first_that(self, does: Callable[[psutil.Process], bool], what: str) -> CrewMember:
        seen: list[CrewMember] = []

        async def one_does() -> bool:
            seen.extend(m for m in self.crew.members if does(psutil.Process(m.process.pid)))
            return bool(seen)

        await eventually(one_does, what, within_s=90)
        return seen[0]

    async def until_orders(self, count: int, *, within_s: float = 60) -> None:
        """Wait until the seller was sent so many orders."""

        async def were_sent() -> bool:
            return self.seller.orders() >= count

        await eventually(were_sent, f"{count} orders were sent", within_s=within_s)

    async def faults_of_the_books(self, *, within_s: float) -> list[str]:
        """Return where the books break the promise, once what is owed has had time to settle."""
        faults = ["not looked at"]

        async def agree() -> bool:
            is_idle = self.seller.in_flight() == 0
            faults[:] = self.audit().faults(is_exact=self.gives_run_ids)
            return is_idle and (not faults or bool(self.audit().charged_twice))

        try:
            await eventually(agree, "the books agree", within_s=within_s)
        except AssertionError:
            return faults
        return faults

    def signal_valkey(self, number: signal.Signals) -> None:
        """Send the server a signal."""
        os.kill(self.valkey.child.identity.pid, number)

    def kill_valkey(self) -> None:
        """End the server as `kill -9` does; it stays away."""
        kill(self.valkey)

    def bring_valkey_back(self) -> None:
        """Start the server again with what it has on disk."""
        bring_back(self.valkey)

    def end(self) -> None:
        """End the commands that still run, and have everything awake that stood still."""
        for command in self.commands:
            command.kill()
            command.wait()
        for member in self.crew.members:
            if member.is_alive:
                member.send(signal.SIGCONT)
        if self.valkey.child.is_alive:
            self.signal_valkey(signal.SIGCONT)


@asynccontextmanager
async def running_installation(
    folder: Path, *, protocol: str, variables: Mapping[str, str] | None = None
) -> AsyncIterator[Installation]:
    """Run an installation without workers in *folder* for the duration of the block."""
    with ExitStack() as stack:
        valkey = stack.enter_context(running_valkey(folder / "valkey"))
        seller = stack.enter_context(running_seller(folder))
        ours = {
            **VARIABLES,
            "REDIS_URL": f"{valkey.url}/1",
            "DATABASE_URL": migrated_file(folder),
            "SURFSENSE_URL": seller.url,
            "SURFSENSE_PROTOCOL": protocol,
            "EMASAI_PRICE_MICROS": str(PRICES[protocol]),
            **(variables or {}),
        }
        crew = stack.enter_context(crew_of(ours, folder))
        settings = load(**ours)
        notifier = CeleryNotifier(create_app(settings))
        async with AsyncExitStack() as runtime:
            ours_built = build(settings, notifier=notifier, chunk_items=CHUNK_ITEMS)
            parts = await runtime.enter_async_context(ours_built)
            installation = Installation(folder, valkey, seller, ours, crew, parts)
            try:
                yield installation
            finally:
                installation.end()
                crew.end()
        await notifier.aclose()
