"""How runs are polled, collected and found."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import accumulate, pairwise
from typing import Any

import httpx
import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.evidence.model import Step
from orchestrator.surfsense import (
    AnswerLost,
    Found,
    Http,
    RunInterrupted,
    RunTimeouts,
    ServiceUnavailable,
    WorkspaceApi,
    WorkspaceSeller,
)
from orchestrator.surfsense.workspace import MOST_PAGES
from tests.support.over_httpx import OverHttpx
from tests.unit.surfsense.test_enrich import RecordedSleep

NOW = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
ITEM = orjson.dumps({"empresa": {"empresa": "Acme"}}).decode()
RUNNING = {"status": "running"}
INTERRUPTED = {"status": "error", "error": "Interrupted by server restart"}
SUCCESS = {"status": "success", "output_text": ITEM, "cost_micros": 5_500}
UNWELL: dict[str, Any] = {}


class Looks:
    """A server whose run is seen as the script says, its last state without end; has no events."""

    def __init__(self, *script: dict[str, Any]) -> None:
        self._script = script
        self.count = 0

    def __call__(self, request: httpx.Request) -> httpx.Response:
        """Show the run, or be unwell."""
        if request.url.path.endswith("/events"):
            return httpx.Response(404)
        seen = self._script[min(self.count, len(self._script) - 1)]
        self.count += 1
        if not seen:
            return httpx.Response(503, text="<html>")
        return httpx.Response(200, json={"id": "run_1", "created_at": NOW.isoformat()} | seen)


def seller_over(server: Looks | httpx.MockTransport, sleep: RecordedSleep) -> WorkspaceSeller:
    """Return a seller that waits 10 s for an answer, 3 s for an interrupted one, in no time."""
    transport = httpx.MockTransport(server) if isinstance(server, Looks) else server
    api = WorkspaceApi(Http("https://s.example", OverHttpx(transport)), workspace_id="1")
    second = timedelta(seconds=1)
    timeouts = RunTimeouts(second, 10 * second, 3 * second, second, second)
    return WorkspaceSeller(api, timeouts=timeouts, sleep=sleep)


async def test_looks_end_with_the_deadline() -> None:
    """A run that never ends is left to be collected later, after a bounded number of looks."""
    server, sleep = Looks(RUNNING), RecordedSleep()

    with pytest.raises(AnswerLost, match="run_1"):
        await seller_over(server, sleep).collect("run_1", company="Acme")

    assert (server.count, sum(sleep.seconds)) == (10, 10)


async def test_the_grace_begins_with_the_interruption() -> None:
    """It is as long as said, and the end of it is typed."""
    server, sleep = Looks(RUNNING, RUNNING, INTERRUPTED), RecordedSleep()

    with pytest.raises(RunInterrupted, match="run_1"):
        await seller_over(server, sleep).collect("run_1", company="Acme")

    assert (server.count, sum(sleep.seconds)) == (6, 6)


@pytest.mark.parametrize(
    "script",
    [
        (RUNNING, SUCCESS),
        (UNWELL, UNWELL, SUCCESS),
        (INTERRUPTED, INTERRUPTED, UNWELL, SUCCESS),
        (*[RUNNING] * 9, INTERRUPTED, UNWELL, UNWELL, SUCCESS),
    ],
)
async def test_a_success_in_time_is_an_answer(script: tuple[dict[str, Any], ...]) -> None:
    """After any looks that failed or told of a restart; then it is not looked at again."""
    server = Looks(*script)

    answer = await seller_over(server, RecordedSleep()).collect("run_1", company="Acme")

    assert isinstance(answer, Found)
    assert server.count == len(script)


async def test_a_step_that_names_no_cost_is_priced_by_its_items() -> None:
    """Not at the most that it might have cost, but by what it brought."""
    pages = [{"url": "https://a.example/", "status": "success", "markdown": "Acme"}]
    pages.append({"url": "https://a.example/b", "status": "failed"})
    text = "\n".join(orjson.dumps(page).decode() for page in pages)
    server = Looks({"status": "success", "output_text": text})
    seller = seller_over(server, RecordedSleep()).of_step(Step.CRAWL, {}, 8_000)

    answer = await seller.collect("run_1", company="Acme")

    assert isinstance(answer, Found)
    assert (answer.cost_micros, answer.cost_estimated) == (2_000, True)


async def test_an_interruption_stands_when_nothing_more_is_seen() -> None:
    """SurfSense away during the grace does not make the run anything else."""
    server = Looks(INTERRUPTED, UNWELL)

    with pytest.raises(RunInterrupted):
        await seller_over(server, RecordedSleep()).collect("run_1", company="Acme")


async def test_a_run_that_is_never_seen_is_not_given_up() -> None:
    """It may have been charged; SurfSense was only not there to say so."""
    with pytest.raises(AnswerLost):
        await seller_over(Looks(UNWELL), RecordedSleep()).collect("run_1", company="Acme")


async def test_finding_does_not_guess() -> None:
    """Where the list is too long to be read, "nothing was bought" is not said."""
    pages: list[httpx.URL] = []

    def endless(request: httpx.Request) -> httpx.Response:
        pages.append(request.url)
        row = {"id": "run_1", "created_at": NOW.isoformat(), **SUCCESS}
        return httpx.Response(200, json=[row] * 100)

    seller = seller_over(httpx.MockTransport(endless), RecordedSleep())

    with pytest.raises(ServiceUnavailable, match="more than 10000 runs"):
        await seller.find("Acme", submitted_after=NOW)
    assert len(pages) == MOST_PAGES


async def test_the_likeliest_runs_are_looked_at_first() -> None:
    """Those created right after the POST; later ones are not asked for when it is found there."""
    looked_at: list[str] = []

    def rows() -> Iterator[dict[str, Any]]:
        for number in range(90, 0, -1):
            at = NOW + timedelta(seconds=number)
            yield {"id": f"run_{number}", "created_at": at.isoformat(), "status": "success"}

    def server(request: httpx.Request) -> httpx.Response:
        name = request.url.path.rpartition("/")[2]
        if name == "runs":
            return httpx.Response(200, json=[*rows()])
        looked_at.append(name)
        row = next(row for row in rows() if row["id"] == name)
        company = "Acme" if name == "run_3" else "Otra"
        asked = {"queries": [f'"{company}"'], "max_pages_per_query": 1}
        return httpx.Response(200, json=row | {"input": asked})

    found = await seller_over(httpx.MockTransport(server), RecordedSleep()).find(
        "Acme", submitted_after=NOW
    )

    assert found == "run_3"
    assert sorted(looked_at) == sorted(f"run_{number}" for number in range(1, 21))


async def test_a_run_removed_since_it_was_listed_is_passed_over() -> None:
    """SurfSense forgets runs after about 30 days."""

    def server(request: httpx.Request) -> httpx.Response:
        if request.url.path.endswith("/runs"):
            row = {"id": "run_1", "created_at": NOW.isoformat(), "status": "success"}
            return httpx.Response(200, json=[row])
        return httpx.Response(404, json={"error": {"code": "NOT_FOUND"}})

    seller = seller_over(httpx.MockTransport(server), RecordedSleep())

    assert await seller.find("Acme", submitted_after=NOW) is None


seconds = st.floats(min_value=0.01, max_value=300).map(lambda s: timedelta(seconds=s))


@given(seconds, seconds, seconds)
def test_looks_are_bounded_and_end_with_the_deadline(
    first: timedelta, longest: timedelta, within: timedelta
) -> None:
    """The last look is at the deadline, and no pause is longer than allowed."""
    pauses = list(RunTimeouts(poll_first=first, poll_longest=longest).pauses(within))

    assert abs(sum(pauses) - within.total_seconds()) < 1e-6
    assert all(0 < pause <= longest.total_seconds() for pause in pauses)
    assert len(pauses) <= 20 + within / min(first, longest)


def test_pauses_grow_with_the_time_waited() -> None:
    """Whenever a run ends, it is seen after half as much again, or the longest pause."""
    looks = [0.0, *accumulate(RunTimeouts().pauses(timedelta(seconds=240)))]

    assert looks[1] == 0.2
    assert len(looks) < 65
    assert all(later - now <= max(0.2, min(5, now / 2)) + 1e-9 for now, later in pairwise(looks))


def test_a_search_of_15_seconds_takes_few_looks() -> None:
    """SurfSense takes 1,024 looks a minute from one address: those of 100 searches."""
    looks = [look for look in accumulate(RunTimeouts().pauses(timedelta(minutes=4))) if look < 15]

    assert len(looks) * 100 <= 1_024
