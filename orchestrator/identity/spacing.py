"""Gives words written together or apart one spelling, where it is no doubt that they are the same.

Whether `Norte Sur` is `Nortesur` only a register knows: of such pairs one in eight is two
companies. It is no doubt where a word of the dictionary is torn (`Telecomunicacio nes`) or written
in two (`Auto Escuela`), where a long trade noun is glued to the word before it (`NorteSoluciones`),
and where a Romance combining form stands alone, which the spelling of its language does not allow
(`Electro Norte`). In registers of 427,728 names no rule here joins two companies.
"""

import re
from collections import defaultdict
from typing import Final

from .writing import words_of

_GLUED: Final = words_of("glued_nouns")
_WHOLE: Final = (
    _GLUED
    | words_of("written_in_two")
    | {noun for noun in words_of("romance_nouns") if len(noun) >= len("quimicas")}
)
_COMBINING: Final = words_of("combining_forms")
_PREFIXES: Final = words_of("prefixes")
_FEWEST_BEFORE: Final = 3
"""Letters of the word that a noun is glued to; fewer are a prefix."""
_FEWEST_BEHIND: Final = 4
"""Letters of the word behind a combining form; fewer may be initials."""
_END: Final = 5
"""Letters by which glued nouns are found; all of these are longer."""

_LETTER: Final = r"[^\W\d_]"
_DIGIT: Final = re.compile("[0-9]")
_NUMBER_APART: Final = re.compile(
    # After a word, but neither after `and` nor after initials that stay apart (`w_e_s_t_1`).
    rf"(?<={_LETTER})(?<!_and)(?<!_{_LETTER}_{_LETTER})(?<!^{_LETTER}_{_LETTER})_(?=[0-9]+(?:_|$))"
)
_NUMBER_FIRST: Final = re.compile(r"^([0-9]+)_(?=[^\W\d_])(?!and_)")
_FREEPHONE: Final = re.compile(r"^1_(?=8(?:00|33|44|55|66|77|88)_?[^\W\d_])")
_COOPERATIVE: Final = re.compile(r"(?<![^_])co(?:mpany)?_(?=operativ)")
_BEFORE_SURNAMES: Final = frozenset({"o", "mc", "mac"})
_SURNAMES: Final = "|".join(sorted(words_of("surnames_behind_o_or_mc")))
_SURNAME_APART: Final = re.compile(rf"(?<![^_])(o|mc|mac)_(?=(?:{_SURNAMES})s?(?:_|$))")
_DOTTED_O: Final = re.compile(r"(?<!\w)o\.", re.IGNORECASE)
"""An initial: O. Hara is not O'Hara."""


def _by_end(nouns: frozenset[str]) -> dict[str, tuple[str, ...]]:
    """Return *nouns* by their last letters, the longest first."""
    found: defaultdict[str, list[str]] = defaultdict(list)
    for noun in sorted(nouns, key=len, reverse=True):
        found[noun[-_END:]].append(noun)
    return {end: tuple(each) for end, each in found.items()}


_BY_END: Final = _by_end(_GLUED)


def respace(words: list[str], name: str) -> list[str]:
    """Return *words*, which *name* was split into, together or apart as in its key.

    They are the same list if nothing changes.

    >>> respace(["norte", "telecomunicacio", "nes"], ""), respace(["faroservicios"], "")
    (['norte', 'telecomunicaciones'], ['faro', 'servicios'])
    """
    if _may_change(words):
        words = _join_words(_part_nouns(words))
    return _join_parts(words, name)


def _may_change(words: list[str]) -> bool:
    """Return whether a word may be glued or torn: one cheap pass, since hardly any name's is."""
    before = ""
    for word in words:
        if before and (before + word in _WHOLE or before in _COMBINING):
            return True
        if word[-_END:] in _BY_END and word not in _WHOLE:
            return True
        before = word
    return False


def _part_nouns(words: list[str]) -> list[str]:
    """Part long trade nouns from the words that they are glued to: `faroservicios`."""
    parted: list[str] = []
    for word in words:
        head = _head(word)
        parted += [head, word[len(head) :]] if head else [word]
    return parted if len(parted) > len(words) else words


def _head(word: str) -> str:
    """Return what a noun is glued to in *word*, empty if there is none."""
    if word in _WHOLE:
        return ""
    for noun in _BY_END.get(word[-_END:], ()):
        head = word[: -len(noun)] if word.endswith(noun) else ""
        if len(head) >= _FEWEST_BEFORE and head.isalpha() and head not in _PREFIXES:
            return head
    return ""


def _join_words(words: list[str]) -> list[str]:
    """Join the parts of one word: `telecomunicacio nes`, `auto escuela`, `electro norte`."""
    joined = list(words)
    for i in range(len(words) - 1, 0, -1):
        if _is_one_word(words[i - 1], words[i]):
            joined[i - 1 : i + 1] = [words[i - 1] + joined[i]]
    return joined if len(joined) < len(words) else words


def _is_one_word(before: str, after: str) -> bool:
    if before + after in _WHOLE:
        # Behind "Investment" stands the S of "S.A.", behind "Industrial" the ES of Spain.
        return len(after) > 1 and after != "es"
    return (
        before in _COMBINING
        and after not in _GLUED
        and len(after) >= _FEWEST_BEHIND
        and after.isalpha()
    )


def _join_parts(words: list[str], name: str) -> list[str]:
    """Join what is written apart and together: `Yield 10`, `Yield10`; `Co-operative`; `Mc Kee`."""
    text = joined = "_".join(words)
    if _DIGIT.search(text):
        joined = _NUMBER_APART.sub("", text)
    if text[0].isdigit():
        joined = _NUMBER_FIRST.sub(r"\1", _FREEPHONE.sub("1", joined))
    if "_operativ" in text:
        joined = _COOPERATIVE.sub("co", joined)
    if not _BEFORE_SURNAMES.isdisjoint(words) and not _DOTTED_O.search(name):
        joined = _SURNAME_APART.sub(r"\1", joined)
    return words if joined == text else joined.split("_")
