"""`emasai person`, beside the API of the same installation."""

import json
from pathlib import Path

from orchestrator.embedded.stack import EmbeddedStack
from tests.cli.conftest import Emasai
from tests.support.api_process import running_api

ADA = "ada.ferrol@montera.example"
LEAD = {"empresa": "Montera Naval, S.L.", "contacto": "Ada Ferrol", "correo": ADA, "pais": "ES"}


def test_a_person_is_exported_and_erased_by_either_door(
    emasai: Emasai, stack: EmbeddedStack, tmp_path: Path
) -> None:
    """Command and API give the same answers, and no log has the person."""
    log = tmp_path / "api.log"
    with running_api(stack.variables, log) as (_, client):
        judged = client.post("/leads", params={"wait_s": 20}, json=LEAD).json()
        exported = emasai("person", "export", ADA.upper(), "--json")
        same = client.post("/api/v1/persons/export", json={"email": ADA.upper()}).json()
        planned = emasai("person", "erase", ADA, "--dry-run")
        erased = client.post("/api/v1/persons/erase", json={"email": ADA}).json()
        gone = client.get(f"/leads/{judged['lead_id']}")
    again = emasai("person", "erase", ADA, "--json")

    (kept,) = json.loads(exported.out)["leads"]
    assert kept["lead"]["id"] == judged["lead_id"]
    assert json.loads(exported.out) == same
    assert "would be erased" in planned.out
    assert (erased["leads"], len(erased["records"]), gone.status_code) == (1, 1, 404)
    assert (json.loads(again.out)["leads"], json.loads(again.out)["records"]) == (0, [])
    assert "There is nothing to erase" in emasai("person", "erase", ADA).out
    written = log.read_text() + "".join(map(_text, (stack.home / "logs").glob("*.log")))
    assert "person.erased" in written
    assert not [each for each in ("ferrol", "Ferrol", "FERROL") if each in written]


def _text(path: Path) -> str:
    return path.read_text(errors="replace")


def test_what_is_no_address_is_refused(emasai: Emasai) -> None:
    """One sentence and exit code 2."""
    ended = emasai("person", "erase", "Ada Ferrol")

    assert ended.code == 2
    assert "is no e-mail address" in ended.err
