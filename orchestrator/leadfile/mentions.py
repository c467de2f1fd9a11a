"""From an object of a list to the mention of a company."""

from collections.abc import Mapping
from typing import Final

from pydantic import TypeAdapter, ValidationError

from orchestrator.identity import Mention
from orchestrator.infra.bounds import FilledText, Text, complaint_of

from .countries import country_code

_COMPANY: Final = ("company", "empresa")
_ABOUT: Final = (
    ("website", "sitio_web"),
    ("country", "pais"),
    ("city", "ciudad"),
    ("phone", "telefono"),
)
_NAME: Final = TypeAdapter(FilledText)
_FACT: Final = TypeAdapter(Text | None)


def checked_mention(given: object) -> Mention:
    """Return the mention in *given*: a name, or an object with `company`.

    It may have `website`, `country`, `city` and `phone`. The Spanish names of these fields are
    accepted, too; other fields are ignored. The bounds are those of every entry point.

    Raises:
        ValueError: It is neither, or out of bounds; the message reads on from what it is about.
    """
    mention = _mention_in(given)
    try:
        _NAME.validate_python(mention.name)
        for fact in mention[1:]:
            _FACT.validate_python(fact)
    except ValidationError as error:
        fault = error.errors(include_input=False, include_url=False)[0]
        raise ValueError(complaint_of(fault)) from None
    return mention


def _mention_in(given: object) -> Mention:
    if isinstance(given, str):
        return Mention(given)
    name = _first(given, _COMPANY) if isinstance(given, Mapping) else None
    if not isinstance(given, Mapping) or not isinstance(name, str):
        raise ValueError(  # noqa: TRY004 - it came over the wire
            'must be a text or an object with a "company"'
        )
    about = {names[0]: _first(given, names, "") for names in _ABOUT}
    texts = {field: value for field, value in about.items() if isinstance(value, str)}
    if len(texts) < len(about):
        raise ValueError(
            'must have a "website", "country", "city" and "phone" that are texts, if any'
        )
    return _mention(name, **texts)


def _mention(name: str, *, website: str, country: str, city: str, phone: str) -> Mention:
    """Return the mention that texts make; an unusable website, country or phone is left out.

    With a blank name the others are ignored: they identify no company.
    """
    if not name.strip():
        return Mention(name)
    return Mention.of_lead(
        name,
        website=website.strip() or None,
        country=country_code(country) if country else None,
        city=city,
        phone=phone,
    )


def _first(given: Mapping[str, object], names: tuple[str, ...], default: object = None) -> object:
    return next((given[name] for name in names if given.get(name) is not None), default)
