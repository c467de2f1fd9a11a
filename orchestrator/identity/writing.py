"""Reduces the ways of writing a name to one: Unicode forms, case, accents, entities, punctuation.

Knows characters, not companies: legal forms are in `stripping`, wording is in `company`. `words_of`
reads `words.toml`, the lists of words that the modules beside it know.

Characters younger than Unicode 14, the version of the oldest Python supported, separate words on
every Python: a newer one calls them letters, 3.11 calls them nothing, and a key must not depend on
the Python that makes it. Other properties that keys are made of have not changed since.
"""

import html
import re
import tomllib
import unicodedata
from bisect import bisect_right
from pathlib import Path
from typing import Final

_LISTS: Final[dict[str, str]] = tomllib.loads(
    Path(__file__).with_name("words.toml").read_text(encoding="utf-8")
)


def words_of(name: str) -> frozenset[str]:
    """Return the list *name* of the file."""
    return frozenset(_LISTS[name].split())


_ENTITY: Final = re.compile(r"&(?:#[0-9]{1,7}|#[xX][0-9A-Fa-f]{1,6}|[A-Za-z][A-Za-z0-9]{1,31});")
_APOSTROPHES: Final = frozenset(
    "'`\u00b4\u00bf\u02b9\u02bb\u02bc\u02bd\u02c8\u2018\u2019\u201a\u201b\u2032\u2035"
)
_MARKS_OF_REGISTRATION: Final = frozenset("©®™\u2120")
_INVISIBLE: Final = frozenset("\u034f\u115f\u1160\u17b4\u17b5\u2800\u3164\uffa0") | frozenset(
    map(chr, range(0xFE00, 0xFE10))
)
"""Fillers and variation selectors, which Unicode files among letters, marks and symbols."""
_DROPPED: Final = _APOSTROPHES | _MARKS_OF_REGISTRATION | _INVISIBLE
"""Dropped without a space: `L'Oréal` is typed `LOreal` too."""
_ACCENTS: Final = frozenset(
    map(
        chr,
        (
            *range(0x0300, 0x0370),  # combining accents of Latin, Greek, Cyrillic
            *range(0x0591, 0x05C8),  # Hebrew points
            *range(0x064B, 0x0660),  # Arabic vowels and hamza signs
            0x0640,  # Arabic tatweel
            0x0670,  # Arabic dagger alef
        ),
    )
)
_KEPT_SYMBOLS: Final = frozenset("&+#@%$€£¥")
"""Symbols that tell names apart (`A+`, `C#`); every other one separates words."""
_UNPRINTED: Final = frozenset({"Cc", "Cf", "Cs"})
_WRAPPING: Final = ' ;,"“”«»„'
_LATIN_EXTRA: Final = str.maketrans(
    {"ø": "o", "æ": "ae", "œ": "oe", "đ": "d", "ð": "d", "þ": "th", "ł": "l", "ħ": "h"}
    | {"ŧ": "t", "ŋ": "n", "\u0131": "i", "ĸ": "k", "ə": "e"},
)
_UNSPACED: Final = (
    "[\u3005-\u3007\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\uff66-\uff9f]"
)
_UNSPACED_GAP: Final = re.compile(rf"(?<={_UNSPACED})\s+(?={_UNSPACED})")
"""Chinese and Japanese put no meaning into spaces."""


class _Folding(dict[int, str]):
    """Cache of what each character becomes; at most one entry a code point."""

    def __missing__(self, code: int) -> str:
        folded = self[code] = " " if is_younger(chr(code)) else _fold(chr(code))
        return folded


def _fold(character: str) -> str:
    """Return the characters that stand for *character* in a key, a space, or nothing."""
    if character in _DROPPED:
        return ""
    if character in _KEPT_SYMBOLS:
        return character
    compatible = unicodedata.normalize("NFKC", character)
    if compatible != character:
        return "".join(map(_fold, compatible))
    category = unicodedata.category(character)
    if category[0] not in "LMN":
        return "" if category in _UNPRINTED and not character.isspace() else " "
    if category == "Nd":
        return str(unicodedata.decimal(character))
    plain = unicodedata.normalize("NFKD", character.casefold())
    return "".join(c for c in plain if c not in _ACCENTS).translate(_LATIN_EXTRA)


class _Printing(dict[int, str]):
    """Cache of what each character is printed as: itself, or nothing."""

    def __missing__(self, code: int) -> str:
        is_shown = unicodedata.category(chr(code)) not in {"Cf", "Cs"}
        printed = self[code] = chr(code) if is_shown else ""
        return printed


class _Showing(dict[int, str]):
    """Cache of what each character outside of words is shown as: itself, or nothing."""

    def __missing__(self, code: int) -> str:
        character = chr(code)
        is_hidden = character in _INVISIBLE or is_younger(character)
        is_shown = not is_hidden and unicodedata.category(character)[0] not in "CZ"
        shown = self[code] = character if is_shown else ""
        return shown


_FOLDING: Final = _Folding()
_SHOWING: Final = _Showing()
_PRINTING: Final = _Printing()


def split_words(name: str) -> list[str]:
    """Return the folded words of *name*; no words if it has no letter, digit or kept symbol."""
    if "&" in name and ";" in name:
        name = decode_entities(name)
    if name.isascii():
        return name.translate(_FOLDING).replace("&", " & ").split()
    # Composed first (a decomposed Hangul syllable is one letter) and last (folding a half-width
    # kana leaves its sound mark apart).
    text = _UNSPACED_GAP.sub("", unicodedata.normalize("NFC", name)).translate(_FOLDING)
    return unicodedata.normalize("NFC", text).replace("&", " & ").split()


def decode_entities(name: str) -> str:
    """Return *name* with its HTML entities resolved, twice, since exports escape twice."""
    decoded = _ENTITY.sub(_decode, name)
    return _ENTITY.sub(_decode, decoded) if ";" in decoded else decoded


def _decode(entity: re.Match[str]) -> str:
    text = entity[0]
    decoded = html.unescape(text)
    # An upper-cased export writes &NTILDE;, which is no entity, for &Ntilde;.
    return decoded if decoded != text else html.unescape(text.lower())


def symbols(name: str) -> str:
    """Return what *name* shows when it has no words: its symbols, without spaces."""
    return unicodedata.normalize("NFC", decode_entities(name)).translate(_SHOWING)


def tidy(name: str) -> str:
    """Return *name* as a person would print it: decoded, composed, spaced once, unquoted."""
    text = decode_entities(name) if "&" in name else name
    if not text.isascii():
        text = unicodedata.normalize("NFC", text).translate(_PRINTING)
    return " ".join(text.split()).strip(_WRAPPING)


_YOUNGER: Final = """
558 58B-58C 5C8-5C9 88F 897 B53-B54 C5C CDC CF3 ECE 1ACF-1AF0 1B4E-1B4F 1B7F 1C89-1C8A 208F
209D-209F 20C1-20C4 2427-2429 2B96 2E60-2E63 2FFC-2FFF 31E4-31E5 31EF A7CB-A7CF A7D2 A7D4
A7DA-A7DD A7E2 A7F1 AB6C-AB6D FBC3-FBD2 FD90-FD91 FDC8-FDCE 105C0-105F3 107BB-107BF
10940-10959 10D40-10D65 10D69-10D85 10D8E-10D8F 10EC2-10EC7 10EC9-10EEE 10EF0-10EFF
1123F-11241 11380-11389 1138B 1138E 11390-113B5 113B7-113C0 113C2 113C5 113C7-113CA
113CC-113D5 113D7-113D8 113E1-113E2 116D0-116E3 11B00-11B0A 11B60-11B67 11BC0-11BE1
11BF0-11BF9 11DB0-11DDB 11DE0-11DE9 11DF0-11DF1 11F00-11F10 11F12-11F3A 11F3E-11F5A 1246F
12475-1247F 12550-12686 1342F 13439-13455 13460-143FA 16100-16139 16D40-16D79 16EA0-16EB8
16EBB-16ED3 16FF2-16FF6 187F8-187FF 18CD6-18CDA 18CFF 18D09-18D20 18D80-18DF2 18E00-19191
191A0-191D2 1B123-1B128 1B132 1B155 1B168 1CC00-1CCFC 1CD00-1CEB3 1CEBA-1CED0 1CED2-1CED4
1CEDD-1CEFD 1D127-1D128 1D1EB-1D1FF 1D250-1D281 1D2C0-1D2D3 1D6A6 1DB00-1DB1C 1DF1F-1DF81
1DF90-1DF96 1DFCD-1DFFF 1E030-1E06D 1E08F 1E4D0-1E4F9 1E5D0-1E5FA 1E5FF 1E6C0-1E6DE
1E6E0-1E6F5 1E6FE-1E6FF 1F1AE 1F6D8-1F6D9 1F6DC 1F774-1F77F 1F7D9-1F7DB 1F7F1-1F7FF
1F8B2-1F8BB 1F8C0-1F8C1 1F8D0-1F8D8 1FA54-1FA57 1FA75-1FA77 1FA87-1FA8F 1FAAD-1FAAF
1FABB-1FABF 1FAC6 1FAC8 1FACC-1FACF 1FADA-1FADD 1FADF 1FAE8-1FAEB 1FAEF 1FAF7-1FAFA
1FBCB-1FBEF 1FBFA 2B739-2B73F 2B81E 2CEA2-2CEAD 2EBF0-2EE5D 31350-33479 3D000-3FC3F
"""
"""Code points that Unicode 15 to 18 assigned; a test fails on a Python that knows of more."""


def _bounds() -> tuple[int, ...]:
    """Return where ranges of younger characters begin and end, in turn."""
    bounds: list[int] = []
    for span in _YOUNGER.split():
        first, _, last = span.partition("-")
        bounds += (int(first, 16), int(last or first, 16) + 1)
    return tuple(bounds)


_BOUNDS: Final = _bounds()


def is_younger(character: str) -> bool:
    """Return whether *character* is not in Unicode 14."""
    return bisect_right(_BOUNDS, ord(character)) % 2 == 1
