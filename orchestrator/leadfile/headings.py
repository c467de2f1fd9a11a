"""What the name of a column says: which value it holds, and whose.

The words are in `data/columns.toml`, which sales-ops can edit. A name is understood only if all
of its words are known: `Company size` holds no company, `Lead owner` no contact. Pure.
"""

import re
import tomllib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import cache, lru_cache
from pathlib import Path
from typing import Final

from .cleaning import fold

_WORDS: Final = Path(__file__).with_name("data") / "columns.toml"
_OF_OTHERS: Final = "of_others"
_LONGEST: Final = 120
_BRACKETS: Final = re.compile(r"\([^()]*\)|\[[^\[\]]*\]|\{[^{}]*\}|<[^<>]*>")
#: Between whose value it is and which: no phrase goes across.
_PATH: Final = re.compile(r"\s+[-–—>|]+\s+|::?")  # noqa: RUF001
_GROUP: Final = re.compile(r"\s+[-–—>|]+\s+|::?|(?<=[\w)])[./](?=\w)|\s/\s|\\")  # noqa: RUF001
_AROUND: Final = re.compile(r"[\[\](){}<>]")
_CAMEL: Final = re.compile(r"(?<=[a-z])(?=[A-Z])|(?<=[A-Za-z])(?=\d)")
#: What a program writes before the names of its own tables: `C_FirstName`.
_PREFIX: Final = re.compile(r"\A[A-Za-z]{1,2}_(?=[A-Z][a-z])")
_ORDINAL: Final = re.compile(r"(\d{1,2})(?:o|a|er|era|do|da|nd|st|rd|th|e|eme)?")
#: Shorter words are no parts of a compound: too many names would have them by chance.
_SHORTEST_PART: Final = 3
_FREE: Final = frozenset(("work", "home", "first", "later", "plain", "link", "joint"))
_COMPANIES: Final = frozenset(("company", "account", "customer"))
_NAMED: Final = _COMPANIES | {"person"}
_RECORDS: Final = frozenset(("record", "deal"))
_ENTITIES: Final = _NAMED | _RECORDS
#: What counts in brackets: `Phone (work)`, but not `Company (text)`.
_ASIDE: Final = frozenset(("work", "home", "first", "later", "link", "joint"))
_PARTS: Final = frozenset(("given", "middle", "surname"))
_ADDRESSES: Final = _ENTITIES | {"address", "location"}
#: What may stand beside each value.
_BESIDE: Final = {
    "email": _ADDRESSES,
    "phone": _ADDRESSES | {"number"},
    "website": _COMPANIES | _RECORDS | {"address", "name"},
    "country": _ADDRESSES | {"region", "code", "id", "name", "place"},
    "city": _ADDRESSES | {"name", "place"},
    "source": _RECORDS | {"person"},
    "notes": _ENTITIES,
    **dict.fromkeys((*sorted(_PARTS), "full"), _RECORDS | {"person"}),
}


class Holds(StrEnum):
    """What a column holds, more finely than the fields of a lead."""

    COMPANY = "company"
    ACCOUNT = "account"
    CUSTOMER = "customer"
    PERSON = "person"
    FULL = "full"
    NAME = "name"
    GIVEN = "given"
    MIDDLE = "middle"
    SURNAME = "surname"
    EMAIL = "email"
    WEBSITE = "website"
    COUNTRY = "country"
    CITY = "city"
    PHONE = "phone"
    SOURCE = "source"
    NOTES = "notes"


class Whose(StrEnum):
    """Whose value it is, as far as the name of the column says."""

    WORK = "work"
    COMPANY = "company"
    UNSAID = "unsaid"
    PERSON = "person"
    HOME = "home"


@dataclass(frozen=True, slots=True)
class Heading:
    """The meaning of a column's name. `turn` orders columns of one kind: -1, 0, or later."""

    holds: Holds
    whose: Whose = Whose.UNSAID
    turn: int = 0


@lru_cache(maxsize=4_096)
def heading(name: str) -> Heading | None:
    """Return what the column called *name* holds, None where its name does not say.

    >>> heading("Person - Email - Work")
    Heading(holds=<Holds.EMAIL: 'email'>, whose=<Whose.WORK: 'work'>, turn=0)
    >>> heading("Company size"), heading("companyName").holds.value
    (None, 'company')
    """
    name = _PREFIX.sub("", name) if len(name) <= _LONGEST else ""
    meaning = _meaning(_BRACKETS.sub(_aside, name))
    if meaning is None or meaning.holds is Holds.NAME:
        # `Address (City)`, `Name (company)`: what says it may stand in the brackets.
        meaning = _meaning(_AROUND.sub(" - ", name)) or meaning
    return meaning


def _meaning(bare: str) -> Heading | None:
    groups = [_words_in(part) for part in _GROUP.split(bare)]
    words = [word for group in groups for word in group]
    path = [list(_kinds(_words_in(part))) for part in _PATH.split(bare)]
    kinds = [kind for part in path for kind in part]
    # `Is a company` is no company.
    if not kinds or None in kinds or words[0] == "is":
        return None
    known = [kind for kind in kinds if kind is not None]
    if len(path) > 1 and _PARTS.intersection(path[-1]):
        known = [kind for kind in known if kind != "name"]
    last = [kind for kind in _kinds(groups[-1]) if kind is not None]
    holds = _held(known, last if len(groups) > 1 else [])
    return None if holds is None else Heading(holds, _whose(known), _turn(known, words))


@lru_cache(maxsize=256)
def group(name: str) -> str:
    """Return whose values stand below *name*, a title of several columns: a word of `heading`.

    >>> group("Contact details"), group("Datos de empresa"), group("Notes")
    ('contact', 'company', '')
    """
    said = {kind for kind in _kinds(_words_in(name[:_LONGEST])) if kind in _NAMED}
    words = {"person": "contact", "company": "company", "account": "company", "customer": "company"}
    found = {words[kind] for kind in said}
    return found.pop() if len(found) == 1 else ""


@lru_cache(maxsize=4_096)
def is_of_others(name: str) -> bool:
    """Return whether the column called *name* says that its values are not the lead's.

    >>> is_of_others("Account owner"), is_of_others("Fax"), is_of_others("field_3")
    (True, True, False)
    """
    return not of_others().isdisjoint(_words_in(name[:_LONGEST]))


@lru_cache(maxsize=4_096)
def kinds_of(name: str) -> tuple[str | None, ...]:
    """Return the kind of each phrase of a column's *name*, None for a word that is unknown."""
    return tuple(_kinds(_words_in(name[:_LONGEST])))


def understood() -> dict[str, tuple[str, ...]]:
    """Return the words for each kind of value, whose it is and what may stand beside it."""
    by_kind: dict[str, list[str]] = {}
    for phrase, kind in _phrases().items():
        by_kind.setdefault(kind, []).append(" ".join(phrase))
    return {kind: tuple(phrases) for kind, phrases in by_kind.items()}


@cache
def of_others() -> frozenset[str]:
    """Return the words of names that are never understood by the cells below them."""
    return frozenset(_sections()[_OF_OTHERS]["words"])


@cache
def _phrases() -> dict[tuple[str, ...], str]:
    return {
        tuple(phrase.split()): kind
        for name, section in _sections().items()
        if name != _OF_OTHERS
        for kind, phrases in section.items()
        for phrase in phrases
    }


@cache
def _sections() -> dict[str, dict[str, list[str]]]:
    return tomllib.loads(_WORDS.read_text("utf-8"))


@cache
def _vocabulary() -> frozenset[str]:
    return frozenset(word for phrase in _phrases() for word in phrase)


def _aside(brackets: re.Match[str]) -> str:
    """Return what *brackets* say of whose value it is, else nothing."""
    words = _words_in(brackets[0])
    return f" {' '.join(words)} " if words and _ASIDE.issuperset(_kinds(words)) else " "


def _words_in(text: str) -> list[str]:
    return [part for word in fold(_CAMEL.sub(" ", text)).split() for part in _parts(word)]


def _parts(word: str) -> list[str]:
    """Return the known words that *word* is composed of, else *word*."""
    vocabulary = _vocabulary()
    if word in vocabulary:
        return [word]
    ways: dict[int, list[str]] = {0: []}
    for end in range(_SHORTEST_PART, len(word) + 1):
        for start, before in list(ways.items()):
            part = word[start:end]
            if len(part) >= _SHORTEST_PART and part in vocabulary:
                ways.setdefault(end, [*before, part])
    return ways.get(len(word), [word])


def _kinds(words: Sequence[str]) -> Iterator[str | None]:
    """Yield the kind of each phrase, the longest first; None for a word that is unknown."""
    phrases = _phrases()
    start = 0
    while start < len(words):
        for end in range(min(len(words), start + 4), start, -1):
            kind = phrases.get(tuple(words[start:end]))
            if kind is not None:
                yield kind
                start = end
                break
        else:
            yield "plain" if _ORDINAL.fullmatch(words[start]) else None
            start += 1


def _held(kinds: Sequence[str], last_group: Sequence[str]) -> Holds | None:
    content = [kind for kind in kinds if kind not in _FREE]
    values = {kind for kind in content if kind in _BESIDE}
    if len(values - {"full"}) == 1 and values - {"full"} <= _PARTS:
        values = values - {"full"}
        content = [kind for kind in content if kind != "full"]
    if values in ({"given", "surname"}, {"given", "surname", "name"}):
        return Holds.FULL
    if len(values) == 1:
        (value,) = values
        beside = set(content) - values
        return Holds(value) if beside <= _BESIDE[value] else None
    if values or not set(content) <= _ENTITIES | {"name"}:
        return None
    return _named(kinds, [kind for kind in last_group if kind in _NAMED])


def _named(kinds: Sequence[str], last_group: Sequence[str]) -> Holds | None:
    """Return whose name it is: `Contact company` and `Empresa del contacto` are companies."""
    entities = [kind for kind in kinds if kind in _NAMED]
    has_name = "name" in kinds
    if not entities:
        return Holds.NAME if has_name and not {"work", "home", "deal"} & set(kinds) else None
    entity = (last_group or entities)[-1]
    if not last_group and "link" in kinds:
        entity = entities[0]
    if entity == "person" and has_name:
        return Holds.FULL
    return Holds(entity)


def _whose(kinds: Sequence[str]) -> Whose:
    if "home" in kinds:
        return Whose.HOME
    if "work" in kinds:
        return Whose.WORK
    if _COMPANIES & set(kinds):
        return Whose.COMPANY
    return Whose.PERSON if "person" in kinds else Whose.UNSAID


def _turn(kinds: Sequence[str], words: Sequence[str]) -> int:
    numbers = [int(found[1]) for word in words if (found := _ORDINAL.fullmatch(word))]
    later = max((number - 1 for number in numbers), default=0) + ("later" in kinds)
    return later or -("first" in kinds)
