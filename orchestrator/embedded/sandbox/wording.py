"""What a company's sources say of it in words: phrasings of `texts.toml`, filled in."""

from functools import lru_cache
from typing import Any

import phonenumbers

from orchestrator.embedded.sandbox import vocabulary
from orchestrator.embedded.sandbox.company import Company, e164
from orchestrator.embedded.sandbox.fake_data import SeededRandom
from orchestrator.embedded.sandbox.vocabulary import Language, formatted, invent_tax_id

#: Share of sites of technology and tourism that are in English, whatever their country.
_ENGLISH_SHARE = 0.12
#: The year that the texts are of.
_THIS_YEAR = 2026
#: A preposition before an article.
_CONTRACTED = {
    "es": ((" a el ", " al "), (" de el ", " del ")),
    "pt": (
        (" a a ", " à "),
        (" a o ", " ao "),
        (" a os ", " aos "),
        (" em a ", " na "),
        (" em o ", " no "),
        (" em os ", " nos "),
    ),
}
#: Word before the last of several things.
_AND = {"es": "y", "pt": "e", "en": "and"}


class Wording:
    """Phrasings about *company* in one language; a topic has the same phrasing every time."""

    def __init__(self, company: Company, language: Language, fields: dict[str, Any]) -> None:
        self.company = company
        self.language = language
        self.texts = vocabulary.texts(language)
        self._fields = fields

    def say(self, kind: str, topic: str = "", **more: object) -> str:
        """Return one of the phrasings of *kind*, a field of `Texts`, filled in.

        *topic* distinguishes two uses of a kind; *more* is filled in beside the company's own.
        """
        phrasings: tuple[str, ...] = getattr(self.texts, kind)
        phrasing = self.company.random(f"say {kind} {topic}").pick(phrasings)
        said = phrasing.format(**{**self._fields, **more})
        for apart, contracted in _CONTRACTED.get(self.language, ()):
            said = said.replace(apart, contracted)
        return said

    def path(self, page: str) -> str:
        """Return the path of a page of its site, such as `contact`; that of `home` is blank."""
        if page == "home":
            return ""
        return self.company.random(f"path {page}").pick(self.texts.paths[page])


@lru_cache(maxsize=20_000)
def wording_of(company: Company, language: Language | None = None) -> Wording:
    """Return the wording of *company*, in its site's language unless *language* is given."""
    language = language or site_language(company)
    return Wording(company, language, _fields(company, language))


def site_language(company: Company) -> Language:
    """Return the language of its site."""
    is_international = company.sector in {"technology", "tourism"}
    drawn = company.random("english").uniform()
    return "en" if is_international and drawn < _ENGLISH_SHARE else company.language


def written_tax_id(company: Company) -> str:
    """Return its tax id in the way that its pages write it; blank where none does."""
    if company.tax_id_type is None or company.tax_id is None:
        return ""
    style = company.random("tax style").between(0, 2)
    return formatted(company.tax_id_type, company.tax_id, style)


def written_phones(company: Company) -> tuple[str, ...]:
    """Return its first number in both ways that sources write it."""
    first = company.phones[0]
    return displayed(first, national=True), displayed(first, national=False)


def displayed(phone: str, *, national: bool) -> str:
    """Return an E.164 number with spaces, as people write it."""
    style = phonenumbers.PhoneNumberFormat
    form = style.NATIONAL if national else style.INTERNATIONAL
    return phonenumbers.format_number(phonenumbers.parse(phone), form)


def _fields(company: Company, language: Language) -> dict[str, Any]:
    country = vocabulary.countries()[company.country]
    trade = vocabulary.sectors()[company.sector].trade(language)
    random = company.random("fields")
    offers = random.some(trade.offers, 3)
    kind = company.tax_id_type
    designer = SeededRandom("designer", company.country)
    city = country.cities[0]
    return {
        "name": company.name,
        "brand": company.brand,
        "city": company.city,
        "region": company.region,
        "country": country.name[language],
        "activity": random.pick(trade.activity),
        "offer": offers[0].capitalize(),
        "offers": f"{offers[0]}, {offers[1]} {_AND[language]} {offers[2]}",
        "founded": company.founded,
        "years": _THIS_YEAR - company.founded,
        "headcount": _format_number(company.headcount, language),
        "band": company.size_band,
        "clients": _format_number(random.between(300, 90_000), language),
        "address": f"{company.address} ({company.region})",
        "phone": displayed(company.phones[0], national=random.chance(0.5)),
        "email": company.emails[0] if company.emails else "",
        "taxlabel": kind or "EIN",
        "tax": written_tax_id(company),
        "domain": company.domain or "",
        "followers": _format_number(random.between(40, 30_000), language),
        "posts": random.between(3, 900),
        "designertax": invent_tax_id(kind, designer) if kind else "",
        "designerphone": displayed(_number_in(company.country, city[3], "7"), national=True),
        "authorityphone": displayed(_number_in(company.country, city[3], "3"), national=True),
    }


def _number_in(country: str, pattern: str, digit: str) -> str:
    return e164(country, pattern.replace("#", digit))


def _format_number(number: int, language: Language) -> str:
    return f"{number:,}" if language == "en" else f"{number:,}".replace(",", ".")
