"""Turns a company's name, as people write it, into its company key; pure, linear in the name.

The steps: one way of writing (`writing`), no legal form (`stripping`), one wording (below: `&`,
spelled initials, elisions, abbreviations), joined by underscores and bounded. A key is itself a
name, and has itself as its key.
"""

import hashlib
import re
import unicodedata
from functools import lru_cache
from itertools import groupby
from typing import Final, NamedTuple

from .forms import FORMS
from .stripping import ARTICLE, Removal, Stripped, strip
from .writing import split_words, symbols, tidy

#: Begins the keys of SurfSense results in the memo's database: a contract with other services.
SURFSENSE_PREFIX: Final = "surfsense:"
KEY_VERSION: Final = 3
"""Raised with every change that gives any name another key. What is stored under the old key is not
found any more and expires: that company is bought once more."""

MAX_KEY_LENGTH: Final = 96
_DIGEST_BYTES: Final = 12
_TAIL_MARK: Final = "_x"
_TAIL_LENGTH: Final = len(_TAIL_MARK) + 2 * _DIGEST_BYTES
_BOUNDED: Final = re.compile(
    rf"\S{{1,{MAX_KEY_LENGTH - _TAIL_LENGTH}}}{_TAIL_MARK}[0-9a-f]{{{2 * _DIGEST_BYTES}}}"
)
_MOST_REREADINGS: Final = 4
_MOST_WORDS: Final = 200
"""No company's name is longer; the words of a longer text are taken as they are, in linear time."""

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


class InvalidCompanyName(ValueError):
    """A name that has no company key; the row that has it is reported, never guessed.

    Args (positional, so that the error survives a queue): the name as given, and the reason.
    """

    def __init__(self, name: str, reason: str) -> None:
        super().__init__(name, reason)
        self.name = name
        self.reason = reason

    def __str__(self) -> str:
        return f"{self.name[:60]!r} is not a company name: {self.reason}"


class ParsedName(NamedTuple):
    """A parsed name: its key, and what was taken off on the way and why.

    `legal_form` is the table's label (`S.A. de C.V.`), None if the name has none. `distinctive`
    is False for a name that is only a legal form or a symbol: it has a key, but nothing is bought
    for it without a domain.
    """

    key: str
    display_name: str
    legal_form: str | None
    removed: tuple[Removal, ...]
    distinctive: bool


def company_key(name: str) -> str:
    """Return the key that every writing of *name* shares: `delta_air_lines`.

    At most `MAX_KEY_LENGTH` characters: lower-case words of any script joined by underscores, the
    tail of a longer one replaced by its digest.

    Raises:
        InvalidCompanyName: If *name* is blank.
    """
    words = split_words(name)
    return _key(name, _reduce(words, name).words) if words else _key_of_symbols(name)


# A row of a file is parsed when it is read, and again as an item of its job, 2,000 rows later.
@lru_cache(maxsize=4_096)
def parse_name(name: str) -> ParsedName:
    """Return the company key of *name* with everything that explains it.

    Raises:
        InvalidCompanyName: If *name* is blank.
    """
    words = split_words(name)
    if not words:
        return ParsedName(_key_of_symbols(name), tidy(name), None, (), distinctive=False)
    rest, removed, form = _reduce(words, name)
    return ParsedName(
        key=_key(name, rest),
        display_name=tidy(name),
        legal_form=form and form.label,
        removed=removed,
        distinctive=_is_distinctive(rest),
    )


def _is_distinctive(words: list[str]) -> bool:
    bare = words[words[0] == ARTICLE :]
    return bool(bare) and not FORMS.is_form(bare) and any(map(str.isalnum, "".join(bare)))


def _reduce(words: list[str], name: str) -> Stripped:
    """Strip and reword until nothing changes, since one can make room for the other."""
    if len(words) > _MOST_WORDS:
        return Stripped(words, (), None)
    stripped = strip(words, name)
    while True:
        reworded = _reword_and_join(stripped.words, name)
        is_same = reworded is stripped.words and reworded[0] is words[0]
        if is_same and len(reworded[-1]) > 1 and all(map(str.isascii, reworded[-2:])):
            return stripped
        again = strip(reworded)
        if again.words == stripped.words:
            return stripped
        removed = stripped.removed + again.removed
        words, stripped = reworded, Stripped(again.words, removed, stripped.form or again.form)


def _reword_and_join(words: list[str], name: str) -> list[str]:
    apart = _join_parts(_reword(words, name))
    joined = _join_letters(apart)
    # Together, the initials of "Talleres A B" would be a Swedish company, so they stay apart.
    return joined if joined is apart or strip(joined).words == joined else apart


def _key(name: str, words: list[str], rereadings: int = _MOST_REREADINGS) -> str:
    if name[-_TAIL_LENGTH:].startswith(_TAIL_MARK) and _BOUNDED.fullmatch(name):
        return name
    if len(words) == 1 == len(words[0]):
        return _with_accent(words[0], name)
    key = "_".join(words)
    if len(key) > MAX_KEY_LENGTH:
        return _bounded(key)
    if min(map(len, words)) > 1 or not rereadings:
        return key
    # Letters lose their dots in a key, so the key is read again until it is its own key.
    again = _reduce(split_words(key), key).words
    return key if again == words else _key(key, again, rereadings - 1)


def _with_accent(letter: str, name: str) -> str:
    """Return the only letter of a name as it is written: the companies Ñ and N are two."""
    written = unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", name).casefold())
    return next((c for c in written if split_words(c) == [letter]), letter)


def _bounded(key: str) -> str:
    head = key[: MAX_KEY_LENGTH - _TAIL_LENGTH]
    return f"{head.rpartition('_')[0] or head}{_TAIL_MARK}{_digest(key)}"


def _digest(text: str) -> str:
    return hashlib.blake2b(text.encode(), digest_size=_DIGEST_BYTES).hexdigest()


def _key_of_symbols(name: str) -> str:
    text = symbols(name)
    if not text:
        raise InvalidCompanyName(name, "it is blank")
    return text if len(text) <= MAX_KEY_LENGTH else f"x{_digest(text)}"


def _reword(words: list[str], name: str) -> list[str]:
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


def _join_letters(words: list[str]) -> list[str]:
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


def _join_parts(words: list[str]) -> list[str]:
    """Join what is written apart and together: `Yield 10` and `Yield10`, `Co-operative`."""
    text = "_".join(words)
    joined = _NUMBER_APART.sub("", text)
    if "_operativ" in text:
        joined = _COOPERATIVE.sub("co", joined)
    return words if joined == text else joined.split("_")


def entry_key(key: str) -> str:
    """Return the key of a company's SurfSense result, in the memo's database."""
    return SURFSENSE_PREFIX + key


def step_key(key: str, step: str) -> str:
    """Return the key of one *step* towards a company's result, beside `entry_key`.

    No company key contains a colon.
    """
    return f"{SURFSENSE_PREFIX}{key}:{step}"
