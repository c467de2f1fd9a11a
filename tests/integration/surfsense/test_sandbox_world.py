"""The sandbox's real world over HTTP: all verbs, synchronous and as runs, and what goes wrong."""

from collections.abc import Callable, Iterator
from typing import Any

import httpx
import orjson
import pytest

from tests.integration.surfsense.envelope import error_in
from tests.integration.surfsense.sandbox_process import FAULTLESS, SandboxProcess
from tests.support.loopback import loopback

Json = dict[str, Any]


@pytest.fixture(scope="module")
def process(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SandboxProcess]:
    """Run one sandbox with two workspaces for the whole module."""
    options = ("--world", "real", "--catalogue-size", "80", "--more-workspaces", "2=Sales")
    process = SandboxProcess(tmp_path_factory.mktemp("world"), *options)
    yield process
    process.stop()


@pytest.fixture
def world(process: SandboxProcess) -> SandboxProcess:
    """Give it with an empty bill, and without faults."""
    process.reset()
    process.behave(**FAULTLESS.model_copy(update={"world": "real"}).model_dump())
    return process


def truths(world: SandboxProcess) -> Iterator[Json]:
    """Yield the truth about each company of the catalogue."""
    for row in loopback.get(f"{world.url}/__catalogue").json():
        yield loopback.get(f"{world.url}/__truth", params={"company": row["company"]}).json()


def a_company(world: SandboxProcess, is_it: Callable[[Json], object]) -> Json:
    """Return the truth about a company of the catalogue."""
    return next(truth for truth in truths(world) if is_it(truth) and not truth["namesakes"])


def with_site(truth: Json) -> bool:
    """Return whether a crawl of its site brings its contacts."""
    return {"crawl"} <= set(truth["stated"]["email"]) and "walled" not in truth["traits"]


def call(world: SandboxProcess, verb: str, body: Json, **query: str) -> httpx.Response:
    """POST to a verb."""
    url = world.scrapers(verb.replace(".", "/"), query.pop("workspace", "1"))
    return loopback.post(url, params=query, json=body)


def event_in(line: str) -> Json:
    """Return an event of a run."""
    event: Json = orjson.loads(line.removeprefix("data: "))
    return event


async def run_of(world: SandboxProcess, verb: str, body: Json) -> Json:
    """Return the ended run of a request, with its items."""
    run_id = call(world, verb, body, mode="async").json()["run_id"]
    run = await world.ended(run_id)
    lines = run["output_text"].split("\n") if run["output_text"] else []
    return run | {"items": [orjson.loads(line) for line in lines]}


async def test_a_synchronous_answer_is_that_of_the_run(world: SandboxProcess) -> None:
    """With nulls and, of a crawl, its contacts, which the run does not keep."""
    truth = a_company(world, with_site)
    start = f"https://www.{truth['domain']}/"
    body = {"startUrls": [start], "maxCrawlDepth": 1, "maxCrawlPages": 4}

    response = call(world, "web.crawl", body)
    run = world.run(response.headers["x-run-id"])
    lines = run["output_text"].split("\n")

    assert response.status_code == 200
    assert response.json().keys() == {"items", "contacts"}
    assert response.json()["items"][0]["crawl"]["referrerUrl"] is None
    assert "referrerUrl" not in orjson.loads(lines[0])["crawl"]
    assert (run["status"], run["item_count"]) == ("success", len(lines))
    assert [orjson.loads(line).keys() - {"contacts"} for line in lines if "contacts" in line]
    assert run["cost_micros"] == 2_000 * len(lines) == world.bill()["total_micros"]


async def test_a_companys_evidence_is_spread_over_the_verbs(world: SandboxProcess) -> None:
    """Each finds what the truth says that it can, and is on the bill by its name."""
    truth = a_company(
        world, lambda t: with_site(t) and t["has_place"] and t["jobs"] and t["headcount_on_site"]
    )
    name, site = truth["brand"], f"https://www.{truth['domain']}/"

    search = await run_of(world, "google_search.scrape", {"queries": [name]})
    maps = await run_of(world, "google_maps.scrape", {"search_queries": [name], "max_places": 1})
    crawl = await run_of(
        world, "web.crawl", {"startUrls": [site], "maxCrawlDepth": 1, "maxCrawlPages": 20}
    )
    jobs = await run_of(world, "indeed.scrape", {"search_queries": [name], "max_items": 5})

    assert site in [hit["url"] for hit in search["items"][0]["organicResults"]]
    assert maps["items"][0]["phoneUnformatted"] == truth["phones"][0]
    assert truth["emails"][0] in str(crawl["items"])
    assert truth["brand"] in str(jobs["items"])
    bill = world.bill()
    assert bill["verbs"].keys() == {
        "google_maps.scrape",
        "google_search.scrape",
        "indeed.scrape",
        "web.crawl",
    }
    runs = (search, maps, crawl, jobs)
    assert bill["total_micros"] == sum(run["cost_micros"] for run in runs)
    assert [*bill["companies"]] == [truth["key"]]
    assert bill["verbs"]["web.crawl"]["units"] == len(crawl["items"])


def test_the_capabilities_have_four_verbs(world: SandboxProcess) -> None:
    """Less those that a version lacks, whose paths do not exist then."""
    world.behave(has_maps=False)

    names = {row["name"] for row in loopback.get(world.scrapers("capabilities")).json()}
    missing = call(world, "google_maps.scrape", {"search_queries": ["Acme"]})
    unknown = call(world, "reddit.scrape", {})

    assert names == {"google_search.scrape", "indeed.scrape", "web.crawl"}
    assert (missing.status_code, missing.json()) == (404, {"detail": "Not Found"})
    assert unknown.json() == {"detail": "Not Found"}


def test_a_body_that_is_wrong_names_its_fields(world: SandboxProcess) -> None:
    """And costs nothing; an unknown field is no fault."""
    response = call(world, "web.crawl", {"startUrls": ["acme.example"], "depth": 1})

    assert error_in(response)[:2] == (422, "VALIDATION_ERROR")
    (field,) = response.json()["error"]["fields"]
    assert field["loc"] == ["body", "startUrls", 0]


def test_credit_must_do_for_the_worst_case(world: SandboxProcess) -> None:
    """Although the answer would cost less."""
    world.behave(credit_micros=30_000)

    refused = call(world, "google_maps.scrape", {"search_queries": ["Acme"]}, mode="async")
    accepted = call(world, "google_maps.scrape", {"search_queries": ["Acme"], "max_places": 1})

    assert refused.status_code == 402
    assert refused.json()["detail"] == {
        "error_code": "insufficient_credits",
        "message": "Insufficient credits.",
        "balance_micros": 30_000,
        "required_micros": 35_000,
    }
    assert refused.json()["error"]["code"] == "CLIENT_ERROR"
    assert accepted.status_code == 200


def test_workspaces_have_names_and_limits_of_their_own(world: SandboxProcess) -> None:
    """The window of one does not close the other; runs stand in their own list."""
    world.behave(rate_limit=1)
    body = {"search_queries": ["Acme"], "max_places": 1}

    here = [call(world, "google_maps.scrape", body) for _ in range(2)]
    there = call(world, "google_maps.scrape", body, workspace="2")

    url = f"{world.url}/api/v1/workspaces"
    rows = loopback.get(url).json()
    assert [(row["id"], row["name"]) for row in rows] == [(1, "Sandbox"), (2, "Sales")]
    assert loopback.get(url, params={"skip": 1, "limit": 5}).json() == rows[1:]
    assert [response.status_code for response in (*here, there)] == [200, 429, 200]
    assert "retry-after" not in here[1].headers
    assert len(world.runs()) == 1
    run_id = there.headers["x-run-id"]
    assert loopback.get(world.scrapers(f"runs/{run_id}")).status_code == 404
    assert loopback.get(world.scrapers(f"runs/{run_id}", "2")).status_code == 200


async def test_a_run_that_hangs_can_be_cancelled(world: SandboxProcess) -> None:
    """It stays under way, and costs nothing."""
    world.behave(run_hang_rate=1)
    body = {"search_queries": ["Acme"]}
    run_id = call(world, "google_maps.scrape", body, mode="async").json()["run_id"]

    await world.wait_until(lambda bill: bill["faults"]["run_hang"])
    under_way = world.run(run_id)["status"]
    cancelled = world.cancel_run(run_id).json()

    assert (under_way, cancelled["status"]) == ("running", "cancelled")
    assert world.run(run_id)["status"] == "cancelled"
    assert world.bill()["purchases"] == 0


async def test_indeed_may_refuse_the_scraper(world: SandboxProcess) -> None:
    """With a code in an answer, and by its text alone in a run; other sources go on."""
    world.behave(run_blocked_rate=1)
    body = {"search_queries": ["Acme"], "max_items": 1}

    refused = call(world, "indeed.scrape", body)
    run_id = call(world, "indeed.scrape", body, mode="async").json()["run_id"]
    run = await world.ended(run_id, status="error")
    other = call(world, "google_maps.scrape", {"search_queries": ["Acme"], "max_places": 1})

    assert error_in(refused)[:2] == (403, "INDEED_ACCESS_BLOCKED")
    assert run["error"] == "Indeed refused anonymous access"
    assert other.status_code == 200


def test_a_fault_of_the_scraper_is_a_502(world: SandboxProcess) -> None:
    """So is a pattern that is no regular expression."""
    body = {"startUrls": ["https://acme.example/"], "includeUrlPatterns": ["("]}

    pattern = call(world, "web.crawl", body)
    world.behave(run_error_rate=1)
    failed = call(world, "google_search.scrape", {"queries": ["Acme"]})

    expected = "The 'web.crawl' capability failed due to an upstream error."
    assert error_in(pattern) == (502, "CAPABILITY_UPSTREAM_ERROR", expected)
    assert error_in(failed)[:2] == (502, "CAPABILITY_UPSTREAM_ERROR")
    assert world.bill()["purchases"] == 0


def test_a_wall_is_an_empty_answer(world: SandboxProcess) -> None:
    """Neither an error nor a charge."""
    world.behave(wall_rate=1)

    response = call(world, "google_search.scrape", {"queries": ["Acme"]})

    assert (response.status_code, response.json()) == (200, {"items": []})
    assert world.bill()["purchases"] == 0


def test_events_tell_the_course_of_a_run(world: SandboxProcess) -> None:
    """While it is under way, and afterwards its end alone."""
    world.behave(run_hang_rate=1)
    body = {"search_queries": ["Acme"]}
    run_id = call(world, "google_maps.scrape", body, mode="async").json()["run_id"]
    url = world.scrapers(f"runs/{run_id}/events")

    with httpx.stream("GET", url) as stream:
        lines = stream.iter_lines()
        first = event_in(next(lines))
        world.cancel_run(run_id)
        during = [event_in(line) for line in lines if line]
    (after,) = [event_in(line) for line in loopback.get(url).text.split("\n") if line]

    assert (first["type"], first["run_id"]) == ("run.started", run_id)
    assert [event["type"] for event in during] == ["run.progress", "run.finished"]
    assert (during[-1]["status"], after) == ("cancelled", during[-1])


async def test_a_restart_keeps_runs_and_companies(
    own_sandbox: Callable[..., SandboxProcess],
) -> None:
    """A crawl that a restart interrupts brings the same pages when it succeeds late."""
    options = ("--world", "real", "--catalogue-size", "5", "--interrupted-late-ms", "100")
    sandbox = own_sandbox(*options, "--interrupted-then-succeeds-rate", "1")
    body = {"startUrls": ["https://vidrios-del-sol.example/"]}
    before = call(sandbox, "web.crawl", body).json()["items"]
    sandbox.behave(latency_min_ms=60_000, latency_max_ms=60_000)
    run_id = call(sandbox, "web.crawl", body, mode="async").json()["run_id"]

    sandbox.kill()
    sandbox.start(sandbox.port)
    run = await sandbox.ended(run_id)

    (item,) = [orjson.loads(line) for line in run["output_text"].split("\n")]
    assert item["url"] == before[0]["url"]
    assert item.get("markdown") == before[0]["markdown"]


def test_the_truth_is_for_the_operator(world: SandboxProcess) -> None:
    """It needs a name; the catalogue can be cut short."""
    few = loopback.get(f"{world.url}/__catalogue", params={"limit": 3}).json()
    none = loopback.get(f"{world.url}/__truth")

    assert len(few) == 3
    assert all(row["company"] for row in few)
    assert none.status_code == 422


def test_the_documented_protocol_stands_beside_it(world: SandboxProcess) -> None:
    """`POST /enrich` answers as ever, and is on the bill as such."""
    answer = loopback.post(f"{world.url}/enrich", json={"empresa": "Acme"}).json()

    assert answer["estado"] == "encontrada"
    assert [*world.bill()["verbs"]] == ["enrich"]


def test_the_simple_world_has_searches_alone(world: SandboxProcess) -> None:
    """There, an item carries the whole company."""
    world.order({"world": "simple"})

    found = call(world, "google_search.scrape", {"queries": ['"Acme"']}).json()
    other = call(world, "web.crawl", {"startUrls": ["https://acme.example/"]})

    assert found["items"][0]["empresa"]["estado"] == "encontrada"
    assert other.status_code == 404
