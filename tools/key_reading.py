"""`python -m tools.key_reading NAMES.csv [--with-country] [--split 5]`: reads keys for merges.

Gives a key to every name of a list of register names (a CSV file whose columns are named `name`
and, if there is one, `country`), and prints each group of one key whose members differ by more than
writing and legal form, for a person to read. What a group's members share and lose is found without
the rules that made the key: the letters and digits of a name, in order, and only such endings and
beginnings as stand in the table as forms of the name's country or of many countries. Such a
difference is no error in itself; what a reader must find is two companies in one group.
"""

import argparse
import csv
import unicodedata
from collections import defaultdict
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

from orchestrator.identity import Form, InvalidCompanyName, parse_name
from orchestrator.identity.stripping import FORMS

_LONG_SPELLING = 5
"""Letters of a form's spelling that no initials have."""
_UNDECOMPOSED = str.maketrans({"ł": "l", "ø": "o", "đ": "d", "\u0131": "i"})


class Name(NamedTuple):
    """A name of the list, and the country of its register if it is given."""

    text: str
    country: str | None


class Group(NamedTuple):
    """Names of one key, by what is left of each without writing and sure forms."""

    key: str
    rests: dict[str, list[Name]]


def read_names(path: Path) -> list[Name]:
    """Return the distinct names of the list, in its order."""
    with path.open(encoding="utf-8", newline="") as file:
        rows = csv.DictReader(file)
        return list(dict.fromkeys(Name(row["name"], row.get("country") or None) for row in rows))


def groups(names: Iterable[Name], *, with_country: bool) -> Iterator[Group]:
    """Yield the groups whose members differ by more than writing and legal form."""
    keyed: dict[str, list[Name]] = defaultdict(list)
    for name in names:
        try:
            keyed[parse_name(name.text, name.country if with_country else None).key].append(name)
        except InvalidCompanyName:
            continue
    for key, members in keyed.items():
        if len(members) > 1:
            rests: dict[str, list[Name]] = defaultdict(list)
            for name in members:
                rests[_rest(name)].append(name)
            if len(rests) > 1:
                yield Group(key, rests)


def _rest(name: Name) -> str:
    """Return the letters and digits of *name* without the forms that are surely forms."""
    words = _plain(name.text).split()
    is_shorter = True
    while is_shorter:
        ending = next((n for n, text, form in FORMS.endings(words) if _sure(text, form, name)), 0)
        words, is_shorter = words[: len(words) - ending], ending > 0
    leadings = FORMS.leadings(words)
    start = next((n for n, text, form, _ in leadings if _sure(text, form, name)), 0)
    return "".join(words[start:])


def _plain(text: str) -> str:
    """Return *text* in small letters without accents, its other characters as spaces."""
    decomposed = unicodedata.normalize("NFKD", text.casefold()).translate(_UNDECOMPOSED)
    kept = (c for c in decomposed if unicodedata.category(c) != "Mn")
    return "".join(c if c.isalnum() or c in "&+" else "" if c in "'.\u2019`" else " " for c in kept)


def _sure(text: str, form: Form, name: Name) -> bool:
    is_own = name.country in form.countries or "*" in form.countries
    return is_own or len(text.replace(" ", "")) >= _LONG_SPELLING


def main() -> None:
    """Print the groups, the shortest keys first, and how many there are."""
    parser = argparse.ArgumentParser(prog="python -m tools.key_reading", description=__doc__)
    parser.add_argument("names", type=Path, metavar="NAMES.csv")
    parser.add_argument("--with-country", action="store_true", help="give the key the country")
    options = parser.parse_args()
    names = read_names(options.names)
    found = list(groups(names, with_country=options.with_country))
    for group in sorted(found, key=lambda group: len(group.key)):
        print(group.key)
        for rest, members in group.rests.items():
            shown = " | ".join(f"{name.text} [{name.country or '-'}]" for name in members[:4])
            print(f"    {rest}: {shown}")
    print(f"{len(names):,} names, {len(found):,} groups to read")


if __name__ == "__main__":
    main()
