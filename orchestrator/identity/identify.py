"""What is known of a company: its name, understood, and the facts that tell it from others.

A key is made of the name alone wherever the name says which company is meant: a lead with a
website and one without must not be paid for twice. Only where it does not, a *refined* key adds
what else is known behind a tilde, which no key of a name with letters or digits contains:

    sa~acme.com            the domain, if there is one
    acme~mx   acme~mx~sa   otherwise the country, and the legal form
    acme~~sl               or the legal form alone
"""

import hashlib
import re
from typing import Final, NamedTuple

from .company import parse_name
from .domains import brand, company_domain
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
_COUNTRY_LENGTH: Final = 2
_ENOUGH: Final = 2


class Facts(NamedTuple):
    """What is known beside the name. `country` is ISO 3166-1 alpha-2, `legal_form` a label."""

    domain: str | None = None
    country: str | None = None
    legal_form: str | None = None

    def tell_apart(self, others: "Facts") -> bool:
        """Say whether two companies of one name, known by these facts, are certainly two.

        A group has many domains, branches in many countries, and changes its legal form; all
        of that is one company. Two of the three at once are two companies. The same domain is
        one company, whatever else is said.
        """
        return self.domain != others.domain and self.contradictions(others) >= _ENOUGH

    def contradictions(self, others: "Facts") -> int:
        """Count the facts that both know, and know differently."""
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
    """What a name and its facts say about which company is meant.

    `key` is the name's own (`name_key`), refined only where the name is not `distinctive` and
    a domain is known. `removed` says what came off the name and why. `is_ambiguous`: nothing
    that was given says which company is meant, so nothing may be bought.
    """

    key: str
    name_key: str
    display_name: str
    removed: tuple[Removal, ...]
    distinctive: bool
    facts: Facts

    @property
    def legal_form(self) -> str | None:
        """The label of the legal form that the name has, if it has one."""
        return self.facts.legal_form

    @property
    def is_ambiguous(self) -> bool:
        """Whether anybody could be meant."""
        return not self.distinctive and self.facts.domain is None

    @property
    def is_keyed(self) -> bool:
        """Whether it was made of a refined key, which says by itself which company is meant."""
        return self.distinctive and MARK in self.key

    @property
    def claims_its_name(self) -> bool:
        """Whether who comes with it is taken down among the companies of its name."""
        return self.distinctive and self.facts.domain is not None and MARK not in self.key

    @property
    def refined_key(self) -> str | None:
        """The key with all that is known in it; None if nothing is known beside the name."""
        return refine(self.name_key, self.facts)


def identify(name: str, *, country: str | None = None, domain: str | None = None) -> Identity:
    """Return who is meant by *name*, as far as that can be told without asking anybody.

    Pure. Which names several companies share, and what people have decided, is known to the
    company index; it starts from this.

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
    parsed = parse_name(name)
    code = (country or "").strip().upper()
    is_code = len(code) == _COUNTRY_LENGTH and code.isascii() and code.isalpha()
    facts = Facts(company_domain(domain), code if is_code else None, parsed.legal_form)
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
    """Return *name_key* with what tells its company from others of the name; None if nothing."""
    if facts.domain:
        return f"{name_key}{MARK}{_bounded(facts.domain)}"
    if not facts.country and not facts.legal_form:
        return None
    key = f"{name_key}{MARK}{(facts.country or '').lower()}"
    return f"{key}{MARK}{_bounded(_slug(facts.legal_form))}" if facts.legal_form else key


def as_key(text: str) -> str:
    """Return the key that *text* is or names: a refined key as it is, else the name's key.

    Raises:
        InvalidCompanyName: *text* is blank.
    """
    if not is_refined(text):
        return parse_name(text).key
    name, _, rest = text.strip().partition(MARK)
    return f"{parse_name(name).key}{MARK}{rest.lower()}" if name else text.strip()


def is_refined(text: str) -> bool:
    """Say whether *text* is a refined key, which no name reads like.

    >>> is_refined("acme~acme.com"), is_refined("acme~mx~sa"), is_refined("Tom~Jerry")
    (True, True, False)
    """
    _, mark, rest = text.strip().partition(MARK)
    return bool(mark) and _REFINEMENT.fullmatch(rest.lower()) is not None


def of_key(key: str) -> Identity:
    """Return what *key* says about its company: less than the name and the facts did.

    >>> of_key("acme~acme.com").facts.domain, of_key("acme").display_name
    ('acme.com', 'acme')
    """
    name, _, rest = key.partition(MARK) if is_refined(key) else (key, "", "")
    told = identify(
        name.replace("_", " ") or key,
        domain=rest,
        country=None if "." in rest else rest.partition(MARK)[0],
    )
    return told._replace(key=key, name_key=name or key)


def asked_as(key: str, identity: Identity) -> str:
    """Return what the seller is asked for about the company of *key*, which *identity* means.

    The name as it was written, where the key is made of it; and behind it in brackets the domain
    or country that refines the key. A legal form is in the name already.

    >>> asked_as("acme~acme.mx", identify("Acme, S.A.")), asked_as("meta", identify("Facebook"))
    ('Acme, S.A. (acme.mx)', 'meta')
    """
    name, _, rest = key.partition(MARK)
    words = identity.display_name if name == identity.name_key else name.replace("_", " ")
    told = rest.partition(MARK)[0]
    if told == _bounded(identity.facts.domain or ""):
        told = identity.facts.domain or ""
    elif "." not in told:
        told = told.upper() if len(told) == _COUNTRY_LENGTH else ""
    return f"{words} ({told})" if told else words


def _slug(legal_form: str) -> str:
    return "".join(split_words(legal_form))


def _bounded(text: str) -> str:
    if len(text) <= _LONGEST_DOMAIN:
        return text
    return f"x{hashlib.blake2b(text.encode(), digest_size=_DIGEST_BYTES).hexdigest()}"
