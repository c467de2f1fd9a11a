"""`google_search.scrape` and the runs it is done in: request, results, store, and simulation.

An item has the real one's fields, about the invented company; and under `empresa`, which no item
of SurfSense has, the JSON object that `/enrich` answers: agents decide alike by either protocol.
As in SurfSense, work is in one process and rows are durable: what a restart finds running is
marked as an error, although another process may be at work on it, succeed and charge.
"""

import asyncio
import re
import uuid
from collections.abc import Awaitable
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path
from typing import Annotated, Any
from urllib.parse import quote_plus

import orjson
from pydantic import BaseModel, ConfigDict, Field

from orchestrator.embedded.sandbox.auth import Auth
from orchestrator.embedded.sandbox.behaviour import Behaviour, RunFault, fault_of, latency_s
from orchestrator.embedded.sandbox.bill import Bill, JsonLines, Purchase
from orchestrator.embedded.sandbox.fake_data import SEARCH_MICROS, invent, uniform
from orchestrator.identity import InvalidCompanyName, company_key
from orchestrator.infra.clock import utc_now

CAPABILITY = "google_search.scrape"
RUNNING, SUCCESS, ERROR, CANCELLED = "running", "success", "error", "cancelled"
#: Error of the runs that a restart finds running.
INTERRUPTED = "Interrupted by server restart"

_UPSTREAM_ERROR = f"The '{CAPABILITY}' capability failed due to an upstream error."
_QUOTED = re.compile(r'"([^"]+)"')
#: A quoted name, and the domain or country that distinguishes companies of the name.
_DETAILED = re.compile(r'"([^"]+)" (\S+\.\S+|[A-Z]{2})')


class SearchRequest(BaseModel):
    """The request model, with SurfSense's limits and defaults; unknown fields are ignored."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    queries: Annotated[list[str], Field(min_length=1, max_length=20)]
    max_pages_per_query: Annotated[int, Field(ge=1, le=10)] = 1
    country_code: str | None = None
    language_code: str = ""
    site: str | None = None

    @property
    def phrases(self) -> list[str]:
        """The searches that are made: a newline inside of a query makes two, a blank one none."""
        lines = (line.strip() for query in self.queries for line in query.split("\n"))
        return [line for line in lines if line]

    @property
    def worst_case_micros(self) -> int:
        """What the request costs at most."""
        return len(self.queries) * self.max_pages_per_query * SEARCH_MICROS


@dataclass(frozen=True, slots=True)
class SearchResult:
    """Result of one search: its company, as typed and by key, its items, and their price."""

    name: str
    key: str
    outcome: str
    items: list[dict[str, Any]]
    cost_micros: int


def topic_of(phrase: str) -> tuple[str, str]:
    """Return the company that a search phrase is about, as typed and by its key."""
    quoted, detailed = _QUOTED.search(phrase), _DETAILED.fullmatch(phrase)
    name = quoted[1].strip() if quoted else phrase
    if detailed:
        name = f"{name} ({detailed[2]})"
    try:
        return name, company_key(name)
    except InvalidCompanyName:
        return name, ""


def search(
    phrase: str, request: SearchRequest, behaviour: Behaviour, now: datetime
) -> SearchResult:
    """Return the result of *phrase*: an item per page; none, for free, of an unknown company."""
    name, key = topic_of(phrase)
    answer = invent(
        name,
        key,
        now,
        not_found_rate=behaviour.not_found_rate,
        ambiguous_rate=behaviour.ambiguous_rate,
    )
    if not key or answer["estado"] == "no_encontrada":
        return SearchResult(name, key, "no_encontrada", [], 0)
    pages = request.max_pages_per_query
    micros = pages * SEARCH_MICROS
    price = {"cost_micros": micros, "cost_items": {"google_search.page": micros}}
    results = _organic_results(answer)
    items = [_item(phrase, page, [] if page > 1 else results) for page in range(1, pages + 1)]
    items[0]["empresa"] = answer | price
    return SearchResult(name, key, answer["estado"], items, micros)


def _item(phrase: str, page: int, results: list[dict[str, Any]]) -> dict[str, Any]:
    return {
        "searchQuery": {
            "term": phrase,
            "url": f"https://www.google.com/search?q={quote_plus(phrase)}",
            "device": "DESKTOP",
            "page": page,
            "type": "SEARCH",
            "domain": "google.com",
            "languageCode": "",
        },
        "resultsTotal": len(results),
        "organicResults": results,
        "paidResults": [],
        "paidProducts": [],
        "relatedQueries": [],
        "peopleAlsoAsk": [],
    }


def _organic_results(answer: dict[str, Any]) -> list[dict[str, Any]]:
    """Return hits on the invented company's own pages, its site first."""
    site = [answer["website"]] if "website" in answer else []
    urls = [datum["value"] for datum in [*site, *answer.get("socials", [])]]
    description = answer.get("description", {}).get("value", answer["aviso"])
    return [
        {
            "title": answer["empresa"],
            "url": url,
            "displayedUrl": url,
            "description": description,
            "emphasizedKeywords": [answer["empresa"]],
            "siteLinks": [],
            "type": "organic",
            "position": position,
        }
        for position, url in enumerate(urls, start=1)
    ]


@dataclass(frozen=True, slots=True)
class Run:
    """One row. `succeeds_late` marks an interrupted run that will succeed; no answer shows it."""

    id: str
    created_at_ms: int
    input: dict[str, Any]
    capability: str = CAPABILITY
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
        self, *, limit: int, offset: int, capability: str | None, status: str | None
    ) -> list[Run]:
        """Return *limit* runs, newest first, *offset* runs on."""
        newest_first = (
            run
            for run in reversed(self._runs.values())
            if capability in {None, run.capability} and status in {None, run.status}
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

    def __init__(self, store: RunStore, bill: Bill, auth: Auth) -> None:
        self._store = store
        self._bill = bill
        self._auth = auth
        self._tasks: dict[str, asyncio.Task[None]] = {}

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

    def start(self, request: SearchRequest, key: str, attempt: int) -> Run:
        """Store and begin a run, the *attempt*-th about the company *key*."""
        run = Run(
            id=str(uuid.uuid4()),
            created_at_ms=_now_ms(),
            input=request.model_dump(exclude_none=True),
        )
        self._store.write(run)
        self._begin(run, self._work(run, key, attempt))
        return run

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

    def _begin(self, run: Run, work: Awaitable[None]) -> None:
        task = asyncio.ensure_future(work)
        self._tasks[run.id] = task
        task.add_done_callback(lambda _: self._tasks.pop(run.id, None))

    async def _work(self, run: Run, key: str, attempt: int) -> None:
        behaviour = self._auth.behaviour
        with self._auth.one_more_in_flight():
            await asyncio.sleep(latency_s(behaviour, key, attempt))
            fault = fault_of(RunFault, behaviour, key, attempt)
            self._auth.count(fault)
            if fault is None:
                self._succeed(run)
            else:
                failed = replace(run, status=ERROR, error=_UPSTREAM_ERROR)
                self._store.write(replace(failed, duration_ms=_duration_ms(run)))

    async def _succeed_late(self, run: Run, after_s: float) -> None:
        await asyncio.sleep(after_s)
        self._succeed(run)

    def _succeed(self, run: Run) -> None:
        """Charge the results, then store them; after a crash in between they are charged."""
        request = SearchRequest.model_validate(run.input)
        now = utc_now()
        results = [search(phrase, request, self._auth.behaviour, now) for phrase in request.phrases]
        if self._bill.key_charged_for(run.id) is None:
            for result in results:
                if result.items:
                    self._bill.record(
                        Purchase(
                            at_ms=_now_ms(),
                            key=result.key,
                            name=result.name,
                            purchase_id=run.id,
                            outcome=result.outcome,
                            cost_micros=result.cost_micros,
                        )
                    )
        lines = [orjson.dumps(item).decode() for result in results for item in result.items]
        output = "\n".join(lines)
        self._store.write(
            replace(
                run,
                status=SUCCESS,
                error=None,
                item_count=len(lines),
                char_count=len(output),
                duration_ms=_duration_ms(run),
                cost_micros=sum(result.cost_micros for result in results),
                output_text=output,
            )
        )


def _now_ms() -> int:
    return int(utc_now().timestamp() * 1000)


def _duration_ms(run: Run) -> int:
    return _now_ms() - run.created_at_ms
