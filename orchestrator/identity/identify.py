"""Identifies a company by its name and the facts that distinguish it from others of that name.

A key is made of the name alone wherever the name says which company is meant: a lead with a
website and one without must not be bought twice. Only elsewhere, a *refined* key adds what else is
known behind a tilde, which no key of a name with letters or digits contains:

    sa~acme.com            the domain, if there is one
    acme~mx   acme~mx~sa   otherwise the country, and the legal form
    acme~~sl               or the legal form alone

Pure, except that the lists of mail providers are imported on first use.
"""

import hashlib
import re
from functools import lru_cache
from typing import Final, NamedTuple, Protocol

from .company import parse_name
from .stripping import Removal
from .writing import split_words

MARK: Final = "~"
MAX_REFINED_LENGTH: Final = 192
"""Characters of a refined key at most: those of a key, the mark, and what refines it."""
_LONGEST_DOMAIN: Final = 64
#: What stands behind the mark: a domain, the digest of a long one, a country, a legal form.
_REFINEMENT: Final = re.compile(
    r"(?:[a-z0-9_-]+\.)+[a-z0-9-]{2,}|x[0-9a-f]{24}|[a-z]{2}(?:~\w+)?|~\w+"
)
_DIGEST_BYTES: Final = 12
_COUNTRY_LENGTH: Final = 2  # of a country code, and of its top-level domain
_ENOUGH: Final = 2
_HOST: Final = re.compile(r"(?!-)[a-z0-9_-]{1,63}(\.[a-z0-9_-]{1,63})*\.(xn--[a-z0-9-]+|[a-z]{2,})")
_ADDRESS: Final = re.compile(r"https?://|www\.|\S+@", re.IGNORECASE)
"""Begins a website or an e-mail address in the place of a name; its domain serves instead."""
_LONGEST_HOST: Final = 253
_PAGES: Final = (
    *("facebook.com", "fb.com", "instagram.com", "linkedin.com", "twitter.com", "x.com"),
    *("youtube.com", "tiktok.com", "wa.me", "t.me", "linktr.ee", "bit.ly", "google.com"),
    *("wikipedia.org", "amazon.com", "paginasamarillas.es", "yelp.com", "tripadvisor.com"),
    *("example.com", "example.net", "example.org"),
)
"""Hosts on which many companies have a page, and those that RFC 2606 reserves for examples."""
_CATEGORY_LABEL: Final = 3
#: Separates the parts of a mention as a text; no usable name has it.
_SEPARATOR: Final = "\0"
#: Parts of a mention as a text, with and without town and phone.
_PARTS: Final = frozenset({3, 5})
_LONGEST_PHONE: Final = 40


class Facts(NamedTuple):
    """Facts beside the name. `country` is ISO 3166-1 alpha-2, `legal_form` a label of the table."""

    domain: str | None = None
    country: str | None = None
    legal_form: str | None = None

    def tell_apart(self, others: "Facts") -> bool:
        """Return whether companies of one name with these and *others* as facts are certainly two.

        A group has many domains, branches in many countries, and changes its legal form: one
        difference is one company. Two differences are two companies. The same domain is one
        company, whatever else differs.
        """
        return self.domain != others.domain and self.contradictions(others) >= _ENOUGH

    def contradictions(self, others: "Facts") -> int:
        """Return how many facts are known on both sides and differ."""
        return sum(
            mine is not None and theirs is not None and mine != theirs
            for mine, theirs in (
                (self.domain and brand(self.domain), others.domain and brand(others.domain)),
                (self.country, others.country),
                (self.legal_form, others.legal_form),
            )
        )

    def __str__(self) -> str:
        return ", ".join(fact for fact in self if fact)


class Identity(NamedTuple):
    """Which company a name and its facts mean, as far as they say it themselves.

    `key` is the name's own (`name_key`), refined only where the name is not `distinctive` and
    a domain is known. `removed` lists what came off the name and why. `city` and `phone` (E.164)
    change no key: they tell whether evidence is about this company.
    """

    key: str
    name_key: str
    display_name: str
    removed: tuple[Removal, ...]
    distinctive: bool
    facts: Facts
    city: str | None = None
    phone: str | None = None

    @property
    def is_ambiguous(self) -> bool:
        """Whether nothing says which company is meant, so that nothing may be bought."""
        return not self.distinctive and self.facts.domain is None

    @property
    def is_assignable(self) -> bool:
        """Whether the index assigns its name, with its domain, to a company."""
        return self.distinctive and self.facts.domain is not None and MARK not in self.key


def identify(name: str, *, country: str | None = None, domain: str | None = None) -> Identity:
    """Return which company *name* means, as far as the arguments say it.

    Pure. The company index starts from this: it knows which names several companies share, and
    what people have decided.

    Args:
        name: As people write it.
        country: ISO 3166-1 alpha-2; anything else counts as unknown.
        domain: A host, a URL or an e-mail address; free mail and the like count as unknown.

    Raises:
        InvalidCompanyName: If *name* is blank.

    >>> identify("Grupo Bimbo, S.A.B. de C.V.", domain="grupobimbo.com").key
    'grupo_bimbo'
    >>> identify("S.A.", domain="https://www.acme.com/").key, identify("S.A.").is_ambiguous
    ('sa~acme.com', True)
    """
    code = (country or "").strip().upper()
    is_code = len(code) == _COUNTRY_LENGTH and code.isascii() and code.isalpha()
    parsed = parse_name(name, code if is_code else None)
    address = name.strip() if not parsed.distinctive and _ADDRESS.match(name.strip()) else None
    facts = Facts(
        company_domain(domain) or company_domain(address),
        code if is_code else None,
        parsed.legal_form,
    )
    refined = None if parsed.distinctive or not facts.domain else refine(parsed.key, facts)
    return Identity(
        key=refined or parsed.key,
        name_key=parsed.key,
        display_name=parsed.display_name,
        removed=parsed.removed,
        distinctive=parsed.distinctive,
        facts=facts,
    )


def refine(name_key: str, facts: Facts) -> str | None:
    """Return *name_key* refined by *facts*; None if there are none."""
    if facts.domain:
        return f"{name_key}{MARK}{_bounded(facts.domain)}"
    if not facts.country and not facts.legal_form:
        return None
    key = f"{name_key}{MARK}{(facts.country or '').lower()}"
    return f"{key}{MARK}{_bounded(_slug(facts.legal_form))}" if facts.legal_form else key


def as_key(text: str) -> str:
    """Return *text* if it is a refined key, else the key of the name that it is.

    Raises:
        InvalidCompanyName: *text* is blank.
    """
    if not is_refined(text):
        return parse_name(text).key
    name, _, rest = text.strip().partition(MARK)
    return f"{parse_name(name).key}{MARK}{rest.lower()}" if name else text.strip()


def is_refined(text: str) -> bool:
    """Return whether *text* is a refined key; no name has that form.

    >>> is_refined("acme~acme.com"), is_refined("acme~mx~sa"), is_refined("Tom~Jerry")
    (True, True, False)
    """
    _, mark, rest = text.strip().partition(MARK)
    return bool(mark) and _REFINEMENT.fullmatch(rest.lower()) is not None


def of_key(key: str) -> Identity:
    """Return what *key* says about its company: less than the name and its facts did.

    >>> of_key("acme~acme.com").facts.domain, of_key("acme").display_name
    ('acme.com', 'acme')
    """
    name, _, rest = key.partition(MARK) if is_refined(key) else (key, "", "")
    identity = identify(
        name.replace("_", " ") or key,
        domain=rest,
        country=None if "." in rest else rest.partition(MARK)[0],
    )
    return identity._replace(key=key, name_key=name or key)


def words_and_fact(key: str, identity: Identity) -> tuple[str, str]:
    """Return the name of the company of *key*, and the domain or country that refines the key.

    The name as *identity* writes it, where the key is made of it. A legal form that refines the key
    is in the name already.

    >>> words_and_fact("acme~acme.mx", identify("Acme, S.A."))
    ('Acme, S.A.', 'acme.mx')
    >>> words_and_fact("meta", identify("Facebook"))
    ('meta', '')
    """
    name, _, rest = key.partition(MARK)
    words = identity.display_name if name == identity.name_key else name.replace("_", " ")
    fact = rest.partition(MARK)[0]
    domain = identity.facts.domain
    if domain and fact == _bounded(domain):
        fact = domain
    elif "." not in fact:
        fact = fact.upper() if len(fact) == _COUNTRY_LENGTH else ""
    return words, fact


def _slug(legal_form: str) -> str:
    return "".join(split_words(legal_form))


def _bounded(text: str) -> str:
    if len(text) <= _LONGEST_DOMAIN:
        return text
    return f"x{hashlib.blake2b(text.encode(), digest_size=_DIGEST_BYTES).hexdigest()}"


class NamesCompany(Protocol):
    """A lead, of a file or of the database."""

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

    @property
    def city(self) -> str | None:
        """The company's town."""

    @property
    def phone(self) -> str | None:
        """A phone number, as it was typed."""


class Mention(NamedTuple):
    """A company as a lead or a caller names it: a name, and facts beside it.

    `website` is a host or a URL, `country` an ISO 3166-1 alpha-2 code, `city` a town as people
    write it, `phone` the company's in E.164. A page at a social network counts as unknown.
    """

    name: str
    website: str | None = None
    country: str | None = None
    city: str | None = None
    phone: str | None = None

    @classmethod
    def of(cls, text: str) -> "Mention":
        """Parse what `text` returns; any other text is a name."""
        if _SEPARATOR not in text:
            return cls(text)
        name, *facts = text.split(_SEPARATOR)
        if len(facts) + 1 not in _PARTS:
            return cls(text)
        return cls(name, *(fact or None for fact in facts))

    @classmethod
    def of_lead(
        cls,
        name: str,
        *,
        website: str | None = None,
        email: str | None = None,
        country: str | None = None,
        city: str | None = None,
        phone: str | None = None,
    ) -> "Mention":
        """Return how a lead names its company: by the domain of its website, else of its e-mail.

        The e-mail address itself is left out: it is personal, and would differ in every lead; so
        is a phone number that may be a person's.
        """
        domain = company_domain(website) or company_domain(email)
        city = " ".join((city or "").split()) or None
        return cls(name, domain, country, city, company_phone(phone, country))

    @property
    def text(self) -> str:
        """The mention as one text, as jobs keep their items: the name alone where it is all."""
        facts = [fact or "" for fact in self[1:]]
        if not any(facts):
            return self.name
        return _SEPARATOR.join((self.name, *(facts if any(facts[2:]) else facts[:2])))

    def identify(self) -> Identity:
        """Return which company is meant, as far as the mention says it.

        A refined key may stand for the name: it names one company by itself.

        Raises:
            InvalidCompanyName: The name is blank.
        """
        if is_refined(self.name):
            identity = of_key(as_key(self.name))
        else:
            identity = identify(self.name, country=self.country, domain=self.website)
        return identity._replace(city=self.city, phone=self.phone)


def mention_of(lead: NamesCompany) -> Mention:
    """Return how *lead* names its company."""
    return Mention.of_lead(
        lead.company,
        website=lead.website,
        email=lead.email,
        country=lead.country,
        city=lead.city,
        phone=lead.phone,
    )


# As with `parse_name`.
@lru_cache(maxsize=4_096)
def company_domain(address: str | None) -> str | None:
    """Return the domain by which *address* names a company, in ASCII; None if it names none.

    Free and disposable mail, hosts of other companies' pages, IP addresses and texts that are no
    address name none. A host is taken whole, without `www.`: `es.acme.com` and `acme.com` are two
    domains of one *brand*, while `acme.wixsite.com` and `other.wixsite.com` are two brands, without
    a list of all such hosts.

    Args:
        address: An http(s) URL, a bare host, or an e-mail address, as people type them.

    >>> company_domain("https://www.Acme.com/es"), company_domain("ana@gmail.com")
    ('acme.com', None)
    """
    if not address:
        return None
    # Imported on first use: the lists are large, and a name alone needs none.
    from agents.domains import host_of, is_public_mail, listed_parent  # noqa: PLC0415

    host = _in_ascii(host_of(address if "://" in address else address.rpartition("@")[2]))
    if host is None or listed_parent(host, _PAGES) or is_public_mail(host):
        return None
    return host


@lru_cache(maxsize=4_096)
def company_phone(text: str | None, country: str | None) -> str | None:
    """Return *text*, a phone number as typed, in E.164 if it is certainly no person's; else None.

    That is a valid number of a fixed line or a service. A mobile one may be a person's, as any may
    be in countries whose numbers do not tell (MX, US).

    Args:
        text: As people type it.
        country: ISO 3166-1 alpha-2, for a number without country code.

    >>> company_phone("944 123 456", "ES"), company_phone("+34 600 123 456", None)
    ('+34944123456', None)
    """
    if not text:
        return None
    # Imported on first use: a name alone needs none.
    import phonenumbers  # noqa: PLC0415

    kinds = phonenumbers.PhoneNumberType
    companies = {kinds.FIXED_LINE, kinds.TOLL_FREE, kinds.SHARED_COST, kinds.UAN}
    try:
        number = phonenumbers.parse(text[:_LONGEST_PHONE], country)
    except phonenumbers.NumberParseException:
        return None
    # Of what is no valid number, the type is unknown.
    if phonenumbers.number_type(number) not in companies:
        return None
    return phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)


def brand(domain: str) -> str:
    """Return the label that the owner of *domain* chose: `acme` of `es.acme.com.mx`.

    An estimate without a list of public suffixes. Where it is wrong, it takes two domains for one
    brand, so it may only cast doubt on a difference, never join two companies.
    """
    *labels, top = domain.split(".")
    if len(labels) > 1 and len(top) == _COUNTRY_LENGTH and len(labels[-1]) <= _CATEGORY_LABEL:
        labels = labels[:-1]
    return labels[-1]


def _in_ascii(host: str | None) -> str | None:
    """Return *host* in ASCII; None if it cannot be a host of the public internet."""
    try:
        text = (host or "").encode("idna").decode()
    except UnicodeError:
        return None
    return text if len(text) <= _LONGEST_HOST and _HOST.fullmatch(text) else None
