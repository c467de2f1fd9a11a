"""What a parsed name tells `emasai explain`."""

import pytest

from orchestrator.identity import InvalidCompanyName, company_key, parse_name


def test_what_was_taken_off_is_told() -> None:
    """The legal form and every removal have their text and the table's line behind them."""
    parsed = parse_name("  The Grupo&nbsp;Bimbo,  S.A.B. de C.V. (en liquidación) ")

    assert parsed.key == "grupo_bimbo"
    assert parsed.display_name == "The Grupo Bimbo, S.A.B. de C.V. (en liquidación)"
    assert parsed.legal_form == "S.A.B. de C.V."
    assert [(r.text, r.form.label, r.form.kind) for r in parsed.removed] == [
        ("the", "The", "note"),
        ("en liquidacion", "En liquidacion", "note"),
        ("s a b de c v", "S.A.B. de C.V.", "form"),
    ]
    assert parsed.distinctive


def test_a_form_that_stays_is_named_but_not_removed() -> None:
    """A cooperative is another body than its sister company, so its form stays in the key."""
    parsed = parse_name("Mondragón Sociedad Cooperativa")

    assert (parsed.key, parsed.legal_form, parsed.removed) == ("mondragon_scoop", "S.Coop.", ())


def test_contradicting_forms_are_left_in_the_name() -> None:
    """Where one of two forms may be part of the name, nothing is removed."""
    parsed = parse_name("Urban Spa SL")

    assert (parsed.key, parsed.legal_form, parsed.removed) == ("urban_spa_sl", None, ())


@pytest.mark.parametrize(
    "name", ["S.A.", "S.A. de C.V.", "Limited", "The S.A.", "株式会社", "&", "---", "🚀", "+ #"]
)
def test_a_bare_form_or_symbol_is_not_distinctive(name: str) -> None:
    """Nothing may be bought for such a name alone."""
    assert not parse_name(name).distinctive


@pytest.mark.parametrize("name", ["Telefónica, S.A.", "3M", "A+", "Ñ", "Group", "銀行"])
def test_a_name_of_its_own_is_distinctive(name: str) -> None:
    """One letter or number is enough for a name."""
    assert parse_name(name).distinctive


def test_the_parsed_key_is_the_company_key() -> None:
    """There is one way from a name to its key."""
    for name in ("H&M Hennes & Mauritz AB (publ)", "!!!", "Ñ", "x" * 500):
        assert parse_name(name).key == company_key(name)


def test_a_blank_name_is_refused() -> None:
    """A row without a name is reported, with the name as given."""
    with pytest.raises(InvalidCompanyName) as caught:
        parse_name(" \u200b")

    assert str(caught.value) == "' \\u200b' is not a company name: it is blank"
