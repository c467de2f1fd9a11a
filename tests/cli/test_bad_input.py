"""Bad input: one clear sentence, the right exit code, no traceback, good rows go through."""

import csv
from pathlib import Path
from uuid import uuid4

import pytest

from orchestrator.embedded.stack import EmbeddedStack
from orchestrator.identity import company_key
from tests.cli.conftest import Emasai
from tests.support.sandbox import charges

GOOD = "Zara,Ana Ruiz,ana@zara.example\n"
HEADER = "company,contact,email\n"


def _rows(path: Path, *, encoding: str = "utf-8-sig", delimiter: str = ",") -> list[dict[str, str]]:
    with path.open(encoding=encoding, newline="") as file:
        return list(csv.DictReader(file, delimiter=delimiter))


@pytest.mark.parametrize(
    ("row", "sentence"),
    [
        (",Ana,ana@x.example\n", "company is missing"),
        ('"  ",Ana,ana@x.example\n', "company"),
        ("Mango,Ana,not-an-address\n", "email is not an e-mail address"),
        ("Mango,Ana,Gil,ana@x.example\n", "has 4 cells"),
        ("Mango\n", "contact is missing"),
        (f"{'x' * 10_000_000},Ana,ana@x.example\n", "company"),
    ],
    ids=["no company", "blank name", "e-mail", "too many cells", "too few cells", "10 MB cell"],
)
def test_a_bad_row_is_named_and_the_good_one_goes_through(
    emasai: Emasai, tmp_path: Path, row: str, sentence: str
) -> None:
    """A bad row costs one sentence with file and row; the row beside it gets its result."""
    leads, output = tmp_path / "leads.csv", tmp_path / "out.csv"
    leads.write_text(HEADER + row + GOOD, encoding="utf-8")

    ended = emasai("run", leads, "-o", output)

    assert ended.code == 3
    assert f"{leads}, row 2: " in ended.err
    assert sentence in ended.err
    assert "Traceback" not in ended.err
    bad, good = _rows(output)
    assert bad["emasai_status"] == "invalid"
    assert sentence in bad["emasai_reason"]
    assert good["emasai_status"] in {"opportunity", "discarded", "ambiguous"}


def test_a_legal_form_alone_is_ambiguous_and_costs_nothing(emasai: Emasai, tmp_path: Path) -> None:
    """Nothing is bought for a name without a distinctive part, and an address of free mail."""
    leads, output = tmp_path / "leads.csv", tmp_path / "out.csv"
    leads.write_text(HEADER + "S.A.,Ana,ana@gmail.com\n", encoding="utf-8")

    emasai("run", leads, "-o", output)

    (row,) = _rows(output)
    assert row["emasai_status"] == "ambiguous"
    assert float(row["emasai_cost_usd"]) == 0


@pytest.mark.parametrize(
    ("encoding", "delimiter", "newline"),
    [("utf-8-sig", ",", "\n"), ("cp1252", ";", "\r\n"), ("utf-8", "\t", "\n")],
)
def test_the_output_is_written_in_the_manner_of_the_input(
    emasai: Emasai, tmp_path: Path, encoding: str, delimiter: str, newline: str
) -> None:
    """Encoding, delimiter and line ends survive, whatever program made the file."""
    leads, output = tmp_path / "leads.csv", tmp_path / "out.csv"
    lines = ["empresa|contacto|correo", "Telefónica|José Núñez|jose@telefonica.example"]
    leads.write_bytes(
        newline.join([*(line.replace("|", delimiter) for line in lines), ""]).encode(encoding)
    )

    ended = emasai("run", leads, "-o", output)

    assert ended.code == 0
    read_as = encoding if encoding == "cp1252" else "utf-8-sig"
    (row,) = _rows(output, encoding=read_as, delimiter=delimiter)
    assert row["empresa"] == "Telefónica"
    assert row["emasai_status"]
    assert output.read_bytes().count(newline.encode()) == 2


def test_a_duplicate_row_shares_the_result_and_is_paid_once(emasai: Emasai, tmp_path: Path) -> None:
    """The same lead twice is one lead, with its result on both rows."""
    leads, output = tmp_path / "leads.csv", tmp_path / "out.csv"
    leads.write_text(HEADER + "Duplo SL,A,a@duplo.example\n" * 2, encoding="utf-8")

    emasai("run", leads, "-o", output)

    first, second = _rows(output)
    assert first["emasai_status"] == second["emasai_status"]
    assert float(second["emasai_cost_usd"]) == 0


def test_what_is_the_users_own_is_not_changed(emasai: Emasai, tmp_path: Path) -> None:
    """Nor is a cell that a spreadsheet would run: it is told of."""
    leads, output = tmp_path / "leads.csv", tmp_path / "out.csv"
    leads.write_text(
        "company,contact,email,notes\nZara,Ana,ana@zara.example,=HYPERLINK(1)\n", encoding="utf-8"
    )

    ended = emasai("run", leads, "-o", output)

    (row,) = _rows(output)
    assert row["notes"] == "=HYPERLINK(1)"
    assert "row 2: notes looks like a formula to a spreadsheet" in ended.err


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (b"", "is empty"),
        (b"PK\x03\x04rest", "Excel workbook"),
        (b"\x89PNG\r\n\x1a\n" + bytes(range(256)), "picture"),
        (b"name,age\nx,1\n", "has no company"),
        (HEADER.encode(), "no rows"),
    ],
    ids=["empty", "workbook", "picture", "no company column", "header only"],
)
def test_an_unusable_file_is_one_sentence(
    emasai: Emasai, tmp_path: Path, content: bytes, sentence: str
) -> None:
    """A file that cannot be used at all fails with its name, the reason and what to do."""
    leads = tmp_path / "leads.csv"
    leads.write_bytes(content)

    ended = emasai("run", leads)

    assert ended.code == 1
    assert str(leads) in ended.err
    assert sentence in ended.err
    assert "Traceback" not in ended.err


def test_a_missing_file_is_one_sentence(emasai: Emasai, tmp_path: Path) -> None:
    """A path that leads nowhere is named."""
    ended = emasai("run", tmp_path / "nowhere.csv")

    assert ended.code == 1
    assert "nowhere.csv" in ended.err


def test_a_folder_is_no_company(
    emasai: Emasai, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is told of before anything is bought; a company may have the name of a folder, though."""
    folder = f"x{uuid4().hex[:12]}"
    (tmp_path / folder).mkdir()

    refused = emasai("enrich", tmp_path / folder)

    assert (refused.code, "is a directory" in refused.err) == (1, True)
    monkeypatch.chdir(tmp_path)
    assert "to buy" in emasai("enrich", folder, "--dry-run").out


def test_an_output_that_cannot_be_written_fails_before_anything_is_bought(
    emasai: Emasai, tmp_path: Path
) -> None:
    """The folder is checked first: no money is spent on results that cannot be kept."""
    leads = tmp_path / "leads.csv"
    leads.write_text(HEADER + "Never Bought SL,A,a@x.example\n", encoding="utf-8")

    ended = emasai("run", leads, "-o", tmp_path / "missing" / "out.csv")

    assert ended.code == 1
    assert "missing" in ended.err
    explained = emasai("explain", "Never Bought SL")
    assert "Nothing was bought" in explained.out


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["run"], "give a lead file, --lead-id, --where or --rejudge"),
        (["run", "x.csv", "--max-cost", "much"], "must be an amount"),
        (["invalidate"], "either names or --pattern"),
        (["explain", " "], "blank"),
        (["enrich", "A", "B", "-o", "x.csv"], "for files only"),
    ],
)
def test_a_wrong_usage_ends_with_2(emasai: Emasai, arguments: list[str], sentence: str) -> None:
    """Usage errors say what is wrong and end with 2."""
    ended = emasai(*arguments)

    assert ended.code == 2
    assert sentence in ended.err


def test_a_server_that_cannot_confirm_intents_is_one_sentence(
    emasai: Emasai, stack: EmbeddedStack, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No replica is there to confirm an intent: nothing is bought, and the command says why."""
    monkeypatch.setenv("EMASAI_INTENT_DURABILITY", "replica")
    name = f"Compañía x{uuid4().hex[:12]}"

    ended = emasai("enrich", name)

    assert ended.code == 1
    *_, sentence = ended.err.splitlines()
    assert sentence.startswith("emasai: an intent to buy could not be confirmed: no replica had it")
    assert "nothing was bought" in sentence
    assert "Traceback" not in ended.err
    assert charges(stack.home)[company_key(name)] == 0


def test_a_half_configured_installation_is_refused(
    emasai: Emasai, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """A real Redis is never filled up with simulated parts."""
    monkeypatch.setenv("REDIS_URL", "redis://127.0.0.1:1/1")
    leads = tmp_path / "leads.csv"
    leads.write_text(HEADER + GOOD, encoding="utf-8")

    ended = emasai("run", leads)

    assert ended.code == 2
    assert "DATABASE_URL is not set" in ended.err
    assert "SURFSENSE_URL is not set" in ended.err


def test_an_unknown_log_level_is_refused(emasai: Emasai, monkeypatch: pytest.MonkeyPatch) -> None:
    """As every other setting, in a sentence."""
    monkeypatch.setenv("EMASAI_LOG_LEVEL", "loud")

    ended = emasai("costs")

    assert ended.code == 2
    assert "EMASAI_LOG_LEVEL: Input should be 'debug', 'info', 'warning' or 'error'" in ended.err


def test_a_removed_setting_is_named(emasai: Emasai, monkeypatch: pytest.MonkeyPatch) -> None:
    """In one line beside the output, which is not changed by it."""
    monkeypatch.setenv("EMASAI_CHUNK_SIZE", "5")

    ended = emasai("costs")

    assert ended.code == 0
    assert ended.err.count("EMASAI_CHUNK_SIZE is no longer a setting: ") == 1
