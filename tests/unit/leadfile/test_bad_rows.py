"""Rows that make no lead, or a poorer one: one sentence each, and the good rows go through."""

from collections.abc import Callable
from pathlib import Path

import pytest

from orchestrator.leadfile import FOR_ENRICHMENT, LeadFile, Level, read_lead_file
from tests.support.lead_files import problems_of

GivenFile = Callable[[str | bytes], Path]
HEADER = "company,contact,email,website,country,phone\n"
GOOD = "Zara,Ana Gil,ana@zara.example,,,\n"


def _only_sentence(lead_file: LeadFile, row: int, level: Level = Level.ERROR) -> str:
    problems = [problem for problem in problems_of(lead_file) if problem.row == row]
    assert [problem.level for problem in problems] == [level]
    return str(problems[0]).removeprefix(f"{lead_file.path}, row {row}: ")


@pytest.mark.parametrize(
    ("row", "sentence"),
    [
        (",Ana,ana@acme.example,,,", "company is missing; fill it in or delete the row"),
        ("   ,Ana,ana@acme.example,,,", "company is missing; fill it in or delete the row"),
        (
            "\u200b\u00a0\ufeff\u3164,Ana,ana@acme.example,,,",
            "company holds only invisible characters; fill it in or delete the row",
        ),
        (
            "&nbsp;,Ana,ana@acme.example,,,",
            "company '&nbsp;' is not a company name (it is blank); write the name of the company",
        ),
        ("Acme,,ana@acme.example,,,", "contact is missing; fill it in or delete the row"),
        ("Acme", "contact is missing; fill it in or delete the row"),
        (
            "Acme,Ana,ana@,,,",
            "email is not an e-mail address (There must be something after the @-sign); correct it",
        ),
        (
            "Acme,Ana,not one,,,,extra,extra",
            (
                "the row has 8 cells, but the header names 6 columns; "
                "put quotes around the cell that contains the delimiter"
            ),
        ),
        (
            '"Acme,Ana,ana@acme.example,,,',
            "the row opens a quote that is never closed; close the quote or remove it",
        ),
        ("Acme\0,Ana,ana@acme.example,,,", "company contains NUL characters; remove them"),
        (
            f"Acme,{'x' * 10_000_000},ana@acme.example,,,",
            (
                "contact has 10,000,000 characters, but 100,000 is the most a cell may have; "
                "shorten it"
            ),
        ),
    ],
    ids=lambda value: value[:30],
)
def test_a_bad_row_is_one_sentence_and_its_neighbours_go_through(
    given_file: GivenFile, row: str, sentence: str
) -> None:
    """Each kind of bad row is named with file, row, field and remedy, and harms no other row."""
    path = given_file(f"{HEADER}{GOOD}{row}\n{GOOD}")

    lead_file = read_lead_file(path)

    assert [row.lead is not None for row in lead_file.rows()][::2] == [True, True]
    assert list(lead_file.rows())[1].lead is None
    first_problem = next(problem for problem in problems_of(lead_file) if problem.row == 3)
    assert str(first_problem) == f"{path}, row 3: {sentence}"


@pytest.mark.parametrize(
    ("cells", "left_out", "sentence"),
    [
        (
            ",Narnia,",
            "country",
            (
                "country 'Narnia' is no country that is known; it is left out; "
                "write its name in English or Spanish, or its ISO code"
            ),
        ),
        (
            "not a site,,",
            "website",
            (
                "website 'not a site' is not the address of a website; it is left out; "
                "write it like www.example.com"
            ),
        ),
    ],
)
def test_a_bad_optional_field_is_left_out_with_a_warning(
    given_file: GivenFile, cells: str, left_out: str, sentence: str
) -> None:
    """A field that a lead can do without costs a warning, not the lead."""
    path = given_file(f"{HEADER}Acme,Ana,ana@acme.example,{cells}\n")

    lead_file = read_lead_file(path)

    lead = next(lead_file.rows()).lead
    assert lead is not None
    assert getattr(lead, left_out) is None
    assert _only_sentence(lead_file, 2, Level.WARNING) == sentence


def test_a_doubtful_phone_is_kept_as_typed_with_a_warning(given_file: GivenFile) -> None:
    """A phone number that looks odd is kept, with a warning."""
    path = given_file(f"{HEADER}Acme,Ana,ana@acme.example,,ES,ask for Ana\n")

    lead_file = read_lead_file(path)

    lead = next(lead_file.rows()).lead
    assert lead is not None
    assert lead.phone == "ask for Ana"
    assert "does not look like a phone number" in _only_sentence(lead_file, 2, Level.WARNING)


@pytest.mark.parametrize("name", ["S.A.", "S.L."])
def test_a_name_that_is_only_a_legal_form_is_a_warning(given_file: GivenFile, name: str) -> None:
    """A company may be called so, but a warning says that nothing will be bought for it."""
    path = given_file(f"{HEADER}{name},Ana,ana@gmail.com,,,\n")

    lead_file = read_lead_file(path)

    assert next(lead_file.rows()).lead is not None
    assert _only_sentence(lead_file, 2, Level.WARNING) == (
        f"company '{name}' could be any of many companies; nothing is bought for it; "
        "write the full name or add its website"
    )


@pytest.mark.parametrize(
    "row", ["S.A.,Ana,ana@gmail.com,sa.example,,", "S.A.,Ana,ana@sa.example,,,"]
)
def test_a_domain_tells_companies_with_a_bare_name_apart(given_file: GivenFile, row: str) -> None:
    """With a website, or an e-mail at it, a name that is only a legal form needs no warning."""
    path = given_file(f"{HEADER}{row}\n")

    lead_file = read_lead_file(path)

    assert not problems_of(lead_file)


def test_a_malformed_address_matters_only_where_it_is_needed(given_file: GivenFile) -> None:
    """In a list of companies a broken e-mail is a warning."""
    path = given_file(f"{HEADER}Acme,,ana@,,,\n")

    lead_file = read_lead_file(path, needs=FOR_ENRICHMENT)

    lead = next(lead_file.rows()).lead
    assert lead is not None
    assert lead.email is None
    assert "is not an e-mail address" in _only_sentence(lead_file, 2, Level.WARNING)


def test_an_open_quote_costs_one_row_even_among_quoted_rows(given_file: GivenFile) -> None:
    """The quote of a later row does not close the quote that an earlier one left open."""
    quoted = '"Gas, Luz y Agua",Luz,luz@gas.example,,,\n'
    path = given_file(f'{HEADER}{quoted}"Acme,Ana,ana@acme.example,,,\n{GOOD}{quoted}{GOOD}')

    lead_file = read_lead_file(path)

    assert [row.lead and row.lead.company for row in lead_file.rows()] == [
        "Gas, Luz y Agua",
        None,
        "Zara",
        "Gas, Luz y Agua",
        "Zara",
    ]


def test_an_open_quote_is_found_behind_a_sign_for_inches(given_file: GivenFile) -> None:
    """A quote inside a cell is a character; the one that opens the next cell is still open."""
    path = given_file(f'{HEADER}Acme 5" y más,"Ana,ana@acme.example,,,\n{GOOD}')

    lead_file = read_lead_file(path)

    assert [row.lead is not None for row in lead_file.rows()] == [False, True]


def test_an_open_quote_on_the_last_row_costs_that_row(given_file: GivenFile) -> None:
    """A file that was cut off inside a quoted cell keeps all its whole rows."""
    path = given_file(f'{HEADER}{GOOD}Acme,"Ana')

    lead_file = read_lead_file(path)

    assert [row.lead is not None for row in lead_file.rows()] == [True, False]
    assert "never closed" in _only_sentence(lead_file, 3)


def test_quotes_that_are_part_of_a_name_are_forgiven(given_file: GivenFile) -> None:
    """A name that starts with a quoted word, typed without escaping, is still one name."""
    path = given_file(f'{HEADER}"La Caixa" S.A.,Ana,ana@lacaixa.example,,,\n{GOOD}')

    lead_file = read_lead_file(path)

    assert [row.lead and row.lead.company for row in lead_file.rows()] == ["La Caixa S.A.", "Zara"]


def test_a_delimiter_at_the_end_of_every_row_is_no_problem(given_file: GivenFile) -> None:
    """Some programs write one; the column without a name is ignored."""
    path = given_file("company,contact,email\nAcme,Ana,ana@acme.example,\nZara,Eva,e@z.example,\n")

    lead_file = read_lead_file(path)

    assert lead_file.header == ("company", "contact", "email", "")
    assert not problems_of(lead_file)


@pytest.mark.parametrize("others", ["", "Zara,ES\n"])
def test_a_comma_in_an_unquoted_name_never_buys_another_company(
    given_file: GivenFile, others: str
) -> None:
    """A row whose cells stand one too far right is refused even if the last of them is blank."""
    path = given_file(f"company,country\nGas, Luz y Agua S.A.,\n{others}")

    lead_file = read_lead_file(path, needs=FOR_ENRICHMENT)

    assert next(lead_file.rows()).lead is None
    assert "the row has 3 cells, but the header names 2 columns" in _only_sentence(lead_file, 2)


def test_a_formula_is_announced_and_does_not_cost_the_lead(given_file: GivenFile) -> None:
    """The user is told of the cell, which is left as it is."""
    path = given_file(f"{HEADER}=cmd|' /C calc'!A0,Ana,ana@acme.example,,,+34 911 234 567\n")

    lead_file = read_lead_file(path)

    assert next(lead_file.rows()).lead is not None
    assert _only_sentence(lead_file, 2, Level.NOTE) == (
        "company looks like a formula to a spreadsheet; "
        "it is written as it stands; look at it before you open the output"
    )


def test_rows_are_numbered_as_an_editor_shows_them(given_file: GivenFile) -> None:
    """A cell of several lines and blank lines move the numbers of the rows behind them."""
    path = given_file(f'{HEADER}"Acme\nIbérica",Ana,ana@acme.example,,,\n\n\n{GOOD},,,,,\n')

    lead_file = read_lead_file(path)

    assert [row.number for row in lead_file.rows()] == [2, 6]


def test_a_problem_calls_the_column_what_the_file_calls_it(given_file: GivenFile) -> None:
    """A Spanish file gets its own column names back."""
    path = given_file("Razón Social;Persona de contacto;Correo electrónico\n;Ana;a@acme.example\n")

    lead_file = read_lead_file(path)

    assert _only_sentence(lead_file, 2).startswith("Razón Social is missing")


def test_a_column_without_a_name_is_called_by_its_place(given_file: GivenFile) -> None:
    """A problem in a nameless column can still be found."""
    path = given_file("company,contact,email,\nAcme,Ana,ana@acme.example,=1+1\n")

    lead_file = read_lead_file(path)

    assert _only_sentence(lead_file, 2, Level.NOTE).startswith("cell 4 looks like a formula")


def test_a_repeated_lead_has_the_number_of_its_first_row(given_file: GivenFile) -> None:
    """Same company and same e-mail, written otherwise, is the same lead; a bad row is none."""
    path = given_file(
        "company,contact,email\n"
        ",Ana,ana@acme.example\n"
        "Acme,Ana,ana@acme.example\n"
        "ACME S.A.,Ana,Ana@ACME.example\n"
        "Acme,Eva,eva@acme.example\n"
        "acme,Ana,ana@acme.example\n"
    )

    lead_file = read_lead_file(path)

    rows = list(lead_file.rows())
    assert [row.lead_number for row in rows] == [None, 0, 0, 1, 0]
    assert [row.is_repetition for row in rows] == [False, False, True, False, True]
