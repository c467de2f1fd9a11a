"""A company as somebody names it, in one text where only texts travel. Pure.

Jobs keep their items as texts. Most are a name and nothing else, and that is its own text.
"""

from typing import Final, NamedTuple, Protocol

from .domains import company_domain
from .identify import Identity, as_key, identify, is_refined, of_key

#: What parts a text; no usable name has it.
_SEPARATOR: Final = "\0"
_PARTS: Final = 3


class NamesCompany(Protocol):
    """A lead, as a row has it or as it is stored."""

    @property
    def company(self) -> str:
        """The company's name."""

    @property
    def website(self) -> str | None:
        """A host or a URL."""

    @property
    def email(self) -> str | None:
        """The person's address."""

    @property
    def country(self) -> str | None:
        """An ISO 3166-1 alpha-2 code."""


class Mention(NamedTuple):
    """A name, and what is said beside it about which company is meant.

    `website` is a host or a URL, `country` an ISO 3166-1 alpha-2 code. What tells nothing, such
    as a page at a social network, counts as unknown.
    """

    name: str
    website: str | None = None
    country: str | None = None

    @classmethod
    def of(cls, text: str) -> "Mention":
        """Read what `text` returns; any other text is a name."""
        if _SEPARATOR not in text:
            return cls(text)
        parts = text.split(_SEPARATOR)
        if len(parts) != _PARTS:
            return cls(text)
        name, website, country = parts
        return cls(name, website or None, country or None)

    @classmethod
    def of_lead(
        cls, name: str, *, website: str | None, email: str | None, country: str | None
    ) -> "Mention":
        """Return how a lead names its company: by the domain of its website, else of its e-mail.

        The address itself stays behind: it is a person's, and no two leads would be alike.
        """
        return cls(name, company_domain(website) or company_domain(email), country)

    @property
    def text(self) -> str:
        """The mention as one text: the name alone where nothing else is said."""
        if not self.website and not self.country:
            return self.name
        return _SEPARATOR.join((self.name, self.website or "", self.country or ""))

    def identify(self) -> Identity:
        """Return who is meant, as far as that can be told without asking anybody.

        A refined key may stand for the name: it names one company by itself.

        Raises:
            InvalidCompanyName: The name is blank.
        """
        if is_refined(self.name):
            return of_key(as_key(self.name))
        return identify(self.name, country=self.country, domain=self.website)


def mention_of(lead: NamesCompany) -> Mention:
    """Return how *lead* names its company."""
    return Mention.of_lead(
        lead.company, website=lead.website, email=lead.email, country=lead.country
    )
