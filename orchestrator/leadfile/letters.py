"""How improbable a text is as words of some language: what tells one encoding from another.

Of each language it is known which letters follow each other, of Chinese, Japanese and Korean how
frequent characters are (`data/letters.tsv`, from `python -m tools.letters`). The unit is the nat:
a text that costs seven more is a thousand times less probable.
"""

import re
import unicodedata
from collections.abc import Iterator
from functools import cache, lru_cache
from itertools import groupby, pairwise
from pathlib import Path
from typing import Final

TABLE: Final = Path(__file__).with_name("data") / "letters.tsv"
#: Stands before the first letter of a word and behind its last one.
EDGE: Final = "^"
#: The most that a pair of letters costs that occurs at all.
MOST: Final = 9

_UNSEEN: Final = 9.5
_FOREIGN: Final = 14.0
"""A letter that the language does not have."""
_CASE: Final = 9.0
"""`PeÑa`, `PEñA`: a word that changes its case."""
_MIXED: Final = 14.0
"""A word of letters in ASCII and of others than Latin ones."""
_LONELY: Final = 14.0
"""A word of one letter of another alphabet than Latin: files in it have longer ones."""
_BESIDE_ASCII: Final = 12.0
"""A letter of the alphabet right beside a Chinese character."""
_SIGN: Final = 8.0
_USUAL_SIGN: Final = 4.0
_APOSTROPHE: Final = 5.0
_INSIDE_SIGN: Final = 12.0
_MISPLACED: Final = 14.0
_ODD: Final = 14.0
_WORD: Final = 6.0
"""A word of Chinese, whatever its characters."""
_SELDOM: Final = 11.0
"""A character of Chinese that was not met, and is one of the frequent ones of its encoding."""
_NOT_FREQUENT: Final = 14.0
_RARE: Final = 32.0
"""A character of Chinese that hardly any text has."""
_BROKEN: Final = 30.0
"""A character that no text has."""
#: What is often written before words, behind them, away from them, inside them, and among Chinese.
_BEFORE: Final = frozenset("«»“„‘‚¡¿£€§№°\u00a0")  # noqa: RUF001
_BEHIND: Final = frozenset("«»”“’ºª®™°–—€\u00a0")  # noqa: RUF001
_ALONE: Final = frozenset("©…•€£§–—°\u00a0")  # noqa: RUF001
_INSIDE: Final = frozenset("’·–—")  # noqa: RUF001
_USUAL: Final = frozenset("ºª€£–®©°…•™")  # noqa: RUF001
_WIDE: Final = frozenset("・（）「」　＆－、。：．")  # noqa: RUF001
_WIDE_DIGITS: Final = frozenset("０１２３４５６７８９")  # noqa: RUF001
_NO_LETTERS: Final = frozenset("ºª\ufe0f")
#: Signs of Unicode that people put beside words, and what holds parts of one together.
_PICTURE: Final = re.compile("[\u2600-\u27bf\U0001f000-\U0001ffff]")
_JOINS_PICTURES: Final = frozenset("\ufe0f\u200d")
#: Between them are the alphabets other than Latin.
_AFTER_LATIN: Final = "\u0370"
_BEFORE_CHINESE: Final = "\u0e7f"
#: Letters that Romanian had to write otherwise before Unicode, and still does.
_ROMANIAN: Final = {"ș": "ş", "ț": "ţ", "Ș": "Ş", "Ț": "Ţ"}
#: Where frequent characters are in the encoding in which each language orders them so.
_FREQUENT: Final = {
    "ja": ("cp932", 0x88, 0x97),
    "ko": ("euc_kr", 0xB0, 0xC8),
    "zh": ("gb2312", 0xB0, 0xD7),
    "zh_Hant": ("big5", 0xA4, 0xC6),
}


def is_letter(char: str) -> bool:
    """Return whether *char* is part of words."""
    if char.isascii():
        return char.isalpha()
    return unicodedata.category(char)[0] in "LM" and char not in _NO_LETTERS


def folded(char: str) -> str:
    """Return a letter without its case, as one character."""
    return _ROMANIAN.get(char, char).lower()[0]


def _of_signs(text: str) -> float:
    """Return the costs of the signs in *text*; those in ASCII are always the same, and free."""
    return sum(
        _of_sign(char, before, after)
        for before, char, after in zip(f" {text}", text, f"{text[1:]} ", strict=False)
        if not char.isascii() and not is_letter(char)
    )


def _touches(char: str) -> bool:
    return not char.isascii() or char.isalpha()


def _of_sign(char: str, left: str, right: str) -> float:
    category = unicodedata.category(char)
    if category in {"Cc", "Co", "Cn", "Cs"} or char == "\ufffd":
        return _ODD if category == "Cs" else _BROKEN
    if _PICTURE.match(char) or char in _WIDE_DIGITS or char in _JOINS_PICTURES:
        is_continued = left in _WIDE_DIGITS or char in _JOINS_PICTURES
        return 0.0 if is_continued else _SIGN
    before, after = _touches(left), _touches(right)
    if char in _WIDE:
        return _SIGN + (left.isalpha() and left.isascii()) * _MISPLACED
    if char == "’" and left.isalpha():  # noqa: RUF001
        return _APOSTROPHE
    is_alone = left == right == " "
    if char in _INSIDE and not is_alone:
        is_inside = left.isalpha() and right.isalpha() and _fits_inside(char, left, right)
        return _INSIDE_SIGN + (not is_inside and (before or after)) * _MISPLACED
    is_known = char in _BEFORE or char in _BEHIND or char in _ALONE
    is_misplaced = (before and char not in _BEHIND) or (after and char not in _BEFORE)
    is_misplaced = is_misplaced or (char in "¡¿" and right.islower())
    is_misplaced = is_misplaced or (char == "™" and not left.islower())
    is_misplaced = is_misplaced or (is_alone and char not in _ALONE)
    is_misplaced = is_misplaced or (char in _NO_LETTERS and left.islower() and left not in "nrst")
    least = _USUAL_SIGN if char in _USUAL else _SIGN if is_known else _ODD
    return least + (is_misplaced or (before and after)) * _MISPLACED


def _fits_inside(char: str, left: str, right: str) -> bool:
    """Return whether *char* stands so in words: Catalan's dot, dash between names."""
    if char == "·":
        return left.lower() == right.lower() == "l"
    return right.isupper()


@cache
def languages() -> tuple[str, ...]:
    """Return the languages that are known, as Babel calls them."""
    return (*_alphabets(), *_characters())


@lru_cache(maxsize=8_192)
def costs(text: str) -> tuple[float, ...]:
    """Return how improbable *text* is in each of `languages`, in nats."""
    shared = _of_signs(text)
    totals = [0.0] * len(languages())
    for is_word, group in groupby(text, is_letter):
        if is_word:
            word = "".join(group)
            shared += _CASE * _changes_of_case(word) + _MIXED * _is_mixed(word)
            shared += _LONELY * (len(word) == 1 and _AFTER_LATIN <= word <= _BEFORE_CHINESE)
            for at, each in enumerate(_of_word("".join(map(folded, word)))):
                totals[at] += each
    return tuple(shared + total for total in totals)


@lru_cache(maxsize=8_192)
def _of_word(word: str) -> tuple[float, ...]:
    """Return the costs of a word without its case in each language."""
    by_letters = [_of_letters(word, pairs) for pairs in _alphabets().values()]
    if word.isascii():
        return (*by_letters, *[min(by_letters)] * len(_characters()))
    return (*by_letters, *(_of_characters(word, language) for language in _characters()))


def _is_mixed(word: str) -> bool:
    """Return whether *word* has letters in ASCII, and of Greek, Cyrillic, or on to Thai."""
    has_ascii = any(map(str.isascii, word))
    return has_ascii and any(_AFTER_LATIN <= char <= _BEFORE_CHINESE for char in word)


def _changes_of_case(word: str) -> int:
    """Return how often a word that has begun changes its case, at a letter beyond ASCII."""
    return sum(
        (first.islower() and second.isupper()) or (first.isupper() and second.islower() and at > 0)
        for at, (first, second) in enumerate(pairwise(word))
        if not (first + second).isascii()
    )


def _of_letters(word: str, pairs: dict[str, float]) -> float:
    foreign = sum(char not in pairs for char in word)
    return foreign * _FOREIGN + sum(
        pairs.get(first + second, _UNSEEN) for first, second in pairwise(f"{EDGE}{word}{EDGE}")
    )


def _of_characters(word: str, language: str) -> float:
    """Return the cost of Chinese, Japanese or Korean, in which words in ASCII may stand."""
    known = _characters()[language]
    total = -_BESIDE_ASCII
    for is_ascii, group in groupby(word, str.isascii):
        piece = "".join(group)
        total += _BESIDE_ASCII + (
            min(_of_word(piece))
            if is_ascii
            else _WORD + sum(known.get(char) or _of_unknown(char, language) for char in piece)
        )
    return total


def _of_unknown(char: str, language: str) -> float:
    codec, first, last = _FREQUENT[language]
    code = char.encode(codec, "ignore")
    if not code:
        return _RARE
    return _SELDOM if len(code) > 1 and first <= code[0] <= last else _NOT_FREQUENT


@cache
def _alphabets() -> dict[str, dict[str, float]]:
    """Return, for each language, the costs of pairs; its letters alone are in it, too."""
    found: dict[str, dict[str, float]] = {}
    for language, first, costs in _rows():
        if first:
            pairs = found.setdefault(language, {})
            pairs[first] = 0.0
            pairs |= {first + char: float(digit) for char, digit in _each(costs)}
    return found


@cache
def _characters() -> dict[str, dict[str, float]]:
    return {
        language: {char: float(digit) for char, digit in _each(costs)}
        for language, first, costs in _rows()
        if not first
    }


def _rows() -> list[list[str]]:
    return [line.split("\t") for line in TABLE.read_text("utf-8").splitlines()]


def _each(costs: str) -> Iterator[tuple[str, str]]:
    return zip(costs[::2], costs[1::2], strict=True)
