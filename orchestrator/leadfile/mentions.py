"""From the cells of a row, or an object of a list, to the mention of a company."""

from collections.abc import Mapping
from typing import Final

from pydantic import TypeAdapter, ValidationError

from orchestrator.identity import Mention
from orchestrator.infra.bounds import FilledText, Text, complaint_of

from .countries import country_code

_COMPANY: Final = ("company", "empresa")
_WEBSITE: Final = ("website", "sitio_web")
_COUNTRY: Final = ("country", "pais")


def mention_from(name: str, *, website: str = "", email: str = "", country: str = "") -> Mention:
    """Return the mention that cells make; an unusable website or country is left out.

    With a blank name the other cells are ignored: they identify no company.
    """
    if not name.strip():
        return Mention(name)
    return Mention.of_lead(
        name,
        website=website.strip() or None,
        email=email.strip() or None,
        country=country_code(country) if country else None,
    )


def mention_in(given: object) -> Mention:
    """Return the mention in *given*: a name, or an object with `company`, `website`, `country`.

    The Spanish names of these fields are accepted, too; other fields are ignored.

    Raises:
        ValueError: It is neither; the message reads on from what it is about.
    """
    if isinstance(given, str):
        return Mention(given)
    name = _first(given, _COMPANY) if isinstance(given, Mapping) else None
    if not isinstance(given, Mapping) or not isinstance(name, str):
        raise ValueError(  # noqa: TRY004 - it came over the wire
            'must be a text or an object with a "company"'
        )
    website, country = _first(given, _WEBSITE, ""), _first(given, _COUNTRY, "")
    if not isinstance(website, str) or not isinstance(country, str):
        raise ValueError(  # noqa: TRY004 - as above
            'must have a "website" and a "country" that are texts, if any'
        )
    return mention_from(name, website=website, country=country)


_NAME: Final = TypeAdapter(FilledText)
_ABOUT: Final = TypeAdapter(Text | None)


def checked_mention(given: object) -> Mention:
    """Return `mention_in` of *given*, within the bounds of every entry point.

    Raises:
        ValueError: It is none, or out of bounds; the message reads on from what it is about.
    """
    mention = mention_in(given)
    try:
        _NAME.validate_python(mention.name)
        for about in (mention.website, mention.country):
            _ABOUT.validate_python(about)
    except ValidationError as error:
        fault = error.errors(include_input=False, include_url=False)[0]
        raise ValueError(complaint_of(fault)) from None
    return mention


def _first(given: Mapping[str, object], names: tuple[str, ...], default: object = None) -> object:
    return next((given[name] for name in names if given.get(name) is not None), default)
