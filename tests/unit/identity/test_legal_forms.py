"""The table of legal forms: well-formed, free of contradictions, and every spelling works."""

import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

import orchestrator.identity
from orchestrator.identity import company_key, parse_name
from orchestrator.identity.stripping import Form, load_forms
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


def test_a_spelling_has_one_form() -> None:
    """Which of two lines explains a removal must not depend on their order."""
    counts = Counter(spelling for *_, spellings in LINES for spelling in spellings.split("; "))

    assert [spelling for spelling, count in counts.items() if count > 1] == []


@pytest.mark.parametrize("line", LINES, ids=lambda line: line[0])
def test_every_spelling_leaves_the_name(line: list[str]) -> None:
    """Each spelling of each form comes off a name, or stays as the form's one spelling."""
    label, countries, kind, spellings = line
    expected = f"zyxwo_{''.join(split_words(label))}" if kind == "kept" else "zyxwo"
    country = None if "*" in countries else countries.split()[0]

    for spelling in spellings.split("; "):
        # Initials are a note only behind a form of their country.
        named = f"Zyxwo {form_of(countries)}" if is_initials_note(kind, spelling) else "Zyxwo"
        name = spelling.replace("~", named) if "~" in spelling else f"{named} {spelling}"
        assert company_key(name, country) == expected, name
        assert company_key(name.upper(), country) == expected, name


def is_initials_note(kind: str, spelling: str) -> bool:
    """Return whether *spelling* is a note such as `v a`."""
    return kind == "note" and all(len(word) == 1 for word in spelling.split())


def form_of(countries: str) -> str:
    """Return the first spelling of a form of the first of *countries*."""
    first = countries.split(maxsplit=1)[0]
    return next(s.split("; ")[0] for _, c, kind, s in LINES if kind == "form" and first in c)


@pytest.mark.parametrize(
    ("country", "name", "label"),
    [
        ("AZ", "Zyxwo Məhdud məsuliyyətli cəmiyyəti", "MMC"),
        ("BE", "Zyxwo Société privée à responsabilité limitée", "BV"),
        ("BG", "Zyxwo Еднолично акционерно дружество", "AD"),
        ("CZ", "Zyxwo Evropská společnost", "SE"),
        ("DK", "Zyxwo Selskab med begrænset ansvar", "ApS"),
        ("GR", "Zyxwo Ανώνυμη Εταιρεία", "A.E."),
        ("IE", "Zyxwo Cuideachta Phoiblí Theoranta", "PLC"),
        ("KH", "Zyxwo ក្រុមហ៊ុនឯកជនទទួលខុសត្រូវមានកម្រិត", "Private Limited"),
        ("LT", "Zyxwo Uždarosios akcinės bendrovės", "UAB"),
        ("MX", "Zyxwo Sociedad en comandita simple de capital variable", "Comandita"),
        ("PT", "Zyxwo Sociedade Anónima Desportiva", "S.A.D."),
        ("TN", "Zyxwo Société unipersonnelle à responsabilité limitée", "E.U.R.L."),
    ],
)
def test_the_official_names_of_iso_20275_are_known(country: str, name: str, label: str) -> None:
    """A form is known by its official name, too, and by the countries that have it."""
    parsed = parse_name(name)
    countries = next(countries.split() for other, countries, *_ in LINES if other == label)

    assert parsed.legal_form == label
    assert country in countries or countries == ["*"]


@pytest.mark.parametrize(
    "name",
    ["Zyxwo Trust", "Zyxwo NL", "Zyxwo BC", "Zyxwo Credit Union", "Zyxwo Series", "Zyxwo SIC"],
)
def test_what_some_country_lists_is_not_stripped_for_that(name: str) -> None:
    """Short and everyday words of the official list end names of other companies, too."""
    assert parse_name(name).removed == ()


def test_the_licence_and_the_sources_are_stated() -> None:
    """The data says where it comes from."""
    head = TABLE.read_text(encoding="utf-8").partition("\n\n")[0]

    for said in ("ISO 20275", "GLEIF", "CC0", "Apache-2.0", "python -m tools.legal_forms"):
        assert said in head


def test_the_longest_spelling_wins(tmp_path: Path) -> None:
    """`S.A. de C.V.` is one form, not C.V. after something."""
    path = tmp_path / "forms.tsv"
    path.write_text("# head\nCV\tNL\tform\tcv; c v\nSA\tMX\tform\tsa de cv; sa\n", "utf-8")

    found = list(load_forms(path).endings(["grupo", "sa", "de", "cv"]))

    assert found[0] == (3, "sa de cv", Form("SA", ("MX",), "form"))


def test_importing_it_loads_nothing_else() -> None:
    """A command line that only needs keys starts at once: standard library and table, no more."""
    before, after = (
        subprocess.run(
            [sys.executable, "-c", f"import sys{more}; print(*sys.modules)"],
            capture_output=True,
            check=True,
            text=True,
        ).stdout.split()
        for more in ("", ", orchestrator.identity")
    )

    added = {name for name in set(after) - set(before) if not name.startswith("orchestrator")}
    assert {name.partition(".")[0] for name in added} <= sys.stdlib_module_names
    assert {n for n in after if n.startswith("orchestrator.")} == {
        n for n in after if n.startswith("orchestrator.identity")
    }
