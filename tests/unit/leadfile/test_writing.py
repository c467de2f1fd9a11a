"""The output is the input, with what was found out beside each row."""

import codecs
import csv
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from orchestrator.leadfile import (
    FOR_ENRICHMENT,
    RESULT_COLUMNS,
    ResultCells,
    read_lead_file,
    shared,
)
from tests.support.lead_files import write_results

GivenFile = Callable[[str | bytes], Path]
TABLE = "company,contact,email\nAcme,Ana,ana@acme.example\nZara,Eva,eva@zara.example\n"
FOUND = ResultCells("enriched", "acme", "yes", "72", "50000", "EUR", "call", cost_usd="0.0465")


def _table(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8-sig", newline="") as file:
        return list(csv.DictReader(file))


def test_the_result_columns_are_a_contract() -> None:
    """Spreadsheets and scripts rely on these names and their order."""
    assert " ".join(RESULT_COLUMNS) == (
        "emasai_status emasai_company_key emasai_viable emasai_score emasai_value emasai_currency "
        "emasai_next_step emasai_reason emasai_outcome_source emasai_as_of emasai_cost_usd "
        "emasai_uncertain_usd emasai_website emasai_sector emasai_size emasai_country "
        "emasai_phone emasai_email emasai_confidence emasai_source_urls emasai_warnings"
    )


def test_results_stand_beside_their_rows(given_file: GivenFile, tmp_path: Path) -> None:
    """Each row keeps its cells and gets its own result; a row without one is marked."""
    output = tmp_path / "out.csv"

    write_results(read_lead_file(given_file(TABLE)), {2: FOUND}, output)

    assert output.read_text(encoding="utf-8").splitlines() == [
        f"company,contact,email,{','.join(RESULT_COLUMNS)}",
        "Acme,Ana,ana@acme.example,enriched,acme,yes,72,50000,EUR,call,,,,0.0465,,,,,,,,,,",
        "Zara,Eva,eva@zara.example,pending,zara,,,,,,not finished; run the same command again"
        + 13 * ",",
    ]


def test_a_repeated_row_costs_nothing_more() -> None:
    """Neither the cost nor the uncertain cost of a lead is reported twice."""
    repeated = shared(replace(FOUND, uncertain_usd="0.0465"))

    assert (repeated.cost_usd, repeated.uncertain_usd) == ("0", "0")


def test_a_bad_row_keeps_its_place_and_says_why(given_file: GivenFile, tmp_path: Path) -> None:
    """Bad rows are in the output too: invalid, with the errors (no warnings) as the reason."""
    path = given_file(f"{TABLE},@Eva,eva@\n")
    output = tmp_path / "out.csv"

    write_results(read_lead_file(path), {}, output)

    row = _table(output)[2]
    assert (row["contact"], row["email"], row["emasai_status"]) == ("@Eva", "eva@", "invalid")
    assert row["emasai_reason"] == (
        "company is missing; fill it in or delete the row. email is not an e-mail address "
        "(There must be something after the @-sign); correct it"
    )


def test_an_output_can_be_the_next_input(given_file: GivenFile, tmp_path: Path) -> None:
    """The result columns of an earlier run are replaced, not doubled, wherever they stand."""
    first, second = tmp_path / "first.csv", tmp_path / "second.csv"
    write_results(read_lead_file(given_file(TABLE)), {}, first)

    write_results(read_lead_file(first), {2: FOUND}, second)

    assert second.read_text(encoding="utf-8").splitlines()[0].count("emasai_status") == 1
    assert [row["emasai_status"] for row in _table(second)] == ["enriched", "pending"]


def test_a_guarded_name_is_still_the_same_company(given_file: GivenFile) -> None:
    """Outputs of earlier versions have an apostrophe before such names."""
    original = read_lead_file(given_file("company,contact,email\n@Home,Ana,a@home.example\n"))
    lead = next(original.rows()).lead

    guarded = read_lead_file(given_file("company,contact,email\n'@Home,Ana,a@home.example\n"))

    assert next(guarded.rows()).lead == lead


def test_formulas_of_results_are_guarded_and_those_of_the_user_are_not(
    given_file: GivenFile, tmp_path: Path
) -> None:
    """Evidence from the internet must not run on the user's machine; what is theirs is theirs."""
    path = given_file("company,contact,email,phone\nAcme,=1+1,a@acme.example,+34 911 234 567\n")
    output = tmp_path / "out.csv"

    write_results(read_lead_file(path), {2: ResultCells("enriched", reason="@SUM(A1)")}, output)

    row = _table(output)[0]
    assert (row["contact"], row["phone"]) == ("=1+1", "+34 911 234 567")
    assert row["emasai_reason"] == "'@SUM(A1)"


def test_no_cell_of_ours_escapes_the_guard(given_file: GivenFile, tmp_path: Path) -> None:
    """Nor what another delimiter than the file's makes one."""
    path = given_file("company;contact;email\nAcme;Ana;a@acme.example\n")
    output = tmp_path / "out.csv"
    result = ResultCells("invalid", company_key="a,=cmd", reason="Acme;=cmd\x1b[31m")

    write_results(read_lead_file(path), {2: result}, output)

    line = output.read_text(encoding="utf-8").splitlines()[1]
    assert ";a,'=cmd;" in line
    assert '"Acme;\'=cmd\\x1b[31m"' in line


def test_ragged_rows_keep_every_cell_under_its_column(
    given_file: GivenFile, tmp_path: Path
) -> None:
    """Missing cells are filled up; surplus cells go behind the results and are not lost."""
    path = given_file(
        "company,contact,email,notes\nAcme,Ana,a@acme.example\nZ,E,e@z.example,a,b,c\n"
    )
    output = tmp_path / "out.csv"

    write_results(read_lead_file(path), {}, output)

    short, long = _table(output)
    assert (short["notes"], short["emasai_status"]) == ("", "pending")
    assert (long["notes"], long["emasai_status"]) == ("a", "pending")
    assert output.read_text(encoding="utf-8").splitlines()[2].endswith(",b,c")
    assert list(read_lead_file(output).rows())[1].lead == list(read_lead_file(path).rows())[1].lead


@pytest.mark.parametrize(
    ("codec", "written"),
    [("cp1252", "Señal > 5 €"), ("latin-1", "Señal > 5 EUR")],
)
def test_what_the_encoding_lacks_becomes_its_closest_ascii(
    given_file: GivenFile, tmp_path: Path, codec: str, written: str
) -> None:
    """The output stays in the encoding of the input, legible where a character is missing."""
    path = given_file("empresa;contacto;correo\nPeña;Ana;a@p.example\n".encode(codec))
    output = tmp_path / "out.csv"

    lead_file = read_lead_file(path, encoding=codec)
    write_results(lead_file, {2: ResultCells("x", reason="Señal → 5 €")}, output)

    assert f";{written};" in output.read_bytes().decode(codec)


def test_a_broken_byte_comes_back_as_it_was(given_file: GivenFile, tmp_path: Path) -> None:
    """What could not be read is not made worse."""
    row = b"\xc3\x91and\xfa;Ana;ana@n.example"
    path = given_file("compañía;contacto;correo\n".encode() + row + b"\n")
    output = tmp_path / "out.csv"

    write_results(read_lead_file(path), {}, output)

    assert output.read_bytes().splitlines()[1].startswith(row + b";invalid;")


@pytest.mark.parametrize(
    ("table", "reason"),
    [
        ("compañía,notes\nAcme,x\n", ""),
        ("company,notes\nAcme,x\nZara,ñu\n", ""),
        ("company,notes\nAcme,x\nZara,y\n", "Encaja; está cerca"),
        (f"company,notes\nAcme,x\nZara,{'y' * 200_000}\nIkea,ñu\n", ""),
    ],
    ids=["header", "cell", "result", "far behind"],
)
def test_utf8_beyond_ascii_opens_in_excel(
    given_file: GivenFile, tmp_path: Path, table: str, reason: str
) -> None:
    """Without a mark Excel would show `Ã±`, whether the accent is the user's or ours."""
    path, output = given_file(table), tmp_path / "out.csv"
    results = {3: ResultCells("enriched", reason=reason)} if reason else {}

    write_results(read_lead_file(path, needs=FOR_ENRICHMENT), results, output)

    data = output.read_bytes()
    assert data.startswith(codecs.BOM_UTF8)
    assert data.count(codecs.BOM_UTF8) == 1
    own, written = table.splitlines(), data.decode("utf-8-sig").splitlines()
    assert [line[: len(mine)] for line, mine in zip(written, own, strict=True)] == own
    assert reason in written[-1]


@pytest.mark.parametrize("accent", ["", "ñ"], ids=["ASCII", "beyond"])
def test_a_result_is_read_again_as_its_original(
    given_file: GivenFile, tmp_path: Path, accent: str
) -> None:
    """The mark is no part of the first column, and stands once however often a file is run."""
    first, second = tmp_path / "first.csv", tmp_path / "second.csv"
    path = given_file(f"company,contact\nAcme{accent},Ana\n")

    write_results(read_lead_file(path), {}, first)
    write_results(read_lead_file(first), {}, second)

    assert second.read_bytes() == first.read_bytes()
    assert first.read_bytes().startswith(codecs.BOM_UTF8) is bool(accent)
    assert read_lead_file(first).mapping == read_lead_file(path).mapping


@pytest.mark.parametrize("name", ["utf-8-sig", "utf_16", "utf-32"])
def test_a_named_family_of_encodings_is_written_once_marked(
    given_file: GivenFile, tmp_path: Path, name: str
) -> None:
    """Python puts a mark before each text that it encodes by such a name."""
    path, output = given_file("company,contact\nPeña,Ana\n".encode(name)), tmp_path / "out.csv"

    write_results(read_lead_file(path, encoding=name), {}, output)

    assert output.read_bytes().decode(name).startswith("company,contact,emasai_status")
    assert "\ufeff" not in output.read_bytes().decode(name)


def test_the_input_may_be_the_output(given_file: GivenFile) -> None:
    """Writing over the input is safe, since it is replaced as a whole."""
    path = given_file(TABLE)

    write_results(read_lead_file(path), {2: FOUND}, path)

    assert [row["emasai_status"] for row in _table(path)] == ["enriched", "pending"]
