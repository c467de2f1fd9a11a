"""GET /metrics: what waits, for autoscaling, and what an operator watches."""

import asyncio
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

from pydantic import SecretStr

from orchestrator.cache import Kind, count_lookup
from orchestrator.http.health import pace_families
from orchestrator.messaging import Heartbeat
from orchestrator.purchasing import PurchaseOutcome, day_account
from orchestrator.settings import Settings
from tests.support.cases import pace_state, purchase

from .conftest import Api, OpenApi, close_connections


async def values_of(api: Api) -> dict[str, float]:
    """Return each value, by name and labels."""
    answer = await api.client.get("/metrics")
    lines = answer.raise_for_status().text.splitlines()
    told = (line.rsplit(" ", 1) for line in lines if not line.startswith("#"))
    return {name: float(value) for name, value in told}


async def test_the_backlog_of_each_lane_is_a_gauge(api: Api) -> None:
    """In the text format: name, lane, value; nothing waits in the other lanes."""
    wanted = {"kind": "enrich", "companies": [f"Company {n}" for n in range(60)]}
    await api.client.post("/api/v1/jobs", json=wanted)

    answer = await api.client.get("/metrics")

    assert answer.headers["content-type"].startswith("text/plain; version=")
    lines = answer.text.splitlines()
    assert "# TYPE emasai_waiting_chunks gauge" in lines
    values = dict(line.rsplit(" ", 1) for line in lines if not line.startswith("#"))
    assert values['emasai_waiting_chunks{lane="pipeline"}'] == "2.0"
    assert values['emasai_waiting_jobs{lane="pipeline"}'] == "1.0"
    assert 0 <= float(values['emasai_oldest_waiting_seconds{lane="pipeline"}']) < 60
    assert values['emasai_waiting_chunks{lane="interactive"}'] == "0.0"
    assert values['emasai_oldest_waiting_seconds{lane="refresh"}'] == "0.0"
    assert sum("lane=" in each for each in values) == 4 * 3


async def test_openmetrics_are_given_where_they_are_asked_for(api: Api) -> None:
    """As Prometheus does."""
    asked = {"accept": "application/openmetrics-text; version=1.0.0"}

    answer = await api.client.get("/metrics", headers=asked)

    assert answer.headers["content-type"].startswith("application/openmetrics-text; version=1.0.0")
    assert answer.text.endswith("# EOF\n")


async def test_metrics_are_for_holders_of_the_key(settings: Settings, open_api: OpenApi) -> None:
    """As everything but /health."""
    with_key = settings.model_copy(update={"api_key": SecretStr("k" * 32)})
    async with open_api(with_key) as api:
        refused = await api.client.get("/metrics")
        bearer = {"authorization": f"Bearer {'k' * 32}"}
        answered = await api.client.get("/metrics", headers=bearer)

    assert (refused.status_code, answered.status_code) == (401, 200)


async def test_workers_lookups_and_money_are_told(settings: Settings, open_api: OpenApi) -> None:
    """As the heartbeats, the fleet's counts and the budget have them; what has no cap has no rest.

    Money that is held is not spent, and still counts against the cap.
    """
    async with open_api(settings.model_copy(update={"cap_global_micros": 1000})) as api:
        parts = api.runtime
        now = datetime.now(UTC)
        beat = Heartbeat.of_this_process("one", now, version="1", profile="p", policy="q")
        await parts.jobs.workers.put(replace(beat, loop_failures={"sweeper": 2}))
        await parts.jobs.workers.put(replace(beat, id="two", loop_failures={"sweeper": 1}))
        count_lookup(parts.purchasing.counters, Kind.SURFSENSE, hit=True, n=3)
        count_lookup(parts.purchasing.counters, Kind.SURFSENSE, hit=False)
        parts.purchasing.counters.add("refused:emasai.enrich", 2)
        await parts.purchasing.counters.aclose()
        accounts = (day_account(parts.clock().date()), "global")
        await parts.purchasing.budget.reserve("settled", 100, accounts)
        await parts.purchasing.budget.settle("settled", 100, 60, accounts)
        await parts.purchasing.budget.reserve("held", 7, accounts)

        today = {"started_at": parts.clock(), "settled_at": parts.clock()}
        doubtful = {"outcome": PurchaseOutcome.UNCERTAIN, **today}
        await parts.purchasing.ledger.settle(purchase(1, cost_micros=40, **doubtful))
        await parts.purchasing.ledger.settle(purchase(2, cost_micros=20, **today))
        await parts.purchasing.ledger.settle(
            purchase(3, cost_micros=9, outcome=PurchaseOutcome.UNCERTAIN)
        )

        values = await values_of(api)

    assert values['emasai_uncertain_purchases{account="day"}'] == 1
    assert values['emasai_uncertain_micro_usd{account="day"}'] == 40
    assert values['emasai_workers{state="working"}'] == 2
    assert values['emasai_loop_failures{loop="sweeper"}'] == 3
    assert values['emasai_workers{state="stalled"}'] == 0
    assert values['emasai_lookups_total{kind="surfsense",result="hit"}'] == 3
    assert values['emasai_lookups_total{kind="surfsense",result="miss"}'] == 1
    assert values['emasai_refused_total{what="emasai.enrich"}'] == 2
    assert values['emasai_refused_total{what="message"}'] == 0
    for account in ("day", "global"):
        assert values[f'emasai_spent_micro_usd_total{{account="{account}"}}'] == 60
        assert values[f'emasai_held_micro_usd{{account="{account}"}}'] == 7
    assert values['emasai_left_micro_usd{account="global"}'] == 933
    assert 'emasai_left_micro_usd{account="day"}' not in values


async def test_what_cannot_be_read_is_left_out(api: Api, tmp_path: Path) -> None:
    """Without its database the installation still scales: the lanes are there."""
    before = await values_of(api)
    await close_connections(api)
    await asyncio.to_thread((tmp_path / "emasai.sqlite").write_text, "no database any more" * 100)

    values = await values_of(api)

    assert before['emasai_handovers{state="dead"}'] == 0
    assert not any(name.startswith(("emasai_handovers", "emasai_uncertain")) for name in values)
    assert values['emasai_waiting_chunks{lane="pipeline"}'] == 0
    assert values['emasai_workers{state="working"}'] == 0


def test_the_pace_of_paid_calls_is_told() -> None:
    """How far the limit is used, how long a call waits, and whether any may leave."""
    families = {family.name: family for family in pace_families(pace_state(has_credit=False))}
    values = {
        (name, sample.labels["what"]): sample.value
        for name, family in families.items()
        for sample in family.samples
    }

    assert values == {
        ("emasai_pace_calls_per_minute", "allowed"): 118,
        ("emasai_pace_calls_per_minute", "left_lately"): 40,
        ("emasai_pace_wait_seconds", "next"): 1.5,
        ("emasai_pace_wait_seconds", "limited"): 0,
        ("emasai_pace_open", "breaker"): 1,
        ("emasai_pace_open", "credit"): 0,
    }
    assert list(pace_families(None)) == []
