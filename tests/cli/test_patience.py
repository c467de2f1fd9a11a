"""`emasai enrich --patience`: giving up on an answer does not mean paying for it twice."""

import json
from pathlib import Path
from uuid import uuid4

import pytest

from orchestrator.embedded.stack import EmbeddedStack
from orchestrator.identity import company_key
from tests.cli.conftest import Emasai
from tests.support.sandbox import charges


def test_who_gives_up_and_asks_again_pays_once(emasai: Emasai, stack: EmbeddedStack) -> None:
    """The first command says so and exits with 3; the next one has the answer, from the memo."""
    name = f"Compañía {uuid4().hex[:12]}"

    hasty = emasai("enrich", name, "--patience", "1ms", "--json")
    patient = emasai("enrich", name, "--patience", "2m", "--json")

    (given_up,), (found,) = json.loads(hasty.out), json.loads(patient.out)
    assert (hasty.code, given_up["code"]) == (3, "still_loading")
    assert "nothing is bought twice" in hasty.err
    assert found["source"] == "hit"
    assert charges(stack.home)[company_key(name)] == 1


@pytest.mark.parametrize("patience", ["soon", "-1s", "5 parsecs"])
def test_patience_is_a_length_of_time(emasai: Emasai, patience: str) -> None:
    """Anything else is a wrong usage, said in words."""
    ended = emasai("enrich", "Acme", f"--patience={patience}")

    assert ended.code == 2
    assert "is not a length of time" in ended.err


def test_a_file_takes_no_patience(emasai: Emasai, tmp_path: Path) -> None:
    """Files run as jobs, which wait for nobody."""
    listing = tmp_path / "companies.csv"
    listing.write_text("empresa\nAcme\n", encoding="utf-8")

    assert emasai("enrich", listing, "--patience", "5s").code == 2
