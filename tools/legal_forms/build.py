"""Joins what is kept by hand with the facts of ISO 20275.

A form of the list belongs to the hand-kept one that shares a spelling with it, and adds its own
names to it. What is short, one word or English ends names for other reasons, too (`Trust`, `NL`,
`Public Company`): such a spelling is only in the table if a person has put it there.
"""

from collections import defaultdict
from collections.abc import Iterator

from orchestrator.identity import parse_name
from orchestrator.identity.stripping import NAME
from orchestrator.identity.writing import split_words
from tools.legal_forms.elf import ElfForm
from tools.legal_forms.spellings import HandForm

_HEAD = """\
# Legal forms of companies in the spellings people use. Read by `forms.py`, written by
# `python -m tools.legal_forms` from tools/legal_forms/spellings.tsv and elf.tsv: change those.
# Sources: spellings of everyday correspondence, compiled by hand for this project (Apache-2.0), and
# the ELF code list of ISO 20275, published by GLEIF as open data (CC0 1.0).
#
# form <TAB> countries (ISO 3166; * = many) <TAB> kind <TAB> spellings as folded words; `; ` between
#   kind   form, word, note, kept: see spellings.tsv
#   ~      the company's name; a spelling without it follows the name. `~x`: no space between.
"""
_LEAST_LETTERS, _LONG_WORD, _MOST_WORDS = 7, 12, 9
_TELLING_LETTERS, _TELLING_SHORT = 5, 4
_NOT_A_SPELLING = frozenset("()/,:;0123456789")
_ALTERNATIVE = frozenset({"or", "oder", "ou", "o", "jew", "including"})
_KINDS_WITH_CODES = frozenset({"form", "kept"})
NOT_LINKED = frozenset(
    {
        "946C",  # BG: a sole trader, among the joint stock companies for its abbreviation
        "DEF6",  # RS: a public enterprise, named after its town
        "28FE",  # BE: a cooperative, which shares only its German name with that of Germany
        "IKMB",  # CA: cooperatives and credit unions, whose words belong to their names
        "FQJ9",
        "KAM9",
        "876U",
        "G9PJ",  # CA: a spelling error of the list
    }
)
"""Codes whose spellings point to another form than theirs."""


def build(hand: list[HandForm], elf: list[ElfForm]) -> str:
    """Return the text of the table."""
    links = link(hand, elf)
    claimed = {bare(spelling) for each in hand for spelling in each.spellings}
    lines = []
    for each in hand:
        form, linked = each.form, links[each.form.label]
        spellings = list(each.spellings)
        for text in _names(linked):
            if text not in claimed:
                claimed.add(text)
                spellings.append(text)
        countries = form.countries
        if "*" not in countries:
            countries += tuple(sorted({one.country for one in linked} - set(countries)))
        lines.append("\t".join((form.label, " ".join(countries), form.kind, "; ".join(spellings))))
    return _HEAD + "\n".join(lines) + "\n"


def link(hand: list[HandForm], elf: list[ElfForm]) -> dict[str, list[ElfForm]]:
    """Return the forms of the list that belong to each hand-kept form, by its label."""
    owners = {bare(spelling): each for each in reversed(hand) for spelling in each.spellings}
    rows = defaultdict(list)
    for one in elf:
        rows[one.country, one.code].append(one)
    links: dict[str, list[ElfForm]] = defaultdict(list)
    for (_, code), same in rows.items():
        labels = _labels(owners, same)
        if len(labels) == 1 and code not in NOT_LINKED:
            links[labels.pop()] += same
    return links


def _labels(owners: dict[str, HandForm], same: list[ElfForm]) -> set[str]:
    """Return the hand-kept forms that *same*, one code in all its languages, can belong to."""
    telling, hinting = set(), set()
    for one in same:
        for text in map(fold, one.spellings):
            owner = owners.get(text)
            if owner is None or owner.form.kind not in _KINDS_WITH_CODES:
                continue
            letters = len(text.replace(" ", ""))
            if letters >= _TELLING_LETTERS:
                telling.add(owner.form.label)
            # A short one means something else in the next country: AG, NL, SA.
            elif letters >= _TELLING_SHORT or one.country in owner.form.countries:
                hinting.add(owner.form.label)
    return telling or hinting


def _names(linked: list[ElfForm]) -> Iterator[str]:
    for one in linked:
        if one.language != "en":
            yield from (fold(text) for text in one.spellings if _stands_alone(text))


def _stands_alone(spelling: str) -> bool:
    words = split_words(spelling)
    if not _NOT_A_SPELLING.isdisjoint(spelling) or not _ALTERNATIVE.isdisjoint(words):
        return False
    letters = len("".join(words))
    return letters >= (_LONG_WORD if len(words) == 1 else _LEAST_LETTERS) and (
        len(words) <= _MOST_WORDS
    )


def unknown(elf: list[ElfForm]) -> list[str]:
    """Return what the table, as it is, does not know, a line each, and one that counts."""
    every = {(one.country, fold(text)): (one, text) for one in elf for text in one.spellings}
    left = [
        f"{one.country}\t{one.code}\t{text}" for one, text in every.values() if not _is_known(text)
    ]
    return [*left, f"{len(every) - len(left)} of {len(every)} spellings are in the table"]


def _is_known(spelling: str) -> bool:
    around = (parse_name(f"Zyxwo {spelling}"), parse_name(f"{spelling} Zyxwo"))
    return any(parsed.legal_form or parsed.key == "zyxwo" for parsed in around)


def fold(spelling: str) -> str:
    """Return *spelling* as names are compared: folded words, a space between."""
    return " ".join(split_words(spelling))


def bare(spelling: str) -> str:
    """Return a spelling of the table without the place of the name."""
    return " ".join(spelling.replace(NAME, " ").split())
