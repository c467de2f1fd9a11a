"""The truth about one company of the invented world. Pure."""

from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple

from orchestrator.embedded.sandbox.fake_data import SeededRandom
from orchestrator.embedded.sandbox.world.vocabulary import Language


class Trait(StrEnum):
    """What makes a company hard to find, or its sources hard to read."""

    OUTRANKED = "outranked"  # its site is at rank 2-5, behind social networks and directories
    NAMESAKES = "namesakes"  # other companies of its name have sites and places of their own
    NAMESAKE_FIRST = "namesake_first"  # and one of them is ranked before it
    NO_WEBSITE = "no_website"
    PARKED = "parked"  # a domain of its name is parked or for sale; it has no site
    PARENT_SITE = "parent_site"  # it has a page on the site of its group, and no site
    ODD_DOMAIN = "odd_domain"  # its domain does not resemble its name
    UNREACHABLE = "unreachable"  # its site cannot be crawled
    SCRIPT_ONLY = "script_only"  # its pages are empty without scripts
    SOFT_404 = "soft_404"  # links lead to pages that say "not found" with status success
    DESIGNER = "designer"  # legal pages name the web designer's and the authority's contacts
    PERSONAL_MAIL = "personal_mail"  # pages show an employee's address
    DIRTY_TEXT = "dirty_text"  # markup, control characters, U+2028
    HUGE = "huge"  # a crawled page of 5 MB
    CLOSED = "closed"  # permanently closed, as Maps says
    MAPS_OTHER = "maps_other"  # Maps returns another company nearby
    MAPS_MISSING = "maps_missing"  # Maps returns nothing
    FACEBOOK_ON_MAPS = "facebook_on_maps"  # its website on Maps is a page of a social network
    WALLED = "walled"  # every search for it is walled: no items
    UNFINDABLE = "unfindable"  # no source knows it


class News(NamedTuple):
    """A headline with its category, address and age."""

    category: str
    headline: str
    url: str
    days_ago: int


@dataclass(frozen=True, slots=True)
class Company:
    """The truth about one company.

    Attributes:
        id: The company key; of other companies of the name with `#` and a number, of neighbours
            that Maps confuses with it with `~`.
        slug: The part of addresses of directories and social networks that stands for it.
        domain: Host of its own working site without `www.`, None if it has none.
        other_domains: Hosts that look like its own: parked, or its group's.
        phones: E.164, the one of its place first.
        emails: Company-level mailboxes, shown on its site.
        tax_id: Compact form.
        headcount_on_site, tax_id_on_site, phone_links: What its site states; a phone number
            without link is in the text only.
        band_in_snippet: Whether a search snippet names its size band.
        has_place: Whether Maps has a place of it.
    """

    id: str
    slug: str
    name: str
    brand: str
    sector: str
    category: str
    country: str
    language: Language
    city: str
    region: str
    postal_code: str
    street: str
    founded: int
    headcount: int
    size_band: str
    domain: str | None
    other_domains: tuple[str, ...]
    phones: tuple[str, ...]
    emails: tuple[str, ...]
    tax_id_type: str | None
    tax_id: str | None
    socials: tuple[str, ...]
    jobs: tuple[str, ...]
    news: tuple[News, ...]
    technologies: tuple[str, ...]
    traits: frozenset[Trait]
    headcount_on_site: bool
    tax_id_on_site: bool
    phone_links: bool
    band_in_snippet: bool
    has_place: bool

    @property
    def address(self) -> str:
        """Its postal address in one line."""
        return f"{self.street}, {self.postal_code} {self.city}"

    @property
    def has_readable_site(self) -> bool:
        """Whether a crawl of its site yields text."""
        return self.domain is not None and not self.traits & {
            Trait.UNREACHABLE,
            Trait.SCRIPT_ONLY,
        }

    @property
    def is_findable(self) -> bool:
        """Whether any source but directories says something about it."""
        return Trait.UNFINDABLE not in self.traits and (self.has_readable_site or self.has_place)

    def random(self, topic: str) -> SeededRandom:
        """Return the random numbers that decide how sources present *topic* of it."""
        return SeededRandom(self.id, topic)
