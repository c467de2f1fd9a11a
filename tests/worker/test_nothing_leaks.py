"""What people and services hand us stays out of every log, whatever becomes of it."""

import contextlib
import csv
import json
import os
import signal
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final
from uuid import uuid4

import httpx
import pytest

from orchestrator.embedded.stack import free_port
from tests.support.crew import PATIENCE_S
from tests.support.forking import forked
from tests.support.site import Site, site_of
from tests.support.waiting import wait_until

EMAIL: Final = "maria.marcador@private.example"
PHONE: Final = "+34 600 123 456"
PERSON: Final = "María Marcador"
NOTES: Final = "private-notes-of-maria"
SELLER_KEY: Final = "sk-marker-of-the-seller"
API_KEY: Final = "marker-of-the-api-0123456789"
WEBHOOK_KEY: Final = "whsec_" + "bWFya2Vy" * 6
MARKERS: Final = (EMAIL, PHONE, PERSON, NOTES, SELLER_KEY, API_KEY, WEBHOOK_KEY, "Mar\\u00eda")
SETTINGS: Final = {
    "EMASAI_LOG_LEVEL": "debug",
    "SURFSENSE_API_KEY": SELLER_KEY,
    "EMASAI_API_KEY": API_KEY,
    "EMASAI_WEBHOOK_URL": "http://127.0.0.1:9/hook",
    "EMASAI_WEBHOOK_SECRET": WEBHOOK_KEY,
    "PYTHONASYNCIODEBUG": "1",
}


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    """An installation whose workers log all that they can."""
    with site_of(tmp_path, **SETTINGS) as site:
        yield site


@contextlib.contextmanager
def _api(site: Site, log: Path) -> Iterator[httpx.Client]:
    port = free_port()
    command = ("orchestrator.cli", "api", "--port", str(port))
    process = forked(command, env={**os.environ, **site.stack.variables, **SETTINGS}, log=log)
    try:
        with httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=30) as client:

            def listens() -> bool:
                try:
                    return client.get("/health").status_code > 0
                except httpx.TransportError:
                    return False

            wait_until(listens, description="the API listens")
            yield client
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(PATIENCE_S)


def _command(site: Site, log: Path, *arguments: str | Path) -> None:
    """Run a command; what it writes is added to *log*."""
    command = ("orchestrator.cli", *map(str, arguments))
    forked(command, env={**os.environ, **site.stack.variables, **SETTINGS}, log=log).wait()


def _lead(**changes: object) -> dict[str, object]:
    company = f"Compañía x{uuid4().hex[:10]}"
    lead = {"company": company, "contact": PERSON, "email": EMAIL, "phone": PHONE, "notes": NOTES}
    return {**lead, **changes}


def _ask_over_http(client: httpx.Client) -> None:
    """Send leads that are right, leads that are wrong, and what is no request at all."""
    key = {"X-API-Key": API_KEY, "Authorization": f"Bearer {API_KEY}"}
    leads: list[Any] = [
        [_lead(), _lead()],
        [_lead(email=f"{EMAIL}@{PHONE}", country=PERSON, surprise=NOTES)],
        {"contact": PERSON},
    ]
    for some in leads:
        client.post("/api/v1/jobs", headers=key, json={"kind": "pipeline", "leads": some})
    client.post("/api/v1/jobs", headers=key, content=f'{{"leads": "{EMAIL}'.encode())
    client.post("/api/v1/jobs", headers={**key, "Content-Type": EMAIL}, content=NOTES.encode())
    client.post("/enriquecer-lead", headers=key, json={"empresa": "Acme", "correo": EMAIL})
    client.post("/enriquecer-lead", headers=key, json={"correo": EMAIL, "contacto": [PERSON]})
    client.get(f"/api/v1/jobs/{EMAIL}", headers=key)
    client.get("/api/v1/jobs", headers=key, params={"tenant": EMAIL, NOTES: PHONE})
    client.get(f"/{NOTES}", headers={"X-API-Key": f"{EMAIL}{NOTES}", "X-Request-ID": EMAIL})


def _ask_by_tasks(site: Site) -> None:
    """Send what the documented tasks take, and what they don't."""
    good = {"name": f"Compañía x{uuid4().hex[:10]}", "website": "https://x.example"}
    calls: list[tuple[str, dict[str, object]]] = [
        ("emasai.enrich", {"companies": [good]}),
        ("emasai.enrich", {"companies": [{**good, "email": EMAIL, "contact": PERSON}]}),
        ("emasai.enrich", {"companies": [[EMAIL, PHONE]], "tenant": PERSON}),
        ("emasai.enrich", {"companies": EMAIL, "notes": NOTES}),
        ("emasai.enrich", {"companies": [good], "idempotency_key": [EMAIL]}),
        ("emasai.run_pipeline", {"lead_ids": [EMAIL, PERSON]}),
        ("emasai.run_pipeline", {"lead_ids": {"contact": PERSON}}),
        ("emasai.no_such_task", {"contact": PERSON, "email": EMAIL}),
    ]
    for name, arguments in calls:
        site.celery.send_task(name, kwargs=arguments, queue="pipeline")


def _break_the_database(site: Site) -> None:
    """Have statements about leads and decisions fail, with their parameters in hand."""
    path = site.stack.variables["DATABASE_URL"].removeprefix("sqlite:///")
    with contextlib.closing(sqlite3.connect(path)) as database:
        database.execute("ALTER TABLE decisions RENAME TO decisions_elsewhere")
        database.execute("ALTER TABLE leads RENAME COLUMN email TO email_elsewhere")
        database.commit()


def test_no_marker_of_a_person_or_a_key_reaches_a_log(site: Site, tmp_path: Path) -> None:
    """At the level that says most: good and bad input, over every door, a broken database."""
    leads = tmp_path / "leads.csv"
    with leads.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, fieldnames=list(_lead()))
        writer.writeheader()
        writer.writerows([_lead(), _lead(email=f"{EMAIL}@@"), _lead(company=""), _lead()])
    worker = site.crew.start("debug", "--loglevel", "DEBUG", "--task-events")
    worker.wait_until_ready(site.celery)
    api_log = tmp_path / "api.log"

    commands_log = tmp_path / "commands.log"

    _command(site, commands_log, "run", leads, "--json")
    _command(site, commands_log, "enrich", "Acme")
    with _api(site, api_log) as client:
        _ask_over_http(client)
        _ask_by_tasks(site)
        _break_the_database(site)
        _ask_over_http(client)
        _command(site, commands_log, "run", leads, "--json", "--deadline", "20s")
        wait_until(
            lambda: bool(worker.events("item.failed")),
            description="an item fails for the broken database",
        )
    worker.send(signal.SIGTERM)
    worker.exit_code()

    files = {"worker": worker.log, "api": api_log, "commands": commands_log}
    logs = {name: file.read_text("utf-8") for name, file in files.items()}
    assert [
        (name, marker) for name, text in logs.items() for marker in MARKERS if marker in text
    ] == []
    assert "request.answered" in logs["api"]
    assert '"rows"' in logs["commands"]
    assert all(json.loads(line) for line in logs["worker"].splitlines() if line.startswith("{"))
