"""The ways of reducing a company's name to a key that are measured side by side, and names.

Peers come as their documentation shows them. What else the field has is not here: rigour and
fingerprints need PyICU, which has no wheel; corp-names needs a GPL package; name-matching brings
pandas, scikit-learn and matplotlib along.
"""

import random
import re
import string
import unicodedata
from collections.abc import Callable, Mapping

from cleanco import basename  # type: ignore[import-untyped]  # has no types

from orchestrator.identity import company_key, parse_name

Key = Callable[[str], str]

_SYLLABLES = ("al", "be", "cor", "dan", "el", "fer", "gra", "ho", "in", "mar", "no", "tel", "vi")
_TRADES = ("Distribuciones", "Talleres", "Grupo", "Transportes", "Soluciones", "Construções")
_FORMS = ("S.L.", "SA", "S.A. de C.V.", "Ltda.", "GmbH & Co. KG", "Inc.", "Lda", "S.A.S.", "", "")
_PUNCTUATION = re.compile(f"[{re.escape(string.punctuation)}]")


def underscored(name: str) -> str:
    """Lower-case words joined by underscores: what one writes first."""
    return "_".join(name.lower().split())


def fingerprint(name: str) -> str:
    """Sorted, distinct, plain words, as OpenRefine's method of that name has them."""
    plain = unicodedata.normalize("NFKD", name.strip().lower()).encode("ascii", "ignore").decode()
    return " ".join(sorted(set(_PUNCTUATION.sub("", plain).split())))


def without_form(name: str) -> str:
    """Words that cleanco leaves; asked twice, as its documentation says."""
    return underscored(basename(basename(name)))


CONTENDERS: Mapping[str, Key] = {
    "company_key": company_key,
    "parse_name": lambda name: parse_name(name).key,
    "lower, underscores": underscored,
    "OpenRefine fingerprint": fingerprint,
    "cleanco": without_form,
}


def generated_names(count: int) -> list[str]:
    """Return *count* distinct names of invented companies, in several spellings of forms."""
    dice = random.Random(20_275)  # noqa: S311  # the same names in every run
    names: dict[str, None] = {}
    while len(names) < count:
        words = [dice.choice(_TRADES), *(_word(dice) for _ in range(dice.randrange(1, 4)))]
        name = f"{' '.join(words)}{dice.choice((' ', ', '))}{dice.choice(_FORMS)}".strip(", ")
        names[dice.choice((name, name.upper()))] = None
    return list(names)


def _word(dice: random.Random) -> str:
    return "".join(dice.choices(_SYLLABLES, k=dice.randrange(2, 5))).capitalize()
