"""`python -m tests.support.contract SCHEMATHESIS [OPTION]...`: the API against its own document.

Schemathesis reads `/openapi.json` of a real process on the embedded stack, and sends what the
document allows and what it does not, one request after another and in chains of them. Most of what
is asked for by id exists: leads, opportunities and jobs are there before.
"""

import json
import os
import secrets
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

import httpx

from tests.support.api_process import running_api
from tests.support.project import ROOT
from tests.support.stack import working_stack

OPTIONS = (
    *("run", "--checks", "all", "--continue-on-failure", "--seed", "1"),
    *("--generation-database", "none"),
)
#: What the document has takes as long as it takes; what is made up has a minute, and half of one.
RUNS = (
    ("--phases", "examples,coverage"),
    ("--phases", "fuzzing", "--max-examples", "10", "--max-time", "60"),
    ("--phases", "stateful", "--max-examples", "10", "--max-time", "30"),
)


#: Leads and jobs that exist; half of the leads have an opportunity.
SEEDS = 30
OPPORTUNITY = {
    "puntuacion": 80,
    "valor": {"importe": 12_000, "moneda": "EUR"},
    "probabilidad": 0.4,
    "proximo_paso": {"en": "Call.", "es": "Llamar."},
}


def seed(client: httpx.Client) -> dict[str, list[str]]:
    """Store leads, opportunities and jobs; return their ids by the parameters that take them."""

    def post(path: str, body: object) -> dict[str, str]:
        found: dict[str, str] = client.post(path, json=body).raise_for_status().json()
        return found

    ids: dict[str, list[str]] = {"lead_id": [], "oportunidad_id": [], "job_id": []}
    for number in range(SEEDS):
        person = {"company": f"Minera {number}", "contact": "Ana", "email": f"a{number}@a.example"}
        lead_id = post("/leads", person)["lead_id"]
        ids["lead_id"].append(lead_id)
        work = {"kind": "enrich", "companies": [f"Pesquera {number}"]}
        ids["job_id"].append(post("/api/v1/jobs", work)["job_id"])
        if number % 2:
            made = client.post("/oportunidades", json=OPPORTUNITY | {"lead_id": lead_id})
            if made.status_code == httpx.codes.CREATED:  # its agent may have made one before
                ids["oportunidad_id"].append(made.json()["id"])
    if not all(ids.values()):
        raise RuntimeError(f"there is nothing to ask for: {ids}")
    return ids


def main(schemathesis: str, *options: str) -> int:
    """Return the exit code of Schemathesis; later *options* overrule ours."""
    key = secrets.token_hex(32)
    environment = os.environ | {
        "SCHEMATHESIS_HOOKS": "tests.support.contract_hooks",
        "PYTHONPATH": str(ROOT),
    }
    with TemporaryDirectory() as folder, working_stack(Path(folder)) as stack:
        variables = {**stack.variables, "EMASAI_API_KEY": key}
        with running_api(variables, Path(folder) / "api.log") as (_, client):
            client.headers["Authorization"] = f"Bearer {key}"
            environment["CONTRACT_IDS"] = json.dumps(seed(client))
            command = [
                *(str(Path(schemathesis).resolve()), *OPTIONS),
                *("--header", f"Authorization: Bearer {key}"),
                str(client.base_url.join("/openapi.json")),
            ]
            return max(
                subprocess.run(
                    [*command, *run, *options], env=environment, cwd=folder, check=False
                ).returncode
                for run in RUNS
            )


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
