"""A seller that charges and does not answer: messages, costs, and how to buy again."""

import csv
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from orchestrator.embedded.stack import EmbeddedStack
from tests.cli.conftest import Emasai
from tests.support.loopback import loopback
from tests.support.sandbox import charges, everybody_known, new_name
from tests.support.waiting import wait_until

#: What a purchase costs at most, and is entered with while its cost is uncertain.
PRICE = 46_500
Losing = Callable[[bool], None]


@pytest.fixture
def losing(stack: EmbeddedStack) -> Iterator[Losing]:
    """Return a switch: the sandbox charges and resets each connection, or answers again."""
    url = f"{stack.variables['SURFSENSE_URL']}/__faults"

    def change(loses: bool) -> None:  # noqa: FBT001 - read as a switch
        loopback.post(url, json={"reset_rate": float(loses)}).raise_for_status()

    with everybody_known(stack):
        change(True)
        yield change
        change(False)


def unheard_of(count: int = 1) -> list[str]:
    """Return names of new companies."""
    return [new_name("Perdida") for _ in range(count)]


def bought(stack: EmbeddedStack, names: list[str]) -> list[int]:
    """Return how often the seller has charged each of *names*."""
    charged = charges(stack.home)
    return [charged[name.lower().replace(" ", "_")] for name in names]


def billed(stack: EmbeddedStack, name: str) -> int:
    """Return what the seller has charged for *name* in all."""
    bill = loopback.get(f"{stack.variables['SURFSENSE_URL']}/__bill").raise_for_status().json()
    return int(bill["companies"][name.lower().replace(" ", "_")]["micros"])


def listing(path: Path, names: list[str]) -> Path:
    """Write a list of *names*."""
    path.write_text("\n".join(["empresa", *names, ""]), encoding="utf-8")
    return path


def one(emasai: Emasai, *arguments: str) -> tuple[int, dict[str, Any]]:
    """Return the exit code of `emasai enrich`, and its result for one name."""
    ended = emasai("enrich", *arguments, "--json")
    (result,) = json.loads(ended.out)
    return ended.code, result


def books(emasai: Emasai, name: str) -> tuple[int, int]:
    """Return what `explain` and `costs` agree on: charged and uncertain for *name*."""
    story = json.loads(emasai("explain", name, "--json").out)
    by_company = json.loads(emasai("costs", "--by", "company", "--json").out)["costs"]
    key = name.lower().replace(" ", "_")
    (cost,) = [each for each in by_company if each["key"] == key]
    both = (cost["charged_micros"], cost["uncertain_micros"])
    assert both == (story["charged_micros"], story["uncertain_micros"])
    return both


def test_a_lost_answer_is_bought_again_only_when_a_person_asks(
    emasai: Emasai, stack: EmbeddedStack, losing: Losing
) -> None:
    """Before that, the same reason each time, and one charge; in the end, a hit."""
    (name,) = unheard_of()

    lost = [one(emasai, name) for _ in range(3)]
    after_losses, spent = bought(stack, [name]), books(emasai, name)
    shown = emasai("explain", name).out
    losing(False)
    still = one(emasai, name)
    asked = one(emasai, name, "--buy-again")
    again = one(emasai, name, "--buy-again")

    for code, result in [*lost, still]:
        assert (code, result["status"], result["code"]) == (3, "failed", "answer_lost")
        assert (result["cost_micros"], result["uncertain_micros"]) == (0, PRICE)
        assert "it may have been charged. It is not bought again for 1" in result["reason"]["en"]
        assert "No se vuelve a comprar durante 1" in result["reason"]["es"]
        for language in ("en", "es"):
            assert "--buy-again" in result["reason"][language]
            assert "emasai jobs requeue --reason answer_lost" in result["reason"][language]
    assert (after_losses, spent) == ([1], (0, PRICE))
    assert "is not repeated for 1" in shown
    assert "uncertain $0.0465 may have been charged" in " ".join(shown.split())
    assert (asked[0], asked[1]["source"]) == (0, "bought")
    assert (again[0], again[1]["source"]) == (0, "hit")
    assert bought(stack, [name]) == [2]
    charged, uncertain = books(emasai, name)
    assert (charged, uncertain) == (asked[1]["cost_micros"], PRICE)
    assert charged <= billed(stack, name) <= charged + uncertain


def test_a_request_to_buy_again_that_is_lost_too_bars_the_next(
    emasai: Emasai, stack: EmbeddedStack, losing: Losing
) -> None:
    """Each request buys at most once."""
    (name,) = unheard_of()
    one(emasai, name)

    code, result = one(emasai, name, "--buy-again")
    later = one(emasai, name)

    assert (code, result["code"], later[1]["code"]) == (3, "answer_lost", "answer_lost")
    assert bought(stack, [name]) == [2]
    assert books(emasai, name) == (0, 2 * PRICE)
    losing(False)


def test_the_losses_of_a_file_are_queued_again_by_their_reason(
    emasai: Emasai, stack: EmbeddedStack, losing: Losing, tmp_path: Path
) -> None:
    """Without the reason they are left out; with it each is bought once more, and no other."""
    names = unheard_of(3)
    path, output = (
        listing(tmp_path / "companies.csv", [*names, names[0].upper()]),
        tmp_path / "out",
    )

    ended = emasai("enrich", path, "-o", output, "--json")
    summary = json.loads(ended.out)
    with output.open(encoding="utf-8-sig", newline="") as file:
        uncertain = [float(row["emasai_uncertain_usd"]) for row in csv.DictReader(file)]
    shown = emasai("enrich", path, "-o", output).out
    job = ("--job", summary["job_id"])
    failed = json.loads(emasai("jobs", "failed", *job, "--json").out)["failed"]
    losing(False)
    unnamed = emasai("jobs", "requeue", *job).out
    preview = emasai("jobs", "requeue", *job, "--reason", "answer_lost", "--dry-run").out
    queued = json.loads(emasai("jobs", "requeue", *job, "--reason", "answer_lost", "--json").out)
    nothing = emasai("jobs", "requeue", *job, "--reason", "answer_lost").out
    new_job = queued["jobs"][0]["job_id"]

    def job_now() -> dict[str, Any]:
        return dict(json.loads(emasai("jobs", "show", new_job, "--json").out))

    wait_until(lambda: job_now()["state"] == "done", description="it is done", timeout_s=60)
    done = emasai("enrich", path, "-o", output, "--json")

    assert ended.code == 3
    assert (summary["answers_lost"], summary["uncertain_micros"]) == (3, 3 * PRICE)
    assert (summary["spent_micros"], summary["purchases"]) == (0, 0)
    assert uncertain == [PRICE / 1e6] * 4  # in each row, also of the same company
    assert "Companies without a usable answer: 3." in " ".join(shown.split())
    assert "$0.1395" in shown
    assert "Nothing was bought" not in shown
    assert [letter["code"] for letter in failed] == ["answer_lost"] * len(failed)
    assert {letter["retry"] for letter in failed} == {"named"}
    assert f"Left out: {len(failed)} answer_lost." in unnamed
    assert "for $0.1395 at most" in preview
    (new,) = queued["jobs"]
    assert new["codes"] == {"answer_lost": len(failed)}
    assert "nothing to queue again" in nothing
    assert bought(stack, names) == [2, 2, 2]
    assert done.code == 0
    assert json.loads(done.out)["purchases"] == 0
    assert job_now()["buy_again"] is True


@pytest.mark.parametrize("command", ["enrich", "run"])
def test_a_file_is_run_again_with_its_lost_answers(
    emasai: Emasai, stack: EmbeddedStack, losing: Losing, tmp_path: Path, command: str
) -> None:
    """`--buy-again` is part of the request: the job that has lost the answers is not reused."""
    names = unheard_of(2)
    rows = [["empresa", "contacto", "correo"]]
    rows += [[name, "Ana Ruiz", f"ana@{uuid4().hex[:12]}.example"] for name in names]
    path, output = tmp_path / "leads.csv", tmp_path / "out.csv"
    with path.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows(rows)
    first = json.loads(emasai(command, path, "-o", output, "--json").out)
    losing(False)

    barred = json.loads(emasai(command, path, "-o", output, "--json").out)
    asked = emasai(command, path, "-o", output, "--buy-again", "--json")

    summary = json.loads(asked.out)
    assert (first["answers_lost"], barred["answers_lost"]) == (2, 2)
    assert asked.code == 0, summary
    assert summary["purchases"] == 2
    assert (summary["answers_lost"], summary["uncertain_micros"]) == (0, 0)
    assert bought(stack, names) == [2, 2]
    each = [books(emasai, name) for name in names]
    assert summary["spent_micros"] == sum(charged for charged, _ in each)
    assert [uncertain for _, uncertain in each] == [PRICE, PRICE]


def test_stored_leads_are_run_again_with_their_lost_answers(
    emasai: Emasai, stack: EmbeddedStack, losing: Losing, tmp_path: Path
) -> None:
    """By a condition, as by a file."""
    (name,) = unheard_of()
    path, source = tmp_path / "leads.csv", f"feria-{uuid4().hex[:8]}"
    lead = f"{name},Ana Ruiz,ana@{uuid4().hex[:12]}.example,{source}"
    path.write_text(f"empresa,contacto,correo,origen\n{lead}\n", encoding="utf-8")
    emasai("run", path, "-o", tmp_path / "out.csv")
    losing(False)
    chosen = ("run", "--where", f"source={source}", "--json")

    barred = json.loads(emasai(*chosen).out)
    asked = json.loads(emasai(*chosen, "--buy-again").out)

    assert (barred["answers_lost"], barred["purchases"]) == (1, 0)
    assert (asked["answers_lost"], asked["purchases"]) == (0, 1)
    assert bought(stack, [name]) == [2]


def test_judging_again_buys_nothing_again(emasai: Emasai) -> None:
    """The two options together are a wrong usage."""
    assert emasai("run", "--rejudge", "--buy-again").code == 2
