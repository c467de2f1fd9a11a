"""The sandbox's workspace API, as documented of SurfSense, asked by a plain HTTP client."""

import re

import orjson

from tests.integration.surfsense.envelope import error_in
from tests.integration.surfsense.sandbox_process import SandboxProcess
from tests.support.loopback import loopback

ACME = {"queries": ['"Acme"'], "max_pages_per_query": 1}


async def test_a_search_is_accepted_at_once_and_done_later(sandbox: SandboxProcess) -> None:
    """The POST tells the run id, and nothing is charged before the work is done."""
    sandbox.behave(latency_min_ms=2000, latency_max_ms=2000)

    accepted = sandbox.start_run(**ACME)
    at_first = sandbox.run(accepted.json()["run_id"])
    bill_at_first = sandbox.bill()
    done = await sandbox.ended(accepted.json()["run_id"])

    assert accepted.status_code == 202
    assert accepted.json()["status"] == "running"
    assert re.fullmatch(r"run_[0-9a-f-]{36}", accepted.json()["run_id"])
    assert (at_first["status"], at_first["output_text"], at_first["cost_micros"]) == (
        "running",
        None,
        None,
    )
    assert (bill_at_first["purchases"], bill_at_first["in_flight"]) == (0, 1)
    assert (done["cost_micros"], sandbox.bill()["total_micros"]) == (5_500, 5_500)


async def test_a_run_has_all_documented_fields(sandbox: SandboxProcess) -> None:
    """Its result is JSON lines of items without nulls, as long as it says."""
    run_id = sandbox.start_run(**ACME, unknown_field="ignored").json()["run_id"]

    run = await sandbox.ended(run_id)

    assert run.keys() == {
        *("id", "capability", "origin", "status", "item_count", "char_count", "duration_ms"),
        *("cost_micros", "error", "created_at", "thread_id", "input", "output_text", "progress"),
    }
    (line,) = run["output_text"].split("\n")
    item = orjson.loads(line)
    assert (run["id"], run["capability"], run["origin"]) == (run_id, "google_search.scrape", "api")
    assert (run["item_count"], run["char_count"]) == (1, len(line))
    assert run["input"] == {**ACME, "language_code": ""}
    assert item["searchQuery"]["term"] == '"Acme"'
    assert item["organicResults"][0]["position"] == 1
    assert None not in item.values()


async def test_the_company_travels_in_the_item(sandbox: SandboxProcess) -> None:
    """By either protocol the same company is invented; only its price differs."""
    bought = sandbox.post(f"{sandbox.url}/enrich", {"empresa": "Acme"}).json()

    run = await sandbox.ended(sandbox.start_run(**ACME).json()["run_id"])

    told = orjson.loads(run["output_text"])["empresa"]
    price = {"cost_micros": 5_500, "cost_items": {"google_search.page": 5_500}}
    assert told == bought | price


async def test_the_prefix_of_a_run_id_is_optional(sandbox: SandboxProcess) -> None:
    """A path may name a run with or without it."""
    run_id = sandbox.start_run(**ACME).json()["run_id"]

    assert sandbox.run(run_id.removeprefix("run_"))["id"] == run_id


async def test_an_unknown_company_is_an_empty_result_and_free(sandbox: SandboxProcess) -> None:
    """A search that Google walls off looks the same, so it means "not known"."""
    sandbox.behave(not_found_rate=1)

    run = await sandbox.ended(sandbox.start_run(**ACME).json()["run_id"])

    assert (run["output_text"], run["item_count"], run["cost_micros"]) == ("", 0, 0)
    assert sandbox.bill()["purchases"] == 0


async def test_the_bill_names_the_company_behind_the_quotes(sandbox: SandboxProcess) -> None:
    """Each search of a request is a purchase of its company, page by page."""
    request = {"queries": ['"Acme S.L." sitio oficial', "ACME\nOtra", " "]}

    run = await sandbox.ended(sandbox.start_run(**request, max_pages_per_query=2).json()["run_id"])

    companies = sandbox.bill()["companies"]
    assert companies["acme"] == {"purchases": 2, "micros": 22_000, "names": ["Acme S.L.", "ACME"]}
    assert companies["otra"]["micros"] == 11_000
    assert (run["item_count"], run["cost_micros"]) == (6, 33_000)


async def test_equal_requests_run_and_charge_twice(sandbox: SandboxProcess) -> None:
    """There is no idempotency; `Idempotency-Key` is ignored, even when /enrich honours it."""
    sandbox.behave(honour_idempotency_key=True)
    url = sandbox.scrapers("google_search/scrape?mode=async")
    twice = [sandbox.post(url, ACME, **{"Idempotency-Key": "p-1"}) for _ in range(2)]

    first, second = [response.json()["run_id"] for response in twice]
    await sandbox.ended(first)
    await sandbox.ended(second)

    assert first != second
    assert sandbox.bill()["companies"]["acme"]["purchases"] == 2


async def test_the_list_is_newest_first_paged_and_filtered(sandbox: SandboxProcess) -> None:
    """Rows tell neither request nor result."""
    ids = [sandbox.start_run(queries=[f"C {n}"]).json()["run_id"] for n in range(3)]
    for run_id in ids:
        await sandbox.ended(run_id)

    rows = sandbox.runs()

    assert [row["id"] for row in rows] == ids[::-1]
    assert not rows[0].keys() & {"input", "output_text", "thread_id", "progress"}
    assert [row["id"] for row in sandbox.runs(limit=1, offset=1)] == [ids[1]]
    assert sandbox.runs(status="error") == sandbox.runs(capability="web.crawl") == []
    assert len(sandbox.runs(status="success", capability="google_search.scrape")) == 3


async def test_a_cancelled_run_costs_nothing(sandbox: SandboxProcess) -> None:
    """It ends at once, stays ended, and cannot be cancelled again."""
    sandbox.behave(latency_min_ms=60_000, latency_max_ms=60_000)
    run_id = sandbox.start_run(**ACME).json()["run_id"]

    cancelled = sandbox.cancel_run(run_id)
    again = sandbox.cancel_run(run_id)
    sandbox.behave(latency_min_ms=0, latency_max_ms=0)
    other = sandbox.start_run(queries=["Otra"]).json()["run_id"]
    await sandbox.ended(other)

    assert (cancelled.status_code, cancelled.json()) == (
        200,
        {"run_id": run_id, "status": "cancelled"},
    )
    assert error_in(again) == (409, "CONFLICT", "Run is not in progress.")
    assert sandbox.run(run_id)["status"] == "cancelled"
    assert [*sandbox.bill()["companies"]] == ["otra"]


def test_capabilities_tell_the_price(sandbox: SandboxProcess) -> None:
    """The one verb that the sandbox does, with the schema of its request."""
    (capability,) = loopback.get(sandbox.scrapers("capabilities")).json()

    assert capability["name"] == "google_search.scrape"
    assert capability["pricing"] == [{"unit": "page", "micros_per_unit": 5_500}]
    assert "queries" in capability["input_schema"]["properties"]


def test_a_request_id_is_echoed(sandbox: SandboxProcess) -> None:
    """In the header, and in the envelope of an error."""
    mine = {"X-Request-ID": "p-1"}

    fine = loopback.get(f"{sandbox.url}/health", headers=mine)
    failed = loopback.get(sandbox.scrapers("runs/x"), headers=mine)

    assert fine.headers["x-request-id"] == failed.headers["x-request-id"] == "p-1"
    assert failed.json()["error"]["request_id"] == "p-1"


def test_a_reset_forgets_runs_and_drops_their_work(sandbox: SandboxProcess) -> None:
    """What was under way is not charged to the new page."""
    sandbox.behave(latency_min_ms=60_000, latency_max_ms=60_000)
    sandbox.start_run(**ACME)

    sandbox.reset()

    assert sandbox.runs() == []
    assert sandbox.bill()["in_flight"] == 0
