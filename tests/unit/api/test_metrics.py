"""GET /metrics: what waits, for autoscaling."""

from pydantic import SecretStr

from orchestrator.settings import Settings

from .conftest import Door, OpenDoor


async def test_the_backlog_of_each_lane_is_a_gauge(door: Door) -> None:
    """In the text format: name, lane, value; nothing waits in the other lanes."""
    wanted = {"kind": "enrich", "companies": ["Acme", "Beta", "Gamma"]}
    await door.client.post("/api/v1/jobs", json=wanted)

    answer = await door.client.get("/metrics")

    assert answer.headers["content-type"].startswith("text/plain; version=")
    lines = answer.text.splitlines()
    assert "# TYPE emasai_waiting_chunks gauge" in lines
    values = dict(line.rsplit(" ", 1) for line in lines if not line.startswith("#"))
    assert values['emasai_waiting_chunks{lane="interactive"}'] == "2.0"
    assert values['emasai_waiting_jobs{lane="interactive"}'] == "1.0"
    assert 0 <= float(values['emasai_oldest_waiting_seconds{lane="interactive"}']) < 60
    assert values['emasai_waiting_chunks{lane="pipeline"}'] == "0.0"
    assert values['emasai_oldest_waiting_seconds{lane="refresh"}'] == "0.0"
    assert len(values) == 4 * 3


async def test_openmetrics_are_given_to_who_asks_for_them(door: Door) -> None:
    """As Prometheus does."""
    asked = {"accept": "application/openmetrics-text; version=1.0.0"}

    answer = await door.client.get("/metrics", headers=asked)

    assert answer.headers["content-type"].startswith("application/openmetrics-text; version=1.0.0")
    assert answer.text.endswith("# EOF\n")


async def test_metrics_are_for_holders_of_the_key(settings: Settings, open_door: OpenDoor) -> None:
    """As everything but /health."""
    with_key = settings.model_copy(update={"api_key": SecretStr("k" * 32)})
    async with open_door(with_key) as door:
        refused = await door.client.get("/metrics")
        bearer = {"authorization": f"Bearer {'k' * 32}"}
        answered = await door.client.get("/metrics", headers=bearer)

    assert (refused.status_code, answered.status_code) == (401, 200)
