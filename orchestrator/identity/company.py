"""Turns a company's name, as people write it, into its company key; pure, linear in the name.

The steps: nothing beside the name (`additions`), one way of writing (`writing`), no legal form
(`stripping`), one wording (below: `&`, spelled initials, elisions, abbreviations), joined by
underscores and bounded. A key is itself a name, and has itself as its key.
"""

import hashlib
import re
import unicodedata
from functools import lru_cache
from itertools import groupby
from typing import Final, NamedTuple

from .additions import may_have, take_off
from .spacing import respace
from .stripping import ARTICLE, FORMS, Form, Removal, Stripped, ends_with_place, is_trade, strip
from .writing import split_words, symbols, tidy, words_of

#: Begins the keys of SurfSense results in the memo's database: a contract with other services.
SURFSENSE_PREFIX: Final = "surfsense:"
KEY_VERSION: Final = 6
"""Raised with every change that gives any name another key. What is stored under the old key is not
found any more and expires: that company is bought once more."""

MAX_KEY_LENGTH: Final = 96
_DIGEST_BYTES: Final = 12
_TAIL_MARK: Final = "_x"
_TAIL_LENGTH: Final = len(_TAIL_MARK) + 2 * _DIGEST_BYTES
_MOST_REREADINGS: Final = 4
_MOST_WORDS: Final = 200
"""No company's name is longer; the words of a longer text are taken as they are, in linear time."""

AND: Final = "and"

_EVERYWHERE: Final[dict[str, str]] = {
    "bros": "brothers",
    "compania": "cia",
    "companhia": "cia",
    "companyia": "cia",
    "hnos": "hermanos",
    "intl": "international",
    "mfg": "manufacturing",
    "sdad": "sociedad",
    "soc": "sociedad",
}
_UMLAUT: Final = re.compile(r"(?<=[aou])e(?=[^aeio])")
_EVERYWHERE.update((word, _UMLAUT.sub("", word)) for word in words_of("umlauts"))
_AFTER_A_WORD: Final = {
    "co": "company",
    "corp": "corporation",
    "incorporated": "inc",
    "ltd": "limited",
}
_AT_THE_END: Final = {"cos": "companies"}
_BETWEEN_WORDS: Final = dict.fromkeys(("&", "y", "e", "et", "und", "och", "og", "ve"), AND)
_JOINING: Final = {*_BETWEEN_WORDS, AND}
_REWORDED: Final = {*_EVERYWHERE, *_AFTER_A_WORD, *_AT_THE_END, *_BETWEEN_WORDS}

_VOWELS: Final = frozenset("aeiou")
_MUTE: Final = _VOWELS | {"h"}
_ELIDED: Final = (["l"], ["d"])
_DOTTED_ARTICLE: Final = re.compile(r"(?<![\w.])[dl]\.", re.IGNORECASE)
_LONGEST_INITIALS: Final = 3
_DOTS: Final = 2
_NARROW: Final = {code + 0xFEE0: code for code in range(ord("!"), ord("~") + 1)}
"""Full-width forms of signs, digits and letters."""
_FIXED_FIELD: Final = 30
"""Characters of a name in the files of exchanges, which cut a longer one off."""
_CUT_FORMS: Final = (" Limite", " LIMITE")
_PLACEHOLDERS: Final = words_of("placeholders")
_LONGEST_CELL: Final = 300
_OTHER_FIELD: Final = re.compile(
    r"#(?:N/[AD]|REF!|VALUE!|VALOR!|DIV/0!|¡DIV/0!|NAME\?|NOMBRE\?|NULL!|NUM!|¡REF!|¡VALOR!)|=.*|"
    r"\S+@\S+\.\w+|(?:https?://|www\.)\S+|"
    r"\+[\d\s().-]{7,}|\(?\d{2,4}\)?(?:[\s.-]\d{2,4}){2,4}|\d{9,15}|"
    r"\d{1,4}[/.-]\d{1,2}[/.-]\d{1,4}|.*\ufffd.*",
    re.IGNORECASE,
)
"""Errors, formulas, addresses, phones, dates, and text that has lost characters."""
_LONGEST_DOTTED: Final = 1_000
"""Characters in which dotted initials are looked for."""
_DOTTED: Final = re.compile(
    # A word may be glued to them: "J.B.Faro".
    r"(?<![^\W_])(?:[^\W\d_]\.){2,8}(?:(?:[^\W\d_](?![^\W_]))?(?![^\W_])|(?=[^\W\d_]{3}))"
)
_WORD: Final = re.compile(r"[^\W\d_]{3,16}")
_PLUS: Final = re.compile(r"(?<=[^\W\d_]{2})\+(?=[^\W\d_]{2})")
_PLUS_OF_LETTERS: Final = re.compile(r"(?:(?<=^[^\W\d_])|(?<= [^\W\d_])) \+ (?=[^\W\d_](?: |$))")
_PLUS_OF_WORDS: Final = re.compile(r"(?<=[^\W\d_] )\+(?= [^\W\d_])")
_YEAR_WITH_DOT: Final = re.compile(r"(?<![\w.])([12])\.(?=\d{3}(?![\w.]))")
"""Spanish offices write the year of a name as a number: `Faro 2.008 S.L.`"""
_LONE: Final = {
    letter: re.compile(
        rf"(?:(?<!\S)|(?<=\w\w\.)|(?P<dash>(?<=[-/]))){letter}(?:\.(?!\w\.)|(?(dash)[-/]|(?!\S)))",
        re.IGNORECASE,
    )
    for letter in ("e", "y")
}
_BEFORE_I: Final = ("i", "hi")
_IBERIAN: Final = words_of("spanish_countries")
_JOINED_BY_E: Final = words_of("countries_joined_by_e")
_ROMANCE_FORMS: Final = frozenset({"S.A.", "S.R.L.", "Ltda.", "E.I.R.L.", "Comandita"})
"""Forms of many countries, in all of which a Romance language is spoken."""


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


def company_key(name: str, country: str | None = None) -> str:
    """Return the key that every writing of *name* shares: `delta_air_lines`.

    At most `MAX_KEY_LENGTH` characters: lower-case words of any script joined by underscores, the
    tail of a longer one replaced by its digest. A key is its own key; none contains a colon.

    Args:
        name: As people write it, or a key.
        country: ISO 3166-1 alpha-2 of the company, if known: what a word of one country's language
            or law means in the name (`Spa`, `BV`, `E`).

    Raises:
        InvalidCompanyName: If *name* is blank.
    """
    if _is_key(name):
        return name
    bare, words = _read(name)
    return _key(bare, _reduce(words, bare, country).words) if words else _key_of_symbols(name)


# A row of a file is parsed when it is read, and again as an item of its job, 2,000 rows later.
@lru_cache(maxsize=4_096)
def parse_name(name: str, country: str | None = None) -> ParsedName:
    """Return the company key of *name* with everything that explains it.

    Raises:
        InvalidCompanyName: If *name* is blank.
    """
    if _is_key(name):
        words = name.split("_")
        is_name = _is_distinctive(words) and name not in _PLACEHOLDERS
        return ParsedName(name, tidy(name), None, (), distinctive=is_name)
    bare, words = _read(name)
    if not words:
        return ParsedName(_key_of_symbols(name), tidy(name), None, (), distinctive=False)
    rest, removed, form = _reduce(words, bare, country)
    return ParsedName(
        key=_key(bare, rest),
        display_name=tidy(name),
        legal_form=form and form.label,
        removed=removed,
        distinctive=_is_distinctive(rest) and not _is_no_name(name),
    )


def _is_key(text: str) -> bool:
    """Return whether *text* is written as keys of several words are: it is taken as it is."""
    return "_" in text and len(text) <= MAX_KEY_LENGTH and "_".join(split_words(text)) == text


def _read(name: str) -> tuple[str, list[str]]:
    """Return *name* without additions, and its words."""
    if not name.isascii():
        name = name.translate(_NARROW)
    if len(name) == _FIXED_FIELD and name.endswith(_CUT_FORMS):
        name += "d"
    words = _words_of(name)
    if not may_have(name, words):
        return name, words
    bare = take_off(name).name
    return (name, words) if bare == name else (bare, _words_of(bare))


def _read_plus(words: list[str]) -> list[str]:
    """Return *words* with `&` for each plus between two words; K + S is K+S, and not K&S."""
    text = _PLUS_OF_LETTERS.sub("+", " ".join(words))
    return _PLUS_OF_WORDS.sub("&", text).split()


def _words_of(name: str) -> list[str]:
    """Return the folded words of *name*; dotted initials are one, unless they are a legal form."""
    if "+" in name:
        name = _PLUS.sub("&", name)
    dots = name.count(".")
    if dots and ("1." in name or "2." in name):
        name = _YEAR_WITH_DOT.sub(r"\1", name)
    if dots >= _DOTS:
        name = _DOTTED.sub(_join_dots, name[:_LONGEST_DOTTED]) + name[_LONGEST_DOTTED:]
    words = split_words(name)
    return _read_plus(words) if "+" in words else words


def _join_dots(initials: re.Match[str]) -> str:
    letters = split_words(initials[0])
    word = "".join(letters)
    is_apart = (
        FORMS.ending(" ".join(letters))
        or len(_join_run(letters)) > 1
        or word == ARTICLE
        or FORMS.is_form([word])
        or _is_glued_form(initials)
    )
    return initials[0] if is_apart else f"{word} "


def _is_glued_form(initials: re.Match[str]) -> bool:
    """Return whether a form follows without a space: `S.R.Ltda.` is one."""
    found = _WORD.match(initials.string, initials.end())
    return found is not None and FORMS.is_form(split_words(found[0]))


def _is_distinctive(words: list[str]) -> bool:
    bare = words[words[0] == ARTICLE :]
    return bool(bare) and not FORMS.is_form(bare) and any(map(str.isalnum, "".join(bare)))


def _is_no_name(text: str) -> bool:
    """Return whether *text* is a placeholder, a spreadsheet's error, or another field's value."""
    return "_".join(split_words(text[:_LONGEST_CELL])) in _PLACEHOLDERS or (
        _OTHER_FIELD.fullmatch(tidy(text[:_LONGEST_CELL])) is not None
    )


def _reduce(words: list[str], name: str, country: str | None = None) -> Stripped:
    """Strip and reword until nothing changes, since one can make room for the other."""
    if len(words) > _MOST_WORDS:
        return Stripped(words, (), None)
    stripped = strip(words, name, country)
    language = _languages(stripped.form, country)
    while True:
        apart = respace(_reword(stripped.words, name, language), name)
        if AND in apart:
            apart = _without_and(apart)
        joined = _join_letters(apart, name)
        # Together, the initials of "Talleres A B" would be a Swedish company, so they stay apart.
        reworded = joined if joined is apart or strip(joined).words == joined else apart
        is_same = reworded is stripped.words and reworded[0] is words[0]
        if is_same and len(reworded[-1]) > 1 and all(map(str.isascii, reworded[-2:])):
            return stripped
        again = strip(reworded, name if ends_with_place(name) else "", country)
        if again.words == stripped.words:
            return stripped
        removed = stripped.removed + again.removed
        words, stripped = reworded, Stripped(again.words, removed, stripped.form or again.form)


def _languages(form: Form | None, country: str | None) -> frozenset[str] | None:
    """Return the countries whose languages the name may be in; None if nothing says which."""
    if form is not None and "*" not in form.countries:
        return frozenset(form.countries)
    if country:
        return frozenset({country})
    if form is None:
        return None
    return _IBERIAN | _JOINED_BY_E if form.label in _ROMANCE_FORMS else frozenset()


def _key(name: str, words: list[str], rereadings: int = _MOST_REREADINGS) -> str:
    if len(words) > 1:
        key = "_".join(words)
        return key if len(key) <= MAX_KEY_LENGTH else _bounded(key)
    if len(words[0]) == 1:
        return _with_accent(words[0], name)
    key = words[0]
    if len(key) > MAX_KEY_LENGTH:
        return _bounded(key)
    # One word is read as a name again, so it has to be its own key.
    again = _reduce(_read(key)[1], key).words if rereadings else words
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
    is_fit = len(text) <= MAX_KEY_LENGTH and ":" not in text
    return text if is_fit else f"x{_digest(text)}"


def _reword(words: list[str], name: str, language: frozenset[str] | None) -> list[str]:
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
        elif i == last > 0 and word in _AT_THE_END:
            reworded[i] = _AT_THE_END[word]
        elif 0 < i < last and word in _BETWEEN_WORDS and _joins(words, i, name, language):
            reworded[i] = AND
    return reworded


def _without_and(words: list[str]) -> list[str]:
    """Leave out "and" between two nouns of trades: `Bar e Restaurante` is `Bar Restaurante`.

    It stays between surnames: `Silva e Cunha` may be two people, `Silva Cunha` is one.
    """
    around = zip(["", *words], words, [*words[1:], ""], strict=False)
    left = [w for one, w, other in around if w != AND or not (is_trade(one) and is_trade(other))]
    return left if len(left) < len(words) else words


def _joins(words: list[str], i: int, name: str, language: frozenset[str] | None) -> bool:
    """Return whether a conjunction joins: not the E of `Arthur E. Smith`, `C.E.I.` and `PG&E`."""
    word = words[i]
    if word not in _LONE:
        return True
    if _is_initial(words, i):
        return False
    is_among_letters = len(words[i - 1]) == len(words[i + 1]) == 1
    following = "" if is_among_letters else words[i + 1]
    return _is_conjunction(word, words[:i].count(word), following, name, language)


def _is_initial(words: list[str], i: int) -> bool:
    """Return whether the letter is among letters; the Y of `C Y C` joins two."""
    if words[i - 1] in _JOINING or words[i + 1] in _JOINING:
        return True
    if not len(words[i - 1]) == len(words[i + 1]) == 1:
        # The last letters of "Petroecuador E P" are its initials.
        return words[i] == "e" and i + 2 == len(words) and len(words[i + 1]) == 1
    around = [*words[max(i - 2, 0) : i - 1], *words[i + 2 : i + 3]]
    return any(len(word) == 1 for word in around)


def _is_conjunction(
    letter: str, before: int, following: str, name: str, language: frozenset[str] | None
) -> bool:
    """Return whether *letter* means "and", by its dot, its case and the name's language.

    It is the one with *before* others in front of it in the name.

    A capital among small letters is an initial, unless the language has it for a conjunction
    (`Singular Multimedia Y Ocio, S.L.`). An "e" is one in Portuguese and Italian, in Spanish only
    before an i, in English and German never; without a language, if its case allows it.
    *following* is the next word, empty if the letter stands between two letters (`C Y C Obras`).
    """
    found = _LONE[letter].finditer(unicodedata.normalize("NFKC", tidy(name)))
    # Of one behind letters that count for none, such as those of a form, all are asked.
    all_written = [each[0] for each in found]
    written = all_written[before : before + 1] or all_written
    if not written or any(each.endswith(".") for each in written):
        return False
    is_capital = following != "" and any(map(str.isupper, written)) and any(map(str.islower, name))
    is_spanish = letter == "y" or following.startswith(_BEFORE_I)
    if language is None or (is_spanish and not is_capital):
        return not is_capital or (letter == "e" and is_spanish)
    if letter == "e" and not language.isdisjoint(_JOINED_BY_E):
        return True
    return is_spanish and not language.isdisjoint(_IBERIAN)


def _join_letters(words: list[str], name: str) -> list[str]:
    """Join spelled initials (`i b m`) and an elided article to its word (`l oreal`).

    A letter with a dot, or behind "and", is an initial: D. Ávila is not Dávila.
    """
    if min(map(len, words)) > 1:
        return words
    joined: list[str] = []
    elided = ""
    for is_letter, group in groupby(words, _is_letter):
        run = list(group)
        if elided and run[0][0] in _MUTE and run[0] not in _JOINING:
            joined[-1:] = [elided + run.pop(0)]
        is_first = not joined or joined[-1] not in _JOINING
        joined += _join_run(run) if is_letter else run
        is_elided = is_first and run in _ELIDED and not _DOTTED_ARTICLE.search(name)
        elided = run[0] if is_elided else ""
    return joined


def _is_letter(word: str) -> bool:
    return len(word) == 1 and word.isalpha()


def _join_run(run: list[str]) -> list[str]:
    # Four letters that can be spoken are another company's word: W.E.S.T. is not West.
    if len(run) > _LONGEST_INITIALS and not _VOWELS.isdisjoint(run):
        return run
    return ["".join(run)]


def entry_key(key: str) -> str:
    """Return the key of a company's SurfSense result, in the memo's database."""
    return SURFSENSE_PREFIX + key


def domain_key(key: str) -> str:
    """Return the key of what was asked about a company with its domain, beside `entry_key`."""
    return f"{SURFSENSE_PREFIX}{key}:domain"


def step_key(key: str, step: str, asked: str = "") -> str:
    """Return the key of one *step* towards a company's result, beside `entry_key`.

    No company key contains a colon. *asked* has the facts that the step is asked by: companies of
    one name in two towns share a key, and each question about them has an entry of its own.

    >>> step_key("acme", "maps"), step_key("acme", "maps", "bilbao es")
    ('surfsense:acme:maps', 'surfsense:acme:maps:c18283cb3ead1465')
    """
    digest = hashlib.blake2b(asked.encode(), digest_size=8).hexdigest()
    return f"{SURFSENSE_PREFIX}{key}:{step}{f':{digest}' if asked else ''}"
