"""Files of many languages in the encodings of their spreadsheets: read as written, or refused.

`languages.toml` has invented names. None of them was looked at when the letters were counted.
"""

import random
import tomllib
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Final

import pytest

from orchestrator.leadfile import FOR_ENRICHMENT, LeadFileError, read_lead_file
from orchestrator.leadfile.encodings import UncertainEncodingError, detect_encoding
from tests.support.lead_files import write_results

GivenFile = Callable[[str | bytes], Path]
LANGUAGES: Final = tomllib.loads(Path(__file__).with_name("languages.toml").read_text("utf-8"))
UNICODE: Final = ("utf-8", "utf-16-le", "utf-16-be")
#: What stands around the names, in ASCII and in several languages, as in the file of a CRM.
AROUND: Final = (
    ("empresa;contacto;correo", "Aceros del Norte SL;Carlos Romero;carlos@aceros.example"),
    ("company;contact;email", "North Harbour Logistics;Jane Wood;jane@north.example"),
    ("firma;kontakt;email", "Hurtownia Stali;Jan Kowalski;jan@hurtownia.example"),
)


def _file(names: Sequence[str], plain: int, chance: random.Random) -> str:
    """Return a file with a row for each of *names* and so many *plain* ones, shuffled."""
    header, row = chance.choice(AROUND)
    rows = [f"{name};Ana;lead{number}@a.example" for number, name in enumerate(names)]
    rows += [row] * plain
    chance.shuffle(rows)
    return "\r\n".join([header, *rows, ""])


def _files(names: Sequence[str], chance: random.Random) -> Iterator[tuple[int, str]]:
    """Yield files, each with how many of its rows have such a name: one of 31, up to 3,000."""
    for name in names:
        yield 1, _file([name], 30, chance)
    for count, files in ((3, 6), (12, 2), (100, 1), (3_000, 1)):
        for _ in range(files):
            yield count, _file(chance.choices(names, k=count), count // 3, chance)


@pytest.mark.parametrize("language", LANGUAGES)
def test_no_letter_is_read_as_another(language: str) -> None:
    """A file is read as it was written or is refused, and it is hardly ever refused."""
    names, chance = LANGUAGES[language]["names"], random.Random(language)  # noqa: S311 - reproducible
    wrong, outcomes = [], Counter[tuple[int, bool]]()
    for codec in (*LANGUAGES[language]["encodings"], *UNICODE):
        for count, text in _files(names, chance):
            try:
                content = text.encode(codec)
            except UnicodeEncodeError:  # a name of another encoding of the language
                continue
            try:
                found = detect_encoding([content])
            except UncertainEncodingError:
                outcomes[count, False] += 1
                if codec in UNICODE:
                    wrong.append((codec, "refused", text[:200]))
                continue
            outcomes[count, True] += 1
            if content.decode(found.codec, "replace") != text:
                wrong.append((codec, found.codec, text[:200]))

    refused = {count for count, is_read in outcomes if not is_read}
    assert wrong == []
    assert max(refused, default=0) < 100
    assert outcomes[1, False] < outcomes[1, True] * 0.4
    assert outcomes[12, False] < outcomes[12, True] * 0.1


@pytest.mark.parametrize(
    ("language", "encoding"),
    [(name, codec) for name, each in LANGUAGES.items() for codec in each["encodings"]],
)
def test_every_encoding_can_be_named_and_is_that_of_the_results(
    given_file: GivenFile, tmp_path: Path, language: str, encoding: str
) -> None:
    """Rows are the user's own, byte for byte."""
    names = [name for name in LANGUAGES[language]["names"] if _is_writable(name, encoding)]
    rows = [f"{name};Ana" for name in names]
    path = given_file("\r\n".join(["company;contact", *rows, ""]).encode(encoding))
    output = tmp_path / "out.csv"

    lead_file = read_lead_file(path, needs=FOR_ENRICHMENT, encoding=encoding)
    write_results(lead_file, {}, output)

    assert [row.cells[0] for row in lead_file.rows()] == names
    written = output.read_bytes().split(b"\r\n")[1:-1]
    assert [line[: len(row.encode(encoding))] for line, row in zip(written, rows, strict=True)] == [
        row.encode(encoding) for row in rows
    ]


def _is_writable(name: str, encoding: str) -> bool:
    try:
        name.encode(encoding)
    except UnicodeEncodeError:
        return False
    return True


def test_a_file_in_doubt_is_refused_with_what_it_could_say(given_file: GivenFile) -> None:
    """The sentence names the encodings, and a word as each of them reads it."""
    path = given_file("firma\nHůlka\n".encode("cp1250"))

    with pytest.raises(LeadFileError) as refused:
        read_lead_file(path, needs=FOR_ENRICHMENT)

    assert "'Hůlka' (cp1250)" in str(refused.value)
    assert "'Hùlka' (cp1252)" in str(refused.value)
    assert "--encoding cp1" in str(refused.value)
    assert "podría poner" in refused.value.sentence("es")
    named = read_lead_file(path, needs=FOR_ENRICHMENT, encoding="cp1250")
    assert [row.cells for row in named.rows()] == [("Hůlka",)]


@pytest.mark.parametrize(
    "word",
    [
        *("Ávila", "Íñigo", "Muñoz", "Ångström", "Société", "Größe", "Piñeiro", "Æbler", "ESPAÑA"),
        *("Bilbao™", "L’Atelier", "5 €", "Nº 5", "1º", "Dª Ana", "20 °C", "Norte – Sur"),  # noqa: RUF001
    ],
)
def test_one_word_is_enough_where_others_are_hardly_words(word: str) -> None:
    """No language has a Greek letter in a Latin word, or a sign where it does not belong."""
    content = f"company,email\r\nNorth Ltd,a@north.example\r\n{word} SL,b@south.example\r\n"

    assert detect_encoding([content.encode("cp1252")]).codec == "cp1252"


@pytest.mark.parametrize("word", ["Óscar", "Sáenz", "Hernández", "Begoña"])
@pytest.mark.parametrize(
    ("header", "domain"), [("Empresa;Correo", "example"), ("company;email", "sur.es")]
)
def test_columns_and_addresses_say_the_language(word: str, header: str, domain: str) -> None:
    """A Spanish name among names in ASCII is read in a file from Spain."""
    content = f"{header}\r\nNorth Ltd;a@north.example\r\n{word} SL;b@{domain}\r\n"

    assert detect_encoding([content.encode("cp1252")]).codec == "cp1252"


@pytest.mark.parametrize(
    "cell",
    ["✅", "✔️", "🇪🇸", "👩‍💻", "Norte ⭐", "９１１２３４５６７", "＋34 ６１１２３４５６７"],  # noqa: RUF001
)
def test_a_picture_or_wide_digits_alone_are_read_as_utf_8(cell: str) -> None:
    """They are no words, and in every other encoding their bytes are none either."""
    content = f"company,email,note\nNorth Ltd,a@north.example,{cell}\nSouth,b@south.example,\n"

    assert detect_encoding([content.encode()]).codec == "utf-8"


@pytest.mark.parametrize("word", ["Räsänen", "Göteborg", "Holmström"])
def test_line_ends_say_whether_a_macintosh_wrote_a_file(word: str) -> None:
    """One word is enough where lines end with a carriage return alone."""
    lines = ["company,email", "North Ltd,a@north.example", f"{word},b@south.example", ""]

    assert detect_encoding(["\r".join(lines).encode("mac_roman")]).codec == "mac_roman"
    with pytest.raises(UncertainEncodingError):
        detect_encoding(["\r\n".join(lines).encode("mac_roman")])


@pytest.mark.parametrize(
    ("encoding", "text"),
    [
        ("cp1254", "Bilgin A.Ş."),
        ("cp850", "Acme S.à r.l."),
        ("cp1250", "Elżbieta"),
        ("iso8859-2", "Ježek"),
        ("cp1250", "Mavrič"),
        ("cp1257", "Kęstutis"),
        ("euc_jp", "近藤印刷株式会社"),
        ("cp850", "Prüffeld"),
        ("mac_cyrillic", "Ромашка"),
        ("mac_latin2", "Győri Kőműves"),
        ("iso8859-5", "Объединение"),
    ],
)
def test_a_single_word_is_not_read_as_another(encoding: str, text: str) -> None:
    """Each of them was, though it stands in a file as people have it."""
    content = f"company,email\nNorth Ltd,a@north.example\n{text},b@south.example\n"

    try:
        found = detect_encoding([content.encode(encoding)]).codec
    except UncertainEncodingError:
        return
    assert content.encode(encoding).decode(found) == content


def test_a_word_far_behind_counts(given_file: GivenFile) -> None:
    """What follows thousands of names with the same few letters is looked at, too."""
    names = [f"Café {number}" for number in range(20_000)]
    path = given_file("\n".join(["empresa", *names, "Łódź Źródło", ""]).encode("cp1250"))

    lead_file = read_lead_file(path, needs=FOR_ENRICHMENT)

    *_, last = lead_file.rows()
    assert last.cells == ("Łódź Źródło",)


def test_large_files_take_no_more_words_than_small_ones() -> None:
    """What is compared is bounded, whatever the number of rows."""
    names = [f"Peña{number:05}ñ Núñez" for number in range(50_000)]
    content = "\n".join(["empresa", *names]).encode("cp1252")

    assert detect_encoding(_pieces(content)).codec == "cp1252"


def _pieces(content: bytes) -> Iterator[bytes]:
    return (content[at : at + 1_000] for at in range(0, len(content), 1_000))
