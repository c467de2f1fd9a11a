"""`emasai enrich` and `emasai run` where several companies go by one name."""

import csv
import json
from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import pytest

from orchestrator.embedded.stack import EmbeddedStack
from orchestrator.identity import company_key
from tests.cli.conftest import Emasai
from tests.support.sandbox import charges, everybody_known


@pytest.fixture(autouse=True)
def _everybody_is_known(stack: EmbeddedStack) -> Iterator[None]:
    with everybody_known(stack):
        yield


def _name() -> str:
    return f"Compañía x{uuid4().hex[:10]}"


def _rows_of(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8-sig", newline="") as file:
        return list(csv.DictReader(file))


def test_a_list_distinguishes_companies_of_one_name(
    emasai: Emasai, stack: EmbeddedStack, tmp_path: Path
) -> None:
    """By website and country; an ambiguous row gets the candidates, and nothing is bought."""
    name = _name()
    listing = tmp_path / "companies.csv"
    listing.write_text(
        f"empresa,web,pais\n{name},acme.test,España\n{name} GmbH,globex.test,DE\n{name},,\n",
        encoding="utf-8",
    )

    preview = json.loads(emasai("enrich", listing, "--dry-run", "--json").out)
    summary = json.loads(emasai("enrich", listing, "--json").out)

    key = company_key(name)
    spain, germany, bare = _rows_of(tmp_path / "companies.out.csv")
    assert preview["to_buy"] >= summary["purchases"] == 2
    assert [spain["emasai_company_key"], germany["emasai_company_key"]] == [
        key,
        f"{key}~globex.test",
    ]
    assert bare["emasai_status"] == "ambiguous"
    assert f"{name} (acme.test, ES)" in bare["emasai_reason"]
    assert charges(stack.home)[company_key(f"{name} GmbH (globex.test)")] == 1


def test_options_distinguish_companies_of_one_name(emasai: Emasai, stack: EmbeddedStack) -> None:
    """The website identifies the company; the name alone lists the candidates."""
    name = _name()
    emasai("enrich", name, "--website", "acme.test", "--country", "ES", "--json")

    told = emasai("enrich", f"{name} GmbH", "--website", "globex.test", "--country", "DE", "--json")
    bare = emasai("enrich", name)

    (result,) = json.loads(told.out)
    assert result["company_key"] == f"{company_key(name)}~globex.test"
    assert result["website"] == "globex.test"
    assert (bare.code, "acme.test" in bare.out, "globex.test" in bare.out) == (0, True, True)
    assert charges(stack.home)[company_key(name)] == 1


def test_a_website_is_of_one_name(emasai: Emasai) -> None:
    """For several names, or a file, it would be a guess."""
    ended = emasai("enrich", "Acme", "Zara", "--website", "acme.test")

    assert (ended.code, "are for one name" in ended.err) == (2, True)


def test_leads_without_a_website_are_distinguished_by_their_addresses(
    emasai: Emasai, stack: EmbeddedStack, tmp_path: Path
) -> None:
    """The domain of an e-mail counts where there is no website, free mail does not."""
    name = _name()
    leads = tmp_path / "leads.csv"
    leads.write_text(
        "company,contact,email,country\n"
        f"{name} SL,Ana,ana@acme.test,ES\n{name} GmbH,Eva,eva@globex.test,DE\n"
        f"{name},Leo,leo@gmail.com,\n",
        encoding="utf-8",
    )

    emasai("run", leads, "--json")

    key = company_key(name)
    rows = _rows_of(tmp_path / "leads.out.csv")
    keys = {row["emasai_company_key"] for row in rows[:2]}
    assert len(keys) == 2
    assert keys < {key, f"{key}~acme.test", f"{key}~globex.test"}
    sold = {what: n for what, n in charges(stack.home).items() if what.startswith(key)}
    assert len(sold) == 2
    assert set(sold.values()) == {1}
    again = json.loads(emasai("run", leads, "--json").out)
    assert again["purchases"] == 0
