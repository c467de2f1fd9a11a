"""The table of legal forms: well-formed, free of contradictions, and every spelling works."""

from pathlib import Path

import pytest

import orchestrator.identity
from orchestrator.identity import company_key
from orchestrator.identity.forms import Form, load_forms
from orchestrator.identity.writing import split_words

TABLE = Path(orchestrator.identity.__file__).with_name("legal_forms.tsv")
LINES = [
    line.split("\t")
    for line in TABLE.read_text(encoding="utf-8").splitlines()
    if not line.startswith("#")
]


def test_every_line_has_a_form_countries_a_kind_and_spellings() -> None:
    """A slip in the data is found here, not in a customer's key."""
    for label, countries, kind, spellings in LINES:
        assert label.strip() == label
        assert all(c == "*" or (len(c) == 2 and c.isupper()) for c in countries.split())
        assert kind in {"form", "word", "note", "kept"}
        assert all(s == s.strip() and s for s in spellings.split("; "))
    assert len({label for label, *_ in LINES}) == len(LINES)


@pytest.mark.parametrize("line", LINES, ids=lambda line: line[0])
def test_every_spelling_leaves_the_name(line: list[str]) -> None:
    """Each spelling of each form comes off a name, or stays as the form's one spelling."""
    label, _, kind, spellings = line
    expected = f"zyxwo_{''.join(split_words(label))}" if kind == "kept" else "zyxwo"

    for spelling in spellings.split("; "):
        name = spelling.replace("~", "Zyxwo") if "~" in spelling else f"Zyxwo {spelling}"
        assert company_key(name) == expected, name
        assert company_key(name.replace(".", "").upper()) == expected, name


def test_the_licence_and_the_source_are_stated() -> None:
    """The data says where it comes from."""
    head = TABLE.read_text(encoding="utf-8").partition("\n\n")[0]

    assert "ISO 20275" in head
    assert "Apache-2.0" in head


def test_the_longest_spelling_wins(tmp_path: Path) -> None:
    """`S.A. de C.V.` is one form, not C.V. after something."""
    path = tmp_path / "forms.tsv"
    path.write_text("# head\nCV\tNL\tform\tC.V.\nSA\tMX\tform\tS.A. de C.V.; S.A.\n", "utf-8")

    found = list(load_forms(path).endings(["grupo", "sa", "de", "cv"]))

    assert found[0] == (3, "sa de cv", Form("SA", ("MX",), "form"))
