"""Reduces the ways of writing a name to one: Unicode forms, case, accents, entities, punctuation.

Knows characters, not companies: legal forms are in `forms.py`, wording in `wording.py`.
"""

import html
import re
import unicodedata
from typing import Final

from .unicode_age import is_younger

_ENTITY: Final = re.compile(r"&(?:#[0-9]{1,7}|#[xX][0-9A-Fa-f]{1,6}|[A-Za-z][A-Za-z0-9]{1,31});")
_APOSTROPHES: Final = frozenset(
    "'`\u00b4\u02b9\u02bb\u02bc\u02bd\u02c8\u2018\u2019\u201a\u201b\u2032\u2035"
)
_MARKS_OF_REGISTRATION: Final = frozenset("©®™\u2120")
_INVISIBLE: Final = frozenset("\u034f\u115f\u1160\u17b4\u17b5\u2800\u3164\uffa0") | frozenset(
    map(chr, range(0xFE00, 0xFE10))
)
"""Fillers and variation selectors, which Unicode files among letters, marks and symbols."""
_DROPPED: Final = _APOSTROPHES | _MARKS_OF_REGISTRATION | _INVISIBLE
"""Nothing stands for these: `L'Oréal` is typed `LOreal` too."""
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
    """What each character becomes, learnt on first sight; at most one entry a code point."""

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
    """What each character is printed as, learnt on first sight: itself, or nothing."""

    def __missing__(self, code: int) -> str:
        is_shown = unicodedata.category(chr(code)) not in {"Cf", "Cs"}
        printed = self[code] = chr(code) if is_shown else ""
        return printed


class _Showing(dict[int, str]):
    """What shows of each character that is no word, learnt on first sight: itself, or nothing."""

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
    """Resolve HTML entities that end in `;`, twice, since exports escape twice."""
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
