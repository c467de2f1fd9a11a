"""From a request to what is stored and billed: API process, broker, worker, sandbox."""

import asyncio
from uuid import UUID

import httpx

from orchestrator.database import open_engine
from orchestrator.embedded.stack import EmbeddedStack
from orchestrator.infra.clock import utc_now
from orchestrator.leads import LeadStore, Opportunity
from tests.support.api_process import PATIENCE_S, running_api
from tests.support.loopback import loopback
from tests.support.workbooks import workbook

from .conftest import finished

ENRIQUECER = "/api/v1/orchestrator/enriquecer-lead"
LEAD = {"empresa": "Mercadona, S.A.", "contacto": "Ana", "correo": "ana@mercadona.example"}


def billed(stack: EmbeddedStack, company: str) -> dict[str, int]:
    """Return what the seller itself has charged for *company*, a company key."""
    bill = loopback.get(f"{stack.variables['SURFSENSE_URL']}/__bill").json()
    charged: dict[str, int] = bill["companies"][company]
    return charged


async def stored_about(lead_id: UUID, database_url: str) -> tuple[int, Opportunity | None]:
    """Return how many decisions are stored about a lead, and its opportunity."""
    engine = open_engine(database_url)
    store = LeadStore(engine, utc_now)
    stored = len(await store.decisions_of(lead_id)), await store.opportunity_of(lead_id)
    await engine.dispose()
    return stored


def test_a_lead_becomes_an_opportunity_or_a_discard(
    client: httpx.Client, stack: EmbeddedStack
) -> None:
    """A lead that was accepted is judged by a worker, and the judgement is stored."""
    accepted = client.post(ENRIQUECER, json=LEAD).json()

    status = finished(client, accepted["url"])

    (listed,) = status["results"]
    lead_id, database_url = UUID(accepted["lead_id"]), stack.variables["DATABASE_URL"]
    decisions, opportunity = asyncio.run(stored_about(lead_id, database_url))
    assert listed["result"]["status"] in {"opportunity", "discarded"}
    assert listed["result"]["lead_id"] == accepted["lead_id"]
    assert decisions == 1
    assert (opportunity is not None) == (listed["result"]["status"] == "opportunity")


def test_a_file_of_leads_is_judged_and_explained(client: httpx.Client) -> None:
    """From the upload of a workbook to each lead's decision, evidence and purchase."""
    rows = [
        ["Empresa", "Contacto", "Correo", "País"],
        ["Conservas Ribera, S.A.", "Ana", "ana@conservasribera.example", "ES"],
        ["Conservas Ribera SA", "Jon", "jon@conservasribera.example", "ES"],
        ["", "Eva", "eva@ribera.example", ""],
    ]
    headers = {"content-type": "application/octet-stream"}

    sent = client.post("/leads/import", content=workbook(Leads=rows), headers=headers)

    accepted = sent.json()
    assert sent.status_code == 202
    assert (accepted["leads"], accepted["faults"][0]["row"]) == (2, 4)
    results = [each["result"] for each in finished(client, accepted["url"])["results"]]
    for result in results:
        url = f"/leads/{result['lead_id']}"
        (decided,) = client.get(f"{url}/decisions").json()["decisions"]
        evidence = client.get(f"{url}/evidence").json()["evidence"]
        bought = client.get(f"{url}/purchases").json()
        assert decided["decision"]["details"]["findings"]
        assert all(0 <= value["confidence"] <= 1 for value in evidence["values"])
        assert decided["basis"] == bought["purchases"][0]["purchase_id"]
        assert bought["total"]["purchases"] == 1  # both leads are of one company
        assert client.get(url).json()["estado"] in {"oportunidad", "descartado"}


def test_an_installation_is_run_over_http(client: httpx.Client) -> None:
    """Readiness with its workers, costs, a decision in force, a watch: through the real process."""
    who = {"by": "ana.ruiz", "why": "Two companies."}
    client.post(ENRIQUECER, json=LEAD, params={"wait_s": 60}, timeout=PATIENCE_S)

    ready = client.get("/health/ready")
    health = client.get("/health", params={"detail": "1"}).json()
    costs = client.get("/api/v1/costs", params={"by": "company"}).json()
    budgets = client.get("/api/v1/budget").json()["budgets"]
    watched = client.post("/api/v1/watches", json={"names": ["Mercadona"], "every_s": 3_600})
    entered = client.post("/api/v1/identity/split", json={"name": "Construcciones Norte"} | who)

    assert (ready.status_code, health["workers"]) == (200, 1)
    assert costs["total"]["charged_micros"] == sum(row["charged_micros"] for row in costs["costs"])
    spent = {each["account"]: each["spent_micros"] for each in budgets}
    assert spent["global"] == costs["total"]["spent_micros"] > 0
    assert (watched.status_code, entered.status_code) == (201, 201)
    assert entered.json()["decision"]["subject"] == "construcciones_norte"
    decisions = client.get("/api/v1/identity/decisions").json()["decisions"]
    assert [each["number"] for each in decisions] == [1]


def test_who_gives_up_and_asks_again_pays_once(client: httpx.Client, stack: EmbeddedStack) -> None:
    """A caller that does not wait is told so; the next one gets the judgement, on one purchase."""
    lead = LEAD | {"empresa": "Talleres Arriaga, S.L.", "correo": "ana@arriaga.example"}

    hasty = client.post(ENRIQUECER, json=lead, params={"wait_s": 0.01})
    patient = client.post(ENRIQUECER, json=lead, params={"wait_s": 30}, timeout=PATIENCE_S)
    later = client.post(ENRIQUECER, json=lead, params={"wait_s": 30}, timeout=PATIENCE_S)

    assert (hasty.status_code, hasty.json()["estado"]) == (202, "aceptado")
    assert (patient.status_code, later.status_code) == (200, 200)
    judged, again = patient.json(), later.json()
    assert judged["job_id"] != again["job_id"]  # the first one had ended
    assert judged["result"]["status"] in {"opportunity", "discarded"}
    assert again["result"]["status"] == judged["result"]["status"]
    assert billed(stack, "talleres_arriaga")["purchases"] == 1


def test_three_spellings_of_a_company_are_bought_once(
    client: httpx.Client, stack: EmbeddedStack
) -> None:
    """The seller's own bill has one purchase, and the job's money adds up to it."""
    spellings = ["Iberdrola, S.A.", "IBERDROLA", "iberdrola sa"]
    wanted = {"kind": "enrich", "companies": spellings}

    accepted = client.post("/api/v1/jobs", json=wanted).json()
    status = finished(client, accepted["url"])

    bill = billed(stack, "iberdrola")
    assert bill["purchases"] == 1
    assert status["spent_micros"] == bill["micros"]
    assert status["saved_micros"] == 2 * bill["micros"]
    assert status["tally"]["source:bought"] == 1
    assert [listed["number"] for listed in status["results"]] == [0, 1, 2]
    assert {listed["result"]["company_key"] for listed in status["results"]} == {"iberdrola"}


def test_the_key_is_asked_for(stack: EmbeddedStack) -> None:
    """A process with a key answers its holder, and reports health to every caller."""
    variables = {**stack.variables, "EMASAI_API_KEY": "opens-sesame-to-all"}
    wanted = {"kind": "enrich", "companies": ["Inditex"]}

    with running_api(variables, stack.home / "logs" / "api-key.log") as (child, client):
        stranger = client.post("/api/v1/jobs", json=wanted)
        holder = client.post(
            "/api/v1/jobs", json=wanted, headers={"X-API-Key": "opens-sesame-to-all"}
        )
        health = client.get("/health")

    assert (stranger.status_code, holder.status_code, health.status_code) == (401, 202, 200)
    assert "opens-sesame-to-all" not in child.log.read_text()


def test_the_log_has_a_line_a_request_and_no_persons(stack: EmbeddedStack) -> None:
    """An operator finds a request by its id, and the lead is not in the log."""
    lead = {**LEAD, "correo": "secreta@mercadona.example"}

    # The line is written behind the answer, so the process must have ended.
    with running_api(stack.variables, stack.home / "logs" / "api-lines.log") as (child, client):
        client.post(ENRIQUECER, json=lead, headers={"X-Request-ID": "from-the-crm"})

    log = child.log.read_text()
    assert '"request_id": "from-the-crm"' in log
    assert "secreta" not in log
