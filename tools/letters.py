"""Writes which letters follow each other in which language: `python -m tools.letters`.

Counted in the names of countries, languages, currencies, regions and towns that Babel, pycountry
and phonenumbers have in each language, and in those of people and companies that Faker draws. It
is what tells encodings apart (`letters.py`).
"""

import gettext
import math
from collections import Counter
from collections.abc import Iterable, Iterator
from itertools import chain, groupby, pairwise
from typing import Final

import pycountry
from babel import Locale
from faker import Faker
from phonenumbers.geodata import GEOCODE_DATA

from orchestrator.leadfile.letters import EDGE, MOST, TABLE, folded, is_letter

#: The languages of the encodings that are told apart, as Babel, pycountry and phonenumbers call
#: them.
_LETTERS: Final = {
    "en": "",
    "es": "áéíñóúü",
    "pt": "áâãàçéêíóôõú",
    "fr": "àâæçéèêëîïôœùûü",
    "de": "äöüß",
    "it": "àèéìíîòóùú",
    "ca": "àçèéíïòóúü",
    "sv": "åäöé",
    "da": "æøåé",
    "nb": "æøåéòô",
    "fi": "äöå",
    "is": "áðéíóúýþæö",
    "nl": "áéëïóöüè",
    "et": "äõöüšž",
    "tr": "çğıöşüâîû",
    "pl": "ąćęłńóśźż",
    "cs": "áčďéěíňóřšťúůýž",
    "sk": "áäčďéíĺľňóôŕšťúýž",
    "hu": "áéíóöőúüű",
    "ro": "ăâîşţ",
    "sl": "čšž",
    "hr": "čćđšž",
    "lt": "ąčęėįšųūž",
    "lv": "āčēģīķļņšūž",
}
"""The letters beyond ASCII of languages that are written in Latin letters: others are foreign."""
_ALPHABETS: Final = (*_LETTERS, "ru", "uk", "bg", "el", "he", "ar", "th")
_CHARACTERS: Final = ("ja", "ko", "zh", "zh_Hant")
_OTHER_NAMES: Final = {"he": "iw"}
_OTHER_LISTS: Final = {"zh": "zh_Hans"}
_LISTS: Final = (
    ("iso3166-1", pycountry.countries),
    ("iso3166-2", pycountry.subdivisions),
    ("iso4217", pycountry.currencies),
    ("iso639-3", pycountry.languages),
)
#: What Faker calls the languages.
_LOCALES: Final = {
    "es": ("es_ES", "es_MX", "es_AR"),
    "pt": ("pt_PT", "pt_BR"),
    "fr": ("fr_FR", "fr_CA"),
    "de": ("de_DE", "de_AT"),
    "it": ("it_IT",),
    "sv": ("sv_SE",),
    "da": ("da_DK",),
    "nb": ("no_NO",),
    "fi": ("fi_FI",),
    "is": ("is_IS",),
    "nl": ("nl_NL", "nl_BE"),
    "et": ("et_EE",),
    "tr": ("tr_TR",),
    "pl": ("pl_PL",),
    "cs": ("cs_CZ",),
    "sk": ("sk_SK",),
    "hu": ("hu_HU",),
    "ro": ("ro_RO",),
    "sl": ("sl_SI",),
    "hr": ("hr_HR",),
    "lt": ("lt_LT",),
    "lv": ("lv_LV",),
    "ru": ("ru_RU",),
    "uk": ("uk_UA",),
    "bg": ("bg_BG",),
    "el": ("el_GR",),
    "he": ("he_IL",),
    "ar": ("ar_SA",),
    "th": ("th_TH",),
    "ja": ("ja_JP",),
    "ko": ("ko_KR",),
    "zh": ("zh_CN",),
    "zh_Hant": ("zh_TW",),
}
#: Names of each kind that are drawn.
_DRAWN: Final = 400
#: How often a word counts at most: `de` and `language` say no more than others.
_TIMES: Final = 3


def _phrases(language: str) -> Iterator[str]:
    # Babel has no public way to all of its names.
    names = Locale.parse(language)._data  # noqa: SLF001
    for kind in ("territories", "languages", "scripts", "currency_names"):
        yield from (name for name in names[kind].values() if isinstance(name, str))
    yield from (zone["city"] for zone in names["time_zones"].values() if "city" in zone)
    for domain, entries in _LISTS:
        code = _OTHER_LISTS.get(language, language)
        texts = gettext.translation(domain, pycountry.LOCALES_DIR, languages=[code], fallback=True)
        for entry in entries:
            translated = texts.gettext(entry.name)
            if translated != entry.name:
                yield translated
    code = _OTHER_NAMES.get(language, language)
    yield from sorted({names[code] for names in GEOCODE_DATA.values() if code in names})


def _drawn(language: str) -> Iterator[str]:
    """Yield names of people and companies, the same ones each time."""
    for locale in _LOCALES.get(language, ()):
        fake = Faker(locale)
        fake.seed_instance(1)
        for draw in (fake.first_name, fake.last_name, fake.company):
            yield from (draw() for _ in range(_DRAWN))


def _words(phrases: Iterable[str]) -> Counter[str]:
    counted: Counter[str] = Counter()
    for phrase in phrases:
        for is_word, letters in groupby(phrase, is_letter):
            if is_word:
                counted["".join(map(folded, letters))] += 1
    return Counter({word: min(count, _TIMES) for word, count in counted.items()})


def _is_own(word: str, language: str) -> bool:
    letters = _LETTERS.get(language)
    return letters is None or all(char.isascii() or char in letters for char in word)


def _costs(counts: Counter[str]) -> str:
    """Return each character with its cost: a digit, how improbable it is in nats."""
    total = counts.total()
    return "".join(
        f"{char}{min(round(-math.log(count / total)), MOST)}"
        for char, count in sorted(counts.items())
    )


def table() -> str:
    """Return the table: language, letter, what follows it at which cost."""
    lines = []
    for language in _ALPHABETS:
        pairs: dict[str, Counter[str]] = {}
        for word, count in _words(chain(_phrases(language), _drawn(language))).items():
            if not _is_own(word, language):
                continue
            for first, second in pairwise(f"{EDGE}{word}{EDGE}"):
                pairs.setdefault(first, Counter())[second] += count
        for first, counts in sorted(pairs.items()):
            lines.append(f"{language}\t{first}\t{_costs(counts)}")
    for language in _CHARACTERS:
        letters: Counter[str] = Counter()
        for word, count in _words(chain(_phrases(language), _drawn(language))).items():
            for char in word:
                letters[char] += 0 if char.isascii() else count
        lines.append(f"{language}\t\t{_costs(+letters)}")
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    TABLE.write_text(table(), "utf-8")
