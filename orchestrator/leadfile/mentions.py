"""How a row or an object of a list names a company, by the names that people give their columns."""

from collections.abc import Mapping
from typing import Final

from orchestrator.identity import Mention

from .cells import country_code

_COMPANY: Final = ("company", "empresa")
_WEBSITE: Final = ("website", "sitio_web")
_COUNTRY: Final = ("country", "pais")


def mention_from(name: str, *, website: str = "", email: str = "", country: str = "") -> Mention:
    """Return the mention that cells make; a website or a country that is none is left out.

    Of a blank name nothing else counts: there is no company to tell apart.
    """
    if not name.strip():
        return Mention(name)
    return Mention.of_lead(
        name,
        website=website.strip() or None,
        email=email.strip() or None,
        country=country_code(country) if country else None,
    )


def mention_in(said: object) -> Mention:
    """Return the mention that *said* is: a name, or an object with `company`, `website`, `country`.

    The Spanish names of the fields are as good; others are ignored.

    Raises:
        ValueError: It is neither; the message reads on from what it is about.
    """
    if isinstance(said, str):
        return Mention(said)
    name = _first(said, _COMPANY) if isinstance(said, Mapping) else None
    if not isinstance(said, Mapping) or not isinstance(name, str):
        raise ValueError(  # noqa: TRY004 - it came over the wire
            'must be a text or an object with a "company"'
        )
    website, country = _first(said, _WEBSITE, ""), _first(said, _COUNTRY, "")
    if not isinstance(website, str) or not isinstance(country, str):
        raise ValueError(  # noqa: TRY004 - as above
            'must have a "website" and a "country" that are texts, if any'
        )
    return mention_from(name, website=website, country=country)


def _first(said: Mapping[str, object], names: tuple[str, ...], default: object = None) -> object:
    return next((said[name] for name in names if said.get(name) is not None), default)
