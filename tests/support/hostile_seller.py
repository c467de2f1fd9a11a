"""A SurfSense for tests: takes its time, goes wrong as ordered, and charges what it has accepted.

`python -m tests.support.hostile_seller BILL PORT` serves both protocols and shares no code with
the sandbox, so that books are held against a second opinion. An order by `enrich` is charged as
soon as it is accepted, a run when it has succeeded, whether or not a buyer still waits.
"""

import asyncio
import os
import sys
import uuid
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from enum import StrEnum
from hashlib import blake2b
from pathlib import Path
from typing import Any

import httpx
import orjson
from aiohttp import web

from orchestrator.embedded.stack import free_port
from tests.support.forking import forked
from tests.support.loopback import loopback
from tests.support.waiting import wait_until

#: Micro-USD of a company by `enrich`, and of a run.
PRICES = {"enrich": 46_500, "workspace": 5_500}
#: Seconds after which a request that is never answered is let go of.
NEVER_S = 3600
_SCRAPERS = "/api/v1/workspaces/1/scrapers"
_CAPABILITY = "google_search.scrape"
JsonObject = dict[str, Any]


class Mishap(StrEnum):
    """What goes wrong with an order; all but `REFUSED` come after it was accepted."""

    SILENCE = "silence"
    RESET = "reset"
    ERROR_AFTER_CHARGE = "error_after_charge"
    REFUSED = "refused"


@dataclass(frozen=True, slots=True)
class Behaviour:
    """How the seller behaves: set by `POST /__behave`, and at once.

    An answer takes a time between the two, the same for the same company. The first `mishaps`
    orders of a company meet the `mishap`. A `listing_fails` hides which runs there are.
    """

    answer_min_s: float = 0
    answer_max_s: float = 0
    honours_key: bool = False
    mishap: Mishap | None = None
    mishaps: int = 1
    listing_fails: bool = False

    def answer_s(self, company: str) -> float:
        """Return how long the answer about *company* takes."""
        drawn = int.from_bytes(blake2b(company.encode(), digest_size=4).digest()) / 2**32
        return self.answer_min_s + drawn * (self.answer_max_s - self.answer_min_s)


class Bill:
    """What was charged, a line a charge, written through before it is answered."""

    def __init__(self, path: Path) -> None:
        self._file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)

    def charge(self, company: str, protocol: str, order: str) -> None:
        """Charge *company* for the *order*: an idempotency key, or a run id."""
        line = {
            "company": company,
            "micros": PRICES[protocol],
            "order": order,
            "at": datetime.now(UTC).isoformat(),
        }
        os.write(self._file, orjson.dumps(line) + b"\n")


@dataclass(slots=True)
class Run:
    """A run of the `workspace` protocol."""

    id: str
    company: str
    created_at: datetime
    input: JsonObject
    status: str = "running"
    work: asyncio.Task[None] | None = None

    def row(self) -> JsonObject:
        """Return it as the list and the look have it."""
        is_done = self.status == "success"
        item = {"organicResults": [], "empresa": _answer(self.company, PRICES["workspace"])}
        return {
            "id": f"run_{self.id}",
            "capability": _CAPABILITY,
            "origin": "api",
            "status": self.status,
            "cost_micros": PRICES["workspace"] if is_done else None,
            "error": None,
            "created_at": self.created_at.isoformat(),
            "input": self.input,
            "output_text": orjson.dumps(item).decode() if is_done else None,
        }


class _Seller:
    def __init__(self, bill: Bill) -> None:
        self._bill = bill
        self._behaviour = Behaviour()
        self._runs: dict[str, Run] = {}
        self._orders: Counter[str] = Counter()
        self._charged_keys: set[str] = set()
        self._in_flight = 0

    def app(self) -> web.Application:
        app = web.Application()
        app.add_routes(
            [
                web.get("/health", self._health),
                web.get("/verify-token", self._health),
                web.post("/__behave", self._behave),
                web.get("/__state", self._state),
                web.post("/enrich", self._enrich),
                web.post(f"{_SCRAPERS}/google_search/scrape", self._start),
                web.get(f"{_SCRAPERS}/runs", self._list),
                web.get(f"{_SCRAPERS}/runs/{{run}}", self._show),
                web.post(f"{_SCRAPERS}/runs/{{run}}/cancel", self._cancel),
            ]
        )
        return app

    async def _health(self, _: web.Request) -> web.Response:
        return web.json_response({"status": "ok"})

    async def _behave(self, request: web.Request) -> web.Response:
        wanted = await request.json()
        mishap = wanted.pop("mishap")
        self._behaviour = Behaviour(mishap=None if mishap is None else Mishap(mishap), **wanted)
        return web.json_response({})

    async def _state(self, _: web.Request) -> web.Response:
        return web.json_response({"in_flight": self._in_flight, "orders": self._orders.total()})

    async def _enrich(self, request: web.Request) -> web.Response:
        company = (await request.json())["empresa"]
        key = request.headers.get("Idempotency-Key", "")
        mishap = self._mishap_of_next(company)
        if mishap is Mishap.REFUSED:
            return _refusal(503)
        if not (self._behaviour.honours_key and key in self._charged_keys):
            self._bill.charge(company, "enrich", key)
            self._charged_keys.add(key)
        if mishap is not None:
            return await _go_wrong(request, mishap)
        await self._work(company)
        return web.json_response(_answer(company, PRICES["enrich"]))

    async def _start(self, request: web.Request) -> web.Response:
        asked = await request.json()
        company = asked["queries"][0].strip('"')
        mishap = self._mishap_of_next(company)
        if mishap is Mishap.REFUSED:
            return _refusal(503)
        run = Run(str(uuid.uuid4()), company, datetime.now(UTC), asked)
        self._runs[run.id] = run
        run.work = asyncio.create_task(self._succeed(run))
        if mishap is not None:
            return await _go_wrong(request, mishap)
        return web.json_response({"run_id": f"run_{run.id}", "status": "running"}, status=202)

    async def _succeed(self, run: Run) -> None:
        await self._work(run.company)
        self._bill.charge(run.company, "workspace", run.id)
        run.status = "success"

    async def _list(self, request: web.Request) -> web.Response:
        if self._behaviour.listing_fails:
            return _refusal(500)
        limit, offset = (int(request.query[name]) for name in ("limit", "offset"))
        newest_first = list(reversed(self._runs.values()))
        return web.json_response([run.row() for run in newest_first[offset : offset + limit]])

    async def _show(self, request: web.Request) -> web.Response:
        run = self._runs.get(request.match_info["run"].removeprefix("run_"))
        return _refusal(404) if run is None else web.json_response(run.row())

    async def _cancel(self, request: web.Request) -> web.Response:
        run = self._runs.get(request.match_info["run"].removeprefix("run_"))
        if run is None or run.status != "running" or run.work is None:
            return _refusal(409)
        run.work.cancel()
        run.status = "cancelled"
        return web.json_response({"run_id": f"run_{run.id}", "status": "cancelled"})

    def _mishap_of_next(self, company: str) -> Mishap | None:
        """Count one more order of *company*, and return what goes wrong with it."""
        self._orders[company] += 1
        is_met = self._orders[company] <= self._behaviour.mishaps
        return self._behaviour.mishap if is_met else None

    async def _work(self, company: str) -> None:
        self._in_flight += 1
        try:
            await asyncio.sleep(self._behaviour.answer_s(company))
        finally:
            self._in_flight -= 1


def _answer(company: str, micros: int) -> JsonObject:
    return {
        "empresa": company,
        "estado": "encontrada",
        "cost_micros": micros,
        "sector": {"value": "Logística", "confidence": 0.9},
    }


def _refusal(status: int) -> web.Response:
    error = {"code": "ERROR", "message": "It went wrong.", "status": status}
    return web.json_response({"error": error, "detail": "It went wrong."}, status=status)


async def _go_wrong(request: web.Request, mishap: Mishap) -> web.Response:
    if mishap is Mishap.SILENCE:
        await asyncio.sleep(NEVER_S)
    if mishap is Mishap.RESET and request.transport is not None:
        request.transport.abort()
    return _refusal(500)


@dataclass(frozen=True, slots=True)
class HostileSeller:
    """A running seller, from outside."""

    url: str
    bill: Path

    def behave(self, behaviour: Behaviour) -> None:
        """Have it behave so from now on."""
        loopback.post(f"{self.url}/__behave", json=asdict(behaviour)).raise_for_status()

    def in_flight(self) -> int:
        """Return how many orders it is at work on."""
        return int(self._state()["in_flight"])

    def orders(self) -> int:
        """Return how many orders it was sent."""
        return int(self._state()["orders"])

    def _state(self) -> JsonObject:
        found: JsonObject = loopback.get(f"{self.url}/__state").raise_for_status().json()
        return found


@contextmanager
def running_seller(folder: Path) -> Iterator[HostileSeller]:
    """Run a seller that keeps its bill in *folder* for the duration of the block."""
    folder.mkdir(parents=True, exist_ok=True)
    port, bill = free_port(), folder / "bill.jsonl"
    command = ("tests.support.hostile_seller", str(bill), str(port))
    process = forked(command, env=os.environ, log=folder / "seller.log")
    url = f"http://127.0.0.1:{port}"

    def answers() -> bool:
        try:
            return loopback.get(f"{url}/health").is_success
        except httpx.TransportError:
            return False

    try:
        wait_until(answers, description="the seller answers")
        yield HostileSeller(url, bill)
    finally:
        process.kill()
        process.wait()


if __name__ == "__main__":
    web.run_app(
        _Seller(Bill(Path(sys.argv[1]))).app(),
        host="127.0.0.1",
        port=int(sys.argv[2]),
        print=None,
        access_log=None,
        handler_cancellation=False,
    )
