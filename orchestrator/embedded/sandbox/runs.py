"""The runs that the verbs are done in (rows, store, simulation), and the seller's own bill.

As in SurfSense, work is in one process and rows are durable: what a restart finds running is
marked as an error, although another process may be at work on it, succeed and charge.

The bill says what was charged for which company, independent of the buyer's ledger. A line is in
the file before its answer is sent, so whatever was sold survives `kill -9`; a line torn by one is
no purchase and is cut off.
"""

import asyncio
import os
import uuid
from collections import Counter, defaultdict
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path
from typing import Any

import orjson

from orchestrator.infra.clock import utc_now

from .auth import Auth
from .behaviour import RunFault, fault_of, latency_s
from .companies import World
from .fake_data import uniform
from .requests import REQUESTS, JobsRequest, Request
from .verbs import Result, Scene, UpstreamError, perform, without_nulls


class JsonLines:
    """An append-only file of JSON lines that survives `kill -9`; no path, no file."""

    def __init__(self, path: Path | None) -> None:
        self._path = path
        self._file = None if path is None else _open_for_append(path)

    def read(self) -> Iterator[dict[str, Any]]:
        """Yield the lines that are in the file, oldest first."""
        written = b"" if self._path is None else self._path.read_bytes()
        # Not `splitlines`, which also splits at bytes that may be inside of a line.
        yield from (orjson.loads(line) for line in written.split(b"\n") if line)

    def append(self, line: dict[str, Any]) -> None:
        """Write *line*. When this returns, it survives the end of this process."""
        if self._file is not None:
            # One write a line, past every buffer of this process.
            os.write(self._file, orjson.dumps(line) + b"\n")

    def close(self) -> None:
        """Close the file; nothing can be appended afterwards."""
        if self._file is not None:
            os.close(self._file)


def _open_for_append(path: Path) -> int:
    """Open *path* for appending, without the line that a `kill -9` may have torn."""
    path.parent.mkdir(parents=True, exist_ok=True)
    file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o600)
    written = path.read_bytes()
    os.ftruncate(file, written.rfind(b"\n") + 1)
    return file


@dataclass(frozen=True, slots=True)
class Purchase:
    """One charge. `name` is the company as it was typed, or a host; `key` the company's identity.

    `purchase_id` is the `Idempotency-Key` of an `/enrich`, the run id of a run; `verb` is "enrich"
    or that of the run, and `units` are its pages, places or jobs.
    """

    at_ms: int
    key: str
    name: str
    purchase_id: str
    outcome: str
    cost_micros: int
    verb: str = "enrich"
    units: int = 1


class Bill:
    """The purchases since the last reset, in memory and, given a path, in a file."""

    def __init__(self, path: Path | None) -> None:
        self._lines = JsonLines(path)
        self._clear()
        for line in self._lines.read():
            self._read(line)

    def record(self, purchase: Purchase) -> None:
        """Charge *purchase*. When this returns, it survives the end of this process."""
        self._lines.append(asdict(purchase))
        self._count(purchase)

    def reset(self) -> None:
        """Set the totals to zero; the file keeps the past."""
        self._lines.append({"reset": True})
        self._clear()

    def key_charged_for(self, purchase_id: str) -> str | None:
        """Return the company key that *purchase_id* was charged for, if it was."""
        return self._key_by_purchase_id.get(purchase_id)

    @property
    def total_micros(self) -> int:
        """Micro-USD charged since the last reset."""
        return self._micros.total()

    def summary(self) -> dict[str, Any]:
        """Return purchases and micro-USD: in total, by verb, and by company with all raw names.

        By verb, `units` are pages, places or jobs, and each company has all three again.
        """
        return {
            "purchases": self._purchases.total(),
            "total_micros": self.total_micros,
            "verbs": {
                verb: {**sum(companies.values(), Counter[str]()), "companies": companies}
                for verb, companies in sorted(self._verbs.items())
            },
            "companies": {
                key: {
                    "purchases": count,
                    "micros": self._micros[key],
                    "names": self._names[key],
                }
                for key, count in sorted(self._purchases.items())
            },
        }

    def close(self) -> None:
        """Close the file; nothing can be recorded afterwards."""
        self._lines.close()

    def _clear(self) -> None:
        self._purchases: Counter[str] = Counter()
        self._micros: Counter[str] = Counter()
        self._names: defaultdict[str, list[str]] = defaultdict(list)
        # By verb, by company: purchases, units and micro-USD.
        self._verbs: dict[str, dict[str, Counter[str]]] = {}
        self._key_by_purchase_id: dict[str, str] = {}

    def _read(self, line: dict[str, Any]) -> None:
        if "reset" in line:
            self._clear()
        else:
            self._count(Purchase(**line))

    def _count(self, purchase: Purchase) -> None:
        self._purchases[purchase.key] += 1
        self._micros[purchase.key] += purchase.cost_micros
        self._names[purchase.key].append(purchase.name)
        added = {"purchases": 1, "units": purchase.units, "micros": purchase.cost_micros}
        companies = self._verbs.setdefault(purchase.verb, {})
        companies.setdefault(purchase.key, Counter()).update(added)
        if purchase.purchase_id:
            self._key_by_purchase_id[purchase.purchase_id] = purchase.key


RUNNING, SUCCESS, ERROR, CANCELLED = "running", "success", "error", "cancelled"
#: Error of the runs that a restart finds running.
INTERRUPTED = "Interrupted by server restart"
#: Error of the runs that Indeed does not let in: a 403 where the call is synchronous.
BLOCKED = "Indeed refused anonymous access"


@dataclass(frozen=True, slots=True)
class Run:
    """One row. `succeeds_late` marks an interrupted run that will succeed; no answer shows it."""

    id: str
    created_at_ms: int
    input: dict[str, Any]
    capability: str = "google_search.scrape"
    workspace_id: str = "1"
    status: str = RUNNING
    item_count: int = 0
    char_count: int = 0
    duration_ms: int | None = None
    cost_micros: int | None = None
    error: str | None = None
    output_text: str | None = None
    succeeds_late: bool = False

    def summary(self) -> dict[str, Any]:
        """Return the row as the list shows it."""
        return {
            "id": f"run_{self.id}",
            "capability": self.capability,
            "origin": "api",
            "status": self.status,
            "item_count": self.item_count,
            "char_count": self.char_count,
            "duration_ms": self.duration_ms,
            "cost_micros": self.cost_micros,
            "error": self.error,
            "created_at": datetime.fromtimestamp(self.created_at_ms / 1000, UTC).isoformat(),
        }

    def detail(self) -> dict[str, Any]:
        """Return the row in full."""
        more = {"thread_id": None, "input": self.input, "output_text": self.output_text}
        return self.summary() | more | {"progress": None}


class RunStore:
    """All runs since the last reset, newest last; each change is a line of the file."""

    def __init__(self, path: Path | None) -> None:
        self._lines = JsonLines(path)
        self._runs: dict[str, Run] = {}
        for line in self._lines.read():
            if "reset" in line:
                self._runs.clear()
            else:
                self._runs[line["id"]] = Run(**line)

    def write(self, run: Run) -> None:
        """Add or change *run*. When this returns, it survives the end of this process."""
        self._lines.append(asdict(run))
        self._runs[run.id] = run

    def get(self, run_id: str) -> Run | None:
        """Return a run by its id, which may have the prefix `run_`."""
        return self._runs.get(run_id.removeprefix("run_"))

    def all(self) -> list[Run]:
        """Return all runs, the oldest first."""
        return [*self._runs.values()]

    def page(
        self,
        workspace_id: str,
        *,
        limit: int,
        offset: int,
        capability: str | None,
        status: str | None,
    ) -> list[Run]:
        """Return *limit* runs of a workspace, newest first, *offset* runs on."""
        newest_first = (
            run
            for run in reversed(self._runs.values())
            if run.workspace_id == workspace_id
            and capability in {None, run.capability}
            and status in {None, run.status}
        )
        return list(islice(newest_first, offset, offset + limit))

    def reset(self) -> None:
        """Forget all runs; the file keeps the past."""
        self._lines.append({"reset": True})
        self._runs.clear()

    def close(self) -> None:
        """Close the file; nothing can be written afterwards."""
        self._lines.close()


class RunSimulator:
    """Performs the runs of this process: takes their time and charges those that succeed.

    Needs a running event loop.
    """

    def __init__(
        self, store: RunStore, bill: Bill, auth: Auth, world: Callable[[], World | None]
    ) -> None:
        self._store = store
        self._bill = bill
        self._auth = auth
        self._world = world
        self._tasks: dict[str, asyncio.Task[Result | None]] = {}

    def resume(self) -> None:
        """Interrupt the runs that an earlier process left; some of them succeed later."""
        behaviour = self._auth.behaviour
        for run in self._store.all():
            if run.status == RUNNING:
                drawn = uniform(behaviour.seed, run.id, "interrupted")
                # Charged before the process ended: its success is reported in any case.
                is_charged = self._bill.key_charged_for(run.id) is not None
                is_late = is_charged or drawn < behaviour.interrupted_then_succeeds_rate
                self._store.write(
                    replace(run, status=ERROR, error=INTERRUPTED, succeeds_late=is_late)
                )
        for run in self._store.all():
            if run.status == ERROR and run.succeeds_late:
                self._begin(run, self._succeed_late(run, behaviour.interrupted_late_ms / 1000))

    def start(self, request: Request, key: str, attempt: int, workspace_id: str) -> Run:
        """Store and begin a run, the *attempt*-th of its verb about the company *key*."""
        run = Run(
            id=str(uuid.uuid4()),
            created_at_ms=_now_ms(),
            input=request.model_dump(exclude_none=True),
            capability=request.verb,
            workspace_id=workspace_id,
        )
        self._store.write(run)
        self._begin(run, self._work(run, request, key, attempt))
        return run

    async def outcome(self, run: Run) -> Result | None:
        """Return what *run* brings once it has ended; None if it failed or was cancelled."""
        task = self._tasks.get(run.id)
        if task is None:
            return None
        await asyncio.wait([task])
        return None if task.cancelled() else task.result()

    async def ends_within(self, run: Run, seconds: float) -> bool:
        """Wait for the end of *run*; False if it has not come within so many seconds."""
        task = self._tasks.get(run.id)
        return task is None or bool((await asyncio.wait([task], timeout=seconds))[0])

    def cancel(self, run: Run) -> bool:
        """Stop *run* before it is charged; False if it is not under way."""
        if run.status != RUNNING:
            return False
        self._tasks.pop(run.id).cancel()
        self._store.write(replace(run, status=CANCELLED, duration_ms=_duration_ms(run)))
        return True

    def stop(self) -> None:
        """Drop all work where it is."""
        for task in self._tasks.values():
            task.cancel()
        self._tasks.clear()

    def _begin(self, run: Run, work: Awaitable[Result | None]) -> None:
        task = asyncio.ensure_future(work)
        self._tasks[run.id] = task
        task.add_done_callback(lambda _: self._tasks.pop(run.id, None))

    async def _work(self, run: Run, request: Request, key: str, attempt: int) -> Result | None:
        behaviour = self._auth.behaviour
        with self._auth.one_more_in_flight():
            await asyncio.sleep(latency_s(behaviour, key, attempt))
            fault = fault_of(RunFault, behaviour, key, attempt)
            if fault is RunFault.BLOCKED and not isinstance(request, JobsRequest):
                fault = None
            self._auth.count(fault)
            match fault:
                case None:
                    return self._succeed(run, attempt)
                case RunFault.HANG:
                    await asyncio.Event().wait()
                case RunFault.BLOCKED:
                    self._fail(run, BLOCKED)
                case RunFault.ERROR:
                    self._fail(run, upstream_error(run.capability))
        return None

    async def _succeed_late(self, run: Run, after_s: float) -> Result | None:
        await asyncio.sleep(after_s)
        return self._succeed(run, 1)

    def _fail(self, run: Run, error: str) -> None:
        failed = replace(run, status=ERROR, error=error, succeeds_late=False)
        self._store.write(replace(failed, duration_ms=_duration_ms(run)))

    def _succeed(self, run: Run, attempt: int) -> Result | None:
        """Charge the results, then store them; after a crash in between they are charged."""
        request = REQUESTS[run.capability].model_validate(run.input)
        scene = Scene(self._world(), self._auth.behaviour, utc_now(), attempt)
        try:
            result = perform(request, scene)
        except UpstreamError:
            self._fail(run, upstream_error(run.capability))
            return None
        if self._bill.key_charged_for(run.id) is None:
            self._charge(run, result)
        output = "\n".join(orjson.dumps(without_nulls(item)).decode() for item in result.items)
        self._store.write(
            replace(
                run,
                status=SUCCESS,
                error=None,
                item_count=len(result.items),
                char_count=len(output),
                duration_ms=_duration_ms(run),
                cost_micros=sum(charge.micros for charge in result.charges),
                output_text=output,
            )
        )
        return result

    def _charge(self, run: Run, result: Result) -> None:
        for charge in result.charges:
            self._bill.record(
                Purchase(
                    at_ms=_now_ms(),
                    key=charge.key,
                    name=charge.name,
                    purchase_id=run.id,
                    outcome=charge.outcome,
                    cost_micros=charge.micros,
                    verb=run.capability,
                    units=charge.units,
                )
            )


def upstream_error(capability: str) -> str:
    """Return the error of a run whose scraper failed."""
    return f"The '{capability}' capability failed due to an upstream error."


def _now_ms() -> int:
    return int(utc_now().timestamp() * 1000)


def _duration_ms(run: Run) -> int:
    return _now_ms() - run.created_at_ms
