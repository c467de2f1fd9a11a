"""Reduces the ways of wording a name to one: `&`, spelled initials, elisions, abbreviations."""

import re
import unicodedata
from itertools import groupby
from typing import Final

AND: Final = "and"

_EVERYWHERE: Final = {
    "bros": "brothers",
    "compania": "cia",
    "companhia": "cia",
    "companyia": "cia",
    "hnos": "hermanos",
    "intl": "international",
    "mfg": "manufacturing",
}
_AFTER_A_WORD: Final = {"co": "company", "corp": "corporation", "ltd": "limited"}
_BETWEEN_WORDS: Final = dict.fromkeys(("&", "y", "e", "et", "und", "och", "ve"), AND)
_JOINING: Final = {*_BETWEEN_WORDS, AND}
_REWORDED: Final = {*_EVERYWHERE, *_AFTER_A_WORD, *_BETWEEN_WORDS}

_LETTER: Final = r"[^\W\d_]"
_NUMBER_APART: Final = re.compile(
    # After a word, but neither after `and` nor after initials that stay apart (`w_e_s_t_1`).
    rf"(?<={_LETTER})(?<!_and)(?<!_{_LETTER}_{_LETTER})(?<!^{_LETTER}_{_LETTER})_(?=[0-9]+(?:_|$))"
)
_COOPERATIVE: Final = re.compile(r"(?<![^_])co(?:mpany)?_(?=operativ)")
_VOWELS: Final = frozenset("aeiou")
_MUTE: Final = _VOWELS | {"h"}
_ELIDED: Final = (["l"], ["d"])
_LONGEST_INITIALS: Final = 3


def reword(words: list[str], name: str) -> list[str]:
    """Spell out abbreviations and conjunctions; *name* is what *words* were made of."""
    if _REWORDED.isdisjoint(words):
        return words
    last = len(words) - 1
    reworded = list(words)
    for i, word in enumerate(words):
        if word in _EVERYWHERE:
            reworded[i] = _EVERYWHERE[word]
        elif i > 0 and word in _AFTER_A_WORD:
            reworded[i] = _AFTER_A_WORD[word]
        elif 0 < i < last and word in _BETWEEN_WORDS and not _is_initial(words, i, name):
            reworded[i] = AND
    return reworded


def _is_initial(words: list[str], i: int, name: str) -> bool:
    """Tell the E of `C.E.I.`, `A E I O` and `PG&E` from the Y of `C Y C`, which joins letters."""
    if words[i] not in {"y", "e"}:
        return False
    if words[i - 1] in _JOINING or words[i + 1] in _JOINING:
        return True
    if not len(words[i - 1]) == len(words[i + 1]) == 1:
        return False
    around = [*words[max(i - 2, 0) : i - 1], *words[i + 2 : i + 3]]
    return (
        any(len(word) == 1 for word in around)
        or f".{words[i]}." in unicodedata.normalize("NFKC", name).casefold()
    )


def join_letters(words: list[str]) -> list[str]:
    """Join spelled initials (`i b m`) and an elided article to its word (`l oreal`)."""
    if min(map(len, words)) > 1:
        return words
    joined: list[str] = []
    elided = ""
    for is_letter, group in groupby(words, _is_letter):
        run = list(group)
        if elided and run[0][0] in _MUTE:
            joined[-1:] = [elided + run.pop(0)]
        joined += _join_run(run) if is_letter else run
        elided = run[0] if run in _ELIDED else ""
    return joined


def _is_letter(word: str) -> bool:
    return len(word) == 1 and word.isalpha()


def _join_run(run: list[str]) -> list[str]:
    # Four letters that can be spoken are another company's word: W.E.S.T. is not West.
    if len(run) > _LONGEST_INITIALS and not _VOWELS.isdisjoint(run):
        return run
    return ["".join(run)]


def join_parts(words: list[str]) -> list[str]:
    """Join what is written apart and together: `Yield 10` and `Yield10`, `Co-operative`."""
    text = "_".join(words)
    joined = _NUMBER_APART.sub("", text)
    if "_operativ" in text:
        joined = _COOPERATIVE.sub("co", joined)
    return words if joined == text else joined.split("_")
