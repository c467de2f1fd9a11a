"""What comes off a name: legal forms, remarks and articles at its ends, additions beside it.

A split key is paid twice, a merged one shows another company's data. So where two forms that
don't belong together stand behind one another (`Urban Spa SL`), one of them may be part of the
name, and nothing comes off. A name is never stripped to nothing, and what is left has no form at
its ends: stripping it again changes nothing.

Letters before an initialism are hard: `R S S A` ends with S.A., `S G P S` not with P/S, and
`Fund 1-L, L.P.` is no LLP. Folded words don't tell, so the name as written is asked where its
last token begins. What stands beside a name (`additions`) has come off before.
"""

import itertools
import re
import unicodedata
from collections import defaultdict
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Final, Literal, NamedTuple, cast

from .writing import split_words, tidy, words_of

Kind = Literal["form", "word", "note", "kept"]

NAME: Final = "~"
"""Stands for the company's name in a spelling."""


class Form(NamedTuple):
    """One line of the table; the head of `spellings.tsv` says what its kind means."""

    label: str
    countries: tuple[str, ...]
    kind: Kind

    @property
    def slug(self) -> str:
        """The word that stands for a kept form at the end of a key."""
        return _slug(self.label)


@cache
def _slug(label: str) -> str:
    return "".join(split_words(label))


class _Lengths(defaultdict[str, set[int]]):
    """Words that begin (or end) spellings, and how many words these have."""

    def __init__(self) -> None:
        super().__init__(set)

    def longest_first(self) -> dict[str, tuple[int, ...]]:
        return {word: tuple(sorted(lengths, reverse=True)) for word, lengths in self.items()}


class FormTable:
    """The spellings of legal forms, as folded words, found by the word at the name's end."""

    def __init__(self, forms: Iterator[tuple[Form, list[str]]]) -> None:
        self._endings: dict[str, Form] = {}
        self._leadings: dict[str, tuple[Form, set[str]]] = {}
        self._attached_before: set[str] = set()
        self._attached_after: set[str] = set()
        for form, spellings in forms:
            for spelling in spellings:
                if NAME in spelling:
                    self._add_around(form, spelling)
                else:
                    self._endings.setdefault(spelling, form)
        ends, begins = _Lengths(), _Lengths()
        for ending in self._endings:
            ends[ending.rpartition(" ")[2]].add(ending.count(" ") + 1)
        for leading in self._leadings:
            begins[leading.partition(" ")[0]].add(leading.count(" ") + 1)
        self._ending_lengths = ends.longest_first()
        self._leading_lengths = begins.longest_first()

    def _add_around(self, form: Form, spelling: str) -> None:
        before, _, after = spelling.partition(NAME)
        leading, ending = before.strip(), after.strip()
        if leading and leading == before:
            self._attached_before.add(leading)
        if ending and ending == after:
            self._attached_after.add(ending.partition(" ")[0])
        if ending:
            self._endings.setdefault(ending, form)
        if leading:
            self._leadings.setdefault(leading, (form, set()))[1].add(ending)

    def is_form(self, words: list[str]) -> bool:
        """Return whether *words* are nothing but one legal form."""
        text = " ".join(words)
        return text in self._endings or text in self._leadings

    def ending(self, text: str) -> Form | None:
        """Return the form that names end with in the spelling *text*."""
        return self._endings.get(text)

    def endings(self, words: list[str]) -> Iterator[tuple[int, str, Form]]:
        """Yield the forms that end *words* and leave some, longest first: (words, text, form)."""
        for length in self._ending_lengths.get(words[-1], ()):
            if length < len(words):
                text = " ".join(words[-length:])
                if form := self._endings.get(text):
                    yield length, text, form

    def may_lead(self, word: str) -> bool:
        """Return whether forms in front of a name begin with *word*."""
        return word in self._leading_lengths

    def leadings(self, words: list[str]) -> Iterator[tuple[int, str, Form, set[str]]]:
        """Yield the forms that begin *words* and leave some, with the endings each allows."""
        for length in self._leading_lengths.get(words[0], ()):
            if length < len(words):
                text = " ".join(words[:length])
                if found := self._leadings.get(text):
                    yield length, text, *found

    def detach(self, words: list[str]) -> list[str]:
        """Part forms written without a space from the words at the ends (`株式会社`)."""
        if all(map(str.isascii, words)):
            return words
        first, before = words[0], []
        head = max(filter(first.startswith, self._attached_before), key=len, default="")
        if head and head != first:
            before, words = [head], [first[len(head) :], *words[1:]]
        # Two, since a remark in brackets may follow the form: `จำกัด (มหาชน)`.
        ends = itertools.chain.from_iterable(map(self._part, words[-2:]))
        return [*before, *words[:-2], *ends]

    def _part(self, word: str) -> tuple[str, ...]:
        tail = max(filter(word.endswith, self._attached_after), key=len, default="")
        return (word[: -len(tail)], tail) if tail and tail != word else (word,)


def load_forms(path: Path) -> FormTable:
    """Read a table of legal forms; its head explains it."""
    return FormTable(_read(path.read_text(encoding="utf-8")))


def _read(text: str) -> Iterator[tuple[Form, list[str]]]:
    for line in text.splitlines():
        if line and not line.startswith("#"):
            label, countries, kind, spellings = line.split("\t")
            yield Form(label, tuple(countries.split()), cast("Kind", kind)), spellings.split("; ")


# Data of this package, and the same for every caller: read once, with the module.
FORMS: Final = load_forms(Path(__file__).with_name("legal_forms.tsv"))


_ARTICLE_FORM: Final = Form("The", ("*",), "note")
ARTICLE: Final = "the"
_ARTICLES: Final = frozenset(
    {ARTICLE, "el", "la", "los", "las", "le", "les", "il", "der", "die", "das"}
)
_CONJUNCTIONS: Final = frozenset({"&", "and", "y", "e", "et", "und", "u", "och", "og"})
_LETTERS: Final = frozenset("yeu")
_BEFORE_A_NOUN: Final = words_of("before_a_noun")
_ALSO_AT_THE_END: Final = frozenset({"para", "the"})
_SPOKEN_FORM: Final = re.compile(r"[a-z][aeiou][a-z]|[a-z]{2}[aeiou]")
_SHORT_INITIALS: Final = re.compile(r"\w( \w){1,2}")
_TOKENS: Final = re.compile(r"""[^\s,;()\[\]"\u00ab\u00bb\u201c-\u201e\u2010-\u2015-]+""")
_IN_QUOTES: Final = re.compile(
    r"""[\w.]{2,6}\s*["\u00ab\u201c\u201e][^"\u00ab\u00bb\u201c-\u201e]+["\u00bb\u201c\u201d]?\W*"""
)
_LONGEST_QUOTED: Final = 200
_FORM_AND_NAME: Final = 2
_SPA: Final = "spa"
_SAL: Final = "sal"
_PT: Final = "pt"
_TITLED: Final = re.compile(r"(?:^|\W)(?:Spa|Sal)\W*$")
"""A bath and salt: the forms are S.p.A. and S.A.L."""
_BATH: Final = words_of("bath")
_TWO_CAPITALS: Final = 2
_BEFORE_A_SERIES: Final = words_of("before_a_series")
_ROMANCE_NOUNS: Final = words_of("romance_nouns")
_PAIRED_NOUNS: Final = words_of("paired_nouns")
_ROMANCE_ENDINGS: Final = (
    *("eria", "erias", "cion", "ciones", "acao", "icao", "ucao", "acoes", "icoes", "ucoes"),
    *("adora", "edora", "idora", "adores", "edores", "idores", "adoras", "edoras", "mientos"),
)
_DOUBTFUL_IN_FRONT: Final = words_of("doubtful_in_front")
_DOUBTFUL_NOTES: Final = words_of("doubtful_notes")
_INDONESIAN: Final = words_of("indonesian")
_DOUBTFUL_ABROAD: Final = words_of("doubtful_abroad")
_PLACE_IN_BRACKETS: Final = re.compile(r"\(\s*[a-z]\s?[a-z]\s*\)\W*$", re.IGNORECASE)
_LONGEST_TOKEN: Final = 24
"""Characters at the end of a name in which a dotted initialism stands."""
_IBERIAN: Final = words_of("spanish_countries") | {"PT", "BR"}
_AFTER_INITIALS: Final = frozenset({"s a", "s l", "s a u", "s l u", "s r l", "s p a", "s a s"})


class Removal(NamedTuple):
    """Words that came off a name, as folded, and the line of the table that says why."""

    text: str
    form: Form


class Stripped(NamedTuple):
    """What is left of a name, what came off, and the company's form if the name has one."""

    words: list[str]
    removed: tuple[Removal, ...]
    form: Form | None


def strip(words: list[str], name: str = "", country: str | None = None) -> Stripped:
    """Take the forms off both ends of *words* (at least one word), which *name* was split into.

    The company's *country* decides where a word may be a form of one country.
    """
    if FORMS.is_form(words):
        return Stripped(words, (), None)
    named, articles = _strip_articles(words)
    if named[0] == ARTICLE and FORMS.is_form(named[1:]):
        return Stripped(named, articles, None)
    named = FORMS.detach(named)
    stripped = _strip_before_quotes(named, name) or _strip_end(named, name, country)
    stripped = stripped and _strip_front(stripped, country)
    rest, removed, form = stripped or Stripped(named, (), None)
    return Stripped(rest, articles + removed, form)


def _strip_articles(words: list[str]) -> tuple[list[str], tuple[Removal, ...]]:
    start = 0
    while words[start] == ARTICLE and words[start + 1 :] and not FORMS.is_form(words[start + 1 :]):
        start += 1
    return words[start:] if start else words, (Removal(ARTICLE, _ARTICLE_FORM),) * start


def _strip_end(words: list[str], name: str, country: str | None) -> Stripped | None:
    """Return None where two forms contradict each other."""
    rest = words
    removed: tuple[Removal, ...] = ()
    main: Form | None = None
    while found := _last_form(rest, name if main is None else None):
        length, text, form = found
        if text.replace(" ", "") in _DOUBTFUL_NOTES and (removed or country not in form.countries):
            break  # "Faro ME SL" has initials, and "Faro ME" the Middle East
        if (main is None or form.kind == "note") and not _is_sure(
            rest[:-length], text, form, name, country
        ):
            break
        if form.kind in {"form", "kept"} and main is not None and main is not form:
            is_doubtful = form.kind == "kept" and text.replace(" ", "") in _DOUBTFUL_ABROAD
            if is_doubtful and country not in form.countries:
                break  # "Faro EV Private Limited" is called Faro EV
            return None
        if form.kind != "note":
            main = main or form
        rest = rest[:-length]
        removed = (*removed, Removal(text, form))
    if main is not None and main.kind == "kept":
        rest = [*rest, main.slug]
        removed = tuple(removal for removal in removed if removal.form is not main)
    return Stripped(rest, removed, main)


def _strip_before_quotes(words: list[str], name: str) -> Stripped | None:
    """Take off the form of `SIA "Forma"`: what follows it in quotes is all of the name."""
    if len(words) < _FORM_AND_NAME or len(name) > _LONGEST_QUOTED:
        return None
    form = FORMS.ending(words[0])
    if form is None or form.kind != "form" or not _IN_QUOTES.fullmatch(tidy(name)):
        return None
    return Stripped(words[1:], (Removal(words[0], form),), form)


def _is_sure(rest: list[str], text: str, form: Form, name: str, country: str | None) -> bool:
    """Return whether *text*, outermost of the forms behind *rest*, is a form and no part of it."""
    if form.kind == "note":
        # `V.A.` may be initials of the name.
        return not _SHORT_INITIALS.fullmatch(text) or _follows_own_form(rest, form)
    letters = text.replace(" ", "")
    is_short = len(letters) == _TWO_CAPITALS and "*" not in form.countries
    # Most funds are limited partnerships: there, L.P. is no series.
    is_series = is_short and rest[-1] in _BEFORE_A_SERIES and form.label != "LP"
    if is_series or (text == _SAL and _TITLED.search(name)):
        return False
    if country in form.countries:
        return True
    is_place = len(letters) == _TWO_CAPITALS and ends_with_place(name)
    if is_place or (country is not None and letters in _DOUBTFUL_ABROAD):
        return False
    if text == _SPA:
        return country is None and not _TITLED.search(name) and rest[-1] not in _BATH
    # A Spanish name has initials at its end rather than a form of the Netherlands.
    is_foreign = is_short and form.kind == "form" and _IBERIAN.isdisjoint(form.countries)
    is_together = len(text) == _TWO_CAPITALS
    return not (is_foreign and is_together) or not (_is_romance(rest[0]) or _is_romance(rest[-1]))


def _is_romance(word: str) -> bool:
    """Return whether *word* is a Spanish or Portuguese noun, by the list or by its ending."""
    return word in _ROMANCE_NOUNS or word.endswith(_ROMANCE_ENDINGS)


def is_trade(word: str) -> bool:
    """Return whether *word* is a Spanish or Portuguese noun, or short for one."""
    return word in _PAIRED_NOUNS or _is_romance(word)


def ends_with_place(name: str) -> bool:
    """Return whether *name* ends with two letters in brackets: `Faro (SA)` is in South Africa."""
    return _PLACE_IN_BRACKETS.search(name) is not None


def _is_sure_in_front(text: str, rest: list[str], form: Form, country: str | None) -> bool:
    """Return whether *text* in front of *rest*, which no form ends, is a form."""
    text = text.replace(" ", "")
    if text not in _DOUBTFUL_IN_FRONT or country in form.countries:
        return True
    return text == _PT and any(w in _INDONESIAN or w.endswith("indo") for w in rest)


def _follows_own_form(rest: list[str], note: Form) -> bool:
    before = _last_form(rest, None)
    return before is not None and not set(before[2].countries).isdisjoint(note.countries)


def _last_form(words: list[str], name: str | None) -> tuple[int, str, Form] | None:
    """Return the form that ends *words*; without *name* it is not the outermost one."""
    for length, text, form in FORMS.endings(words):
        if _is_name_before(words[:-length], text, name) and not _takes_letter(text, name or ""):
            return length, text, form
    return None


def _is_name_before(rest: list[str], text: str, name: str | None) -> bool:
    """Return whether *rest* can be a name that the form *text* follows."""
    before = rest[-1]
    if before in _BEFORE_A_NOUN and len(rest) > 1:
        # Pará is a state, and "(The)" is written behind a name: only a noun can follow those.
        return before in _ALSO_AT_THE_END and not _SPOKEN_FORM.fullmatch(text)
    if before in _CONJUNCTIONS:
        # "Silva & Cia Ltda" loses "Ltda" only, yet the E of "Plan E SL" is a letter, as is that
        # of "PG&E Corp", which another conjunction stands before.
        is_second = len(rest) > 1 and rest[-2] in _CONJUNCTIONS
        return before in _LETTERS and (
            is_second or not (text.startswith("c") or _SPOKEN_FORM.fullmatch(text))
        )
    if len(before) == 1 and before.isalpha() and _SHORT_INITIALS.fullmatch(text):
        return name is not None and (text in _AFTER_INITIALS or _last_token(name) == text.split())
    return len(rest) > 1 or before not in _ARTICLES


def _takes_letter(text: str, name: str) -> bool:
    """Return whether the first letter of *text* stands apart: `1-L, L.P.` ends with L.P."""
    if len(text) != len("l l p") or not _SHORT_INITIALS.fullmatch(text):
        return False
    return _last_token(name) == text.split()[1:]


def _last_token(name: str) -> list[str]:
    tokens = _TOKENS.findall(unicodedata.normalize("NFKC", tidy(name)[-_LONGEST_TOKEN:]))
    return split_words(tokens[-1]) if tokens else []


def _strip_front(stripped: Stripped, country: str | None) -> Stripped | None:
    """Return None where a form at the front contradicts the one at the end, or another."""
    words, removed, main = stripped
    if not FORMS.may_lead(words[0]):
        return stripped
    ending = next((r.text for r in removed if r.form.kind != "note"), main.slug if main else "")
    for length, text, form, endings in FORMS.leadings(words):
        if len(text) < 2 * length and len(words[length]) == 1:
            continue  # the P and T of "P.T.B. Tekstil" are no form
        agrees = ending in endings or main is form
        if (main is None or not agrees) and not _is_sure_in_front(
            text, words[length:], form, country
        ):
            continue  # "PT Solutions Ltd" is called PT Solutions
        if agrees:
            rest, articles = _strip_articles(words[length:])
            if any("" in others for *_, others in FORMS.leadings(rest)):
                return None
            return Stripped(rest, (*removed, Removal(text, form), *articles), main or form)
        if "" in endings:
            return None
    return stripped
