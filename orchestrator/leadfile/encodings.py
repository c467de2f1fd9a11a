"""Which encoding the bytes of a lead file are in.

First what is sure: byte order marks, UTF-16 by its NUL bytes, and UTF-8, also with a few broken
bytes. In any other encoding nearly all bytes mean something. So the words beyond ASCII are read in
each encoding that spreadsheet programs write, and the readings are compared by how probable their
letters are (`letters`): `Gdańsk` is Polish, `Gdañsk` a word of no language. A reading counts if it
is thousands of times more probable than every other one; encodings in which all words read alike
are one reading. Otherwise the file is refused, and the encodings in question are named: a wrong
guess turns every accented company into another company, and that costs money.

A single word seldom suffices by itself. What else says its language: the names of the columns and
the countries in addresses beside it; and that a Macintosh wrote it, the line ends.
"""

import codecs
import operator
import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Final

from anyascii import anyascii
from babel.languages import get_official_languages

from .letters import costs, languages

_BOMS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32-le"),  # begins with the mark of UTF-16
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
_UNDECODED = re.compile("[\udc80-\udcff]")
_NON_ASCII = re.compile("[^\x00-\x7f\udc80-\udcff]")
_WESTERN: Final = ("en", "es", "pt", "fr", "de", "it", "ca", "nl", "sv", "da", "nb", "fi", "is")
_CENTRAL: Final = ("en", "de", "pl", "cs", "sk", "hu", "ro", "sl", "hr")
_CYRILLIC: Final = ("en", "ru", "uk", "bg")
_BALTIC: Final = ("en", "de", "lt", "lv", "et", "pl")
_GREEK: Final = ("en", "el")
#: The encodings that are told apart, how improbable each is by itself, in nats, and for which
#: languages programs write it. Of those that read a file alike, the first one is named.
_CODECS: Final[dict[str, tuple[float, tuple[str, ...]]]] = {
    "cp1252": (0.0, _WESTERN),
    "cp1250": (6.0, _CENTRAL),
    "cp1254": (4.0, ("en", "de", "tr")),
    "cp1257": (7.0, _BALTIC),
    "iso8859-15": (3.0, _WESTERN),
    "mac_roman": (2.0, _WESTERN),
    "cp850": (7.0, _WESTERN),
    "iso8859-2": (9.0, _CENTRAL),
    "cp852": (11.0, _CENTRAL),
    "mac_latin2": (10.0, _CENTRAL),
    "cp1251": (1.0, _CYRILLIC),
    "koi8-r": (4.0, _CYRILLIC),
    "cp866": (6.0, _CYRILLIC),
    "mac_cyrillic": (4.0, _CYRILLIC),
    "iso8859-5": (8.0, _CYRILLIC),
    "cp1253": (1.0, _GREEK),
    "iso8859-7": (4.0, _GREEK),
    "cp1255": (1.0, ("en", "he")),
    "cp1256": (1.0, ("en", "ar")),
    "cp874": (1.0, ("en", "th")),
    "cp932": (1.0, ("en", "ja")),
    "euc_jp": (2.0, ("en", "ja")),
    "gb18030": (1.0, ("en", "zh")),
    "big5": (1.0, ("en", "zh_Hant")),
    "cp949": (1.0, ("en", "ko")),
}
#: Text in another encoding is hardly ever sound UTF-8.
_UTF_8: Final = (-8.0, languages())
#: How much more probable a reading must be than any other one.
_MARGIN: Final = 8.0
#: What words cost at most for each of their bytes if they are words: of alphabets, of Chinese; and
#: by chance as a whole.
_PLAUSIBLE: Final = 4.4
_PLAUSIBLE_WIDE: Final = 5.6
_BY_CHANCE: Final = 16.0
_WIDE: Final = frozenset(("cp932", "euc_jp", "gb18030", "big5", "cp949"))
#: What an encoding of Chinese, Japanese or Korean costs that reads nothing but signs.
_SIGNS_ALONE: Final = 14.0
#: Encodings that are named where several are in question.
_NAMED: Final = 4
#: What a language costs in which no column is named, and which is spoken in no country of the
#: addresses beside the words.
_AROUND: Final = 4.0
#: How improbable by its line ends is that a Macintosh wrote a file.
_ENDS: Final = {b"\r\n": 3.0, b"\n": 0.0, b"\r": -2.0}
#: What a word costs in another language than most others.
_OTHER_LANGUAGE: Final = 3.0
#: Characters beyond ASCII that are UTF-8 without comparison.
_ENOUGH: Final = 200

#: Bytes that are part of no character of several, and of no word.
_BETWEEN: Final = rb"\x00-\x2f:-?"
_WORD: Final = re.compile(rb"([^%b]{1,100})[^%b]*" % (_BETWEEN, _BETWEEN))
#: The country in the address of an e-mail or a website, and those that are not meant by it.
_NAME: Final = re.compile("[a-z]+")
_COUNTRY: Final = re.compile(rb"(?i)(?:@|www\.|//)[\w.-]+\.([a-z]{2})(?![\w.-])")
_NO_COUNTRY: Final = frozenset(("AI", "CO", "EU", "IO", "ME", "TV"))
#: One of so many bytes is NUL in UTF-16: one of each delimiter, line end and letter in ASCII.
_FEWEST_NULS: Final = 50
#: Words of column names by which a language is known.
_NAMES: Final = {
    language: frozenset(names.split())
    for language, names in (
        ("es", "empresa contacto correo telefono nombre apellidos ciudad pais"),
        ("pt", "empresa contato correio telefone nome sobrenome cidade pais"),
        ("ca", "empresa contacte correu cognoms ciutat pais"),
        ("fr", "entreprise courriel prenom ville pays"),
        ("de", "unternehmen ansprechpartner vorname nachname ort"),
        ("it", "azienda referente telefono nome cognome paese"),
        ("nl", "bedrijf contactpersoon telefoon voornaam achternaam plaats"),
        ("pl", "nazwa nazwisko miasto kraj"),
        ("cs", "jmeno prijmeni mesto"),
        ("hu", "cegnev nev varos orszag"),
        ("ro", "nume prenume oras tara"),
    )
}
#: Bytes of a line that are looked at.
_LONGEST: Final = 2_000
#: Lines at the beginning that say something about the language, though they are in ASCII.
_FIRST: Final = 10
#: Different words that are compared, out of so many lines. More are only looked at where a byte
#: was met less often than `_TIMES`.
_WORDS: Final = 300
_LINES: Final = 5_000
_TIMES: Final = 20
_ASCII: Final = bytes(range(0x80))
_CHINESE: Final = re.compile("[\u3040-\ud7ff]")
_CONTROLS: Final = re.compile("[\x80-\x9f]")


@dataclass(frozen=True, slots=True)
class Encoding:
    """A Python codec name, and the byte order mark that the file starts with (may be empty)."""

    codec: str
    bom: bytes = b""

    @property
    def errors(self) -> str:
        """How to decode: a broken byte of a UTF-8 file becomes a lone surrogate."""
        return "surrogateescape" if self.codec == "utf-8" else "strict"

    def encode(self, text: str) -> bytes:
        """Return the bytes of text that was decoded so, or is `representable`, without the mark."""
        return text.encode(self.codec, self.errors)

    def representable(self, text: str) -> str:
        """Return *text* with the closest ASCII for each character this encoding lacks."""
        try:
            text.encode(self.codec)
        except UnicodeEncodeError:
            return "".join(map(self._closest, text))
        return text

    def _closest(self, char: str) -> str:
        try:
            char.encode(self.codec)
        except UnicodeEncodeError:
            return anyascii(char) or "?"
        return char


class UncertainEncodingError(Exception):
    """Several encodings are in question.

    Args:
        readings: For each of them a word as it reads in it, the most probable first.
    """

    def __init__(self, readings: dict[str, str]) -> None:
        super().__init__(readings)
        self.readings = readings


def detect_encoding(chunks: Iterable[bytes]) -> Encoding:
    """Return which encoding the bytes of *chunks* are in.

    A file that is UTF-8 but for a few broken bytes is UTF-8: the rows with those bytes are
    reported, and the accents of all others stay what they are. So all of it is looked at.

    Raises:
        UncertainEncodingError: It could be in several that read it differently.
    """
    decode = codecs.getincrementaldecoder("utf-8")("surrogateescape").decode
    broken = foreign = 0
    words = _Words()
    for number, chunk in enumerate(chain(chunks, [b""])):
        if number == 0 and (marked := _marked(chunk)) is not None:
            return marked
        # The end of the last chunk may be half of a character.
        text = decode(chunk, not chunk)
        if not text.isascii():
            broken += len(_UNDECODED.findall(text))
            foreign += len(_NON_ASCII.findall(text))
        words.add(chunk)
    if broken <= foreign and (not foreign or foreign > _ENOUGH):
        return Encoding("utf-8")
    return _most_probable(words, may_be_utf_8=broken <= foreign)


class _Words:
    """Different words of a file: those beyond ASCII, and those in ASCII that stand near them."""

    def __init__(self) -> None:
        self.foreign: dict[bytes, None] = {}
        self.countries: set[str] = set()
        self.named: set[str] = set()
        self.ends = b"\n"
        self._times: Counter[int] = Counter()
        self._lines = 0
        self._common = _ASCII
        self._rest = b""

    def add(self, chunk: bytes) -> None:
        """Add the words of the next *chunk*; b"" is the end of the file."""
        text = self._rest + chunk
        end = len(text) if not chunk else 1 + max(text.rfind(b"\n"), text.rfind(b"\r"))
        whole = text[:end]
        # Of a line without end the first part says enough.
        self._rest = text[end:][:_LONGEST]
        if not self._lines:
            self.ends = next((each for each in _ENDS if each in whole), b"\n")
            for line in whole[:_LONGEST].splitlines()[:_FIRST]:
                self._add_line(line)
                self.named.update(_NAME.findall(line.decode("ascii", "replace").lower()))
        if self._says_more(whole):
            for line in whole.splitlines():
                if self._says_more(line):
                    self._add_line(line[:_LONGEST])

    def _says_more(self, text: bytes) -> bool:
        is_enough = len(self.foreign) >= _WORDS or self._lines >= _LINES
        return bool(text.translate(None, self._common if is_enough else _ASCII))

    def _add_line(self, line: bytes) -> None:
        self._lines += 1
        self.countries.update(each.decode().upper() for each in _COUNTRY.findall(line))
        for word in _WORD.findall(line):
            if not word.isascii():
                self._times.update(set(word))
                self.foreign[word] = None
        often = (byte for byte, times in self._times.items() if times >= _TIMES)
        self._common = _ASCII + bytes(often)


@dataclass(slots=True)
class _Reading:
    """The words as one or several encodings read them."""

    codec: str
    words: list[str]
    of_letters: float
    cost: float
    """With how improbable the encoding is by itself."""


def _most_probable(words: _Words, *, may_be_utf_8: bool) -> Encoding:
    best, *others = _readings(words, may_be_utf_8=may_be_utf_8)
    size = sum(len(word) + 1 for word in words.foreign)
    each = _PLAUSIBLE_WIDE if best.codec in _WIDE else _PLAUSIBLE
    is_plausible = best.codec == "utf-8" or best.cost <= size * each + _BY_CHANCE
    near = [each for each in others if not is_plausible or _is_near(each, best)]
    if near:
        raise UncertainEncodingError(_compared([best, *near][:_NAMED]))
    # Any byte has a meaning in latin-1.
    has_others = best.codec == "cp1252" and any(map(_CONTROLS.search, best.words))
    return Encoding("latin-1" if has_others else best.codec)


def _is_near(other: _Reading, best: _Reading) -> bool:
    """Return whether *other* may be right as well, or its letters alone are more probable."""
    if best.codec == "utf-8":
        return other.of_letters < best.of_letters - _MARGIN / 2
    return other.cost < best.cost + _MARGIN or other.of_letters < best.of_letters


def _readings(words: _Words, *, may_be_utf_8: bool) -> list[_Reading]:
    """Return all different readings of *words*, the most probable first."""
    priors = {"utf-8": _UTF_8, **_CODECS} if may_be_utf_8 else _CODECS
    spoken = _spoken(words)
    same = [_AROUND * bool(spoken and each not in spoken) for each in languages()]
    found: dict[tuple[str, ...], _Reading] = {}
    for codec, (prior, written) in priors.items():
        by_ends = _ENDS[words.ends] if codec.startswith("mac_") else 0.0
        texts = [_decoded(word, codec) for word in words.foreign]
        own = [languages().index(each) for each in written]
        of_letters = min(map(operator.add, (same[each] for each in own), _costs_in(texts, own)))
        if codec in _WIDE and not any(map(_CHINESE.search, texts)):
            of_letters += _SIGNS_ALONE
        known = found.setdefault(
            tuple(texts), _Reading(codec, texts, of_letters, of_letters + prior + by_ends)
        )
        known.of_letters = min(known.of_letters, of_letters)
        known.cost = min(known.cost, of_letters + prior + by_ends)
    return sorted(found.values(), key=lambda each: each.cost)


def _spoken(words: _Words) -> set[str]:
    """Return the languages of the column names, and of the countries in the addresses."""
    known = {each: len(words.named.intersection(names)) for each, names in _NAMES.items()}
    named = {each for each, times in known.items() if times == max(1, *known.values())}
    countries = ("GB" if each == "UK" else each for each in words.countries - _NO_COUNTRY)
    return named.union(*(get_official_languages(each, de_facto=True) for each in countries))


def _costs_in(texts: Iterable[str], among: Sequence[int]) -> list[float]:
    """Return for each language *among* all what *texts* cost if most of them are in that one."""
    totals = [0.0] * len(among)
    for text in texts:
        each = [costs(text)[language] for language in among]
        most = min(each) + _OTHER_LANGUAGE
        totals = [total + min(cost, most) for total, cost in zip(totals, each, strict=True)]
    return totals


def _decoded(word: bytes, codec: str) -> str:
    try:
        return word.decode(codec)
    except UnicodeDecodeError:
        other = "latin-1" if codec == "cp1252" else codec
        return word.decode(other, "surrogateescape" if codec == "utf-8" else "replace")


def _compared(readings: list[_Reading]) -> dict[str, str]:
    """Return how each encoding reads the word that they read most differently."""
    best, second, *_ = readings
    at = max(
        range(len(best.words)),
        key=lambda n: (best.words[n] != second.words[n], -len(best.words[n])),
    )
    return {each.codec: each.words[at] for each in readings}


def named_encoding(name: str, beginning: bytes) -> Encoding:
    """Return the encoding called *name* for a file with this *beginning*.

    Raises:
        LookupError: Python knows no text encoding of this name.
    """
    codec = codecs.lookup(name).name.removesuffix("-sig")
    "".encode(codec)  # a LookupError for what is no encoding of text, such as hex
    marked = _marked(beginning)
    if marked is not None and marked.codec.startswith(codec):
        return marked
    # By the name of a family, Python would write a mark before each piece.
    return Encoding(f"{codec}-le" if codec in {"utf-16", "utf-32"} else codec)


def _marked(beginning: bytes) -> Encoding | None:
    """Return the encoding that the first bytes of a file say, by their mark or their NUL bytes."""
    for bom, codec in _BOMS:
        if beginning.startswith(bom):
            return Encoding(codec, bom)
    # No other text has so many; read in the wrong order, it has no line ends.
    if _FEWEST_NULS * beginning.count(0) < len(beginning):
        return None
    for codec in ("utf-16-le", "utf-16-be"):
        text = beginning[: len(beginning) // 2 * 2].decode(codec, "ignore")
        odd = sum(not char.isprintable() and char not in "\t\r\n" for char in text[:_LONGEST])
        if ("\n" in text or "\r" in text) and 10 * odd < len(text[:_LONGEST]):
            return Encoding(codec)
    return None


def has_broken_bytes(text: str) -> bool:
    """Return whether *text* holds bytes that its encoding could not read."""
    return _UNDECODED.search(text) is not None
