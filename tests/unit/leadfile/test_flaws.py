"""What a file's owner is told: errors first, alike rows together."""

from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from string import Formatter

from agents.case import Language, Localized
from orchestrator.leadfile import Problems, file_flaws, flaws, read_lead_file

GivenFile = Callable[[str | bytes], Path]
HEADER = "company,contact,email,country,notes\n"


def _told(path: Path, language: Language = "en") -> list[str]:
    problems = Problems()
    for row in read_lead_file(path).rows():
        for problem in row.problems:
            problems.add(problem)
    return [sentence.removeprefix(f"{path}, ") for _, sentence in problems.sentences(language)]


def test_one_error_is_seen_before_a_hundred_warnings(given_file: GivenFile) -> None:
    """Each kind is one sentence, with its rows; what differs is that of the first row."""
    rows = "".join(f"Acme {n},Ana,a{n}@acme.test,Narnia {n},- call\n" for n in range(100))
    path = given_file(f"{HEADER}{rows},Eva,eva@acme.test,ES,\n")

    error, country, formula = _told(path)

    assert error == "row 102: company is missing; fill it in or delete the row."
    assert country.startswith("100 rows (2-101): country 'Narnia 0' is no country that is known;")
    assert country.endswith(" (so in row 2).")
    assert formula.startswith("100 rows (2-101): notes looks like a formula")


def test_rows_are_told_as_ranges(given_file: GivenFile) -> None:
    """Rows in a line are a range; of many, the first ranges and how many there are more."""
    bad = {3, 4, 5, 9, *range(20, 60, 2)}
    rows = "".join(f"{'' if n in bad else 'Acme'},Ana,,,\n" for n in range(2, 60))

    (told,) = _told(given_file(HEADER + rows))

    assert told.startswith("24 rows (3-5, 9, 20, 22, 24, ")
    assert " and 10 more): company is missing" in told


def test_a_spanish_owner_reads_spanish(given_file: GivenFile) -> None:
    """Every sentence, with what fills it in."""
    bad = (
        f"{HEADER}Acme,Ana,ana@,,\n#N/A,Ana,,,\nAcme,Ana,,,,,\nAcme,Ana,,,=1\n"
        '"Acme,Ana,,,\n#?Peña,Ana,,,\n'
    )

    told = " ".join(_told(given_file(bad), "es"))

    assert "fila 2: email no es una dirección de correo; corríjalo." in told
    assert "fila 3: company '#N/A' es un texto de relleno, no el nombre de una empresa" in told
    assert "fila 5: notes parece una fórmula" in told
    assert "fila 6: la fila abre unas comillas que no se cierran" in told


def test_every_sentence_is_in_both_languages_with_the_same_places_to_fill_in() -> None:
    """What is told of rows and of files; the reason of a bad address is known in English only."""
    sentences = [*_sentences(vars(flaws).values()), *_sentences(vars(file_flaws).values())]
    alike = [each for each in sentences if each.en == each.es]
    differing = [each for each in sentences if _places(each.en) != _places(each.es)]

    assert len(sentences) > 100
    assert all(each.en.strip() and each.es.strip() for each in sentences)
    assert alike == []
    assert differing == [flaws.NO_EMAIL.message]


def _sentences(things: Iterable[object]) -> Iterator[Localized]:
    for thing in things:
        if isinstance(thing, Localized):
            yield thing
        elif isinstance(thing, flaws.Kind):
            yield from (thing.message, thing.hint)
        elif isinstance(thing, dict):
            yield from _sentences(thing.values())


def _places(sentence: str) -> set[tuple[str | None, str | None]]:
    return {(name, form) for _, name, form, _ in Formatter().parse(sentence) if name is not None}
