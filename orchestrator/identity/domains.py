"""Which internet domain, if any, tells what company a website or an e-mail address belongs to.

Pure, except that the lists of mail providers are imported on first use. A host is taken
whole, without `www.`: `es.acme.com` and `acme.com` are two domains of one *brand*, while
`acme.wixsite.com` and `other.wixsite.com` stay apart without a list of all such hosts.
"""

import re
from typing import Final

_HOST: Final = re.compile(r"(?!-)[a-z0-9_-]{1,63}(\.[a-z0-9_-]{1,63})*\.(xn--[a-z0-9-]+|[a-z]{2,})")
_LONGEST_HOST: Final = 253
_PAGES: Final = (
    *("facebook.com", "fb.com", "instagram.com", "linkedin.com", "twitter.com", "x.com"),
    *("youtube.com", "tiktok.com", "wa.me", "t.me", "linktr.ee", "bit.ly", "google.com"),
    *("wikipedia.org", "amazon.com", "paginasamarillas.es", "yelp.com", "tripadvisor.com"),
    *("example.com", "example.net", "example.org"),
)
"""Where companies only have a page: the path would tell whose, the host does not. Nor do those
that RFC 2606 reserves for examples."""
_COUNTRY_LABEL: Final = 2
_CATEGORY_LABEL: Final = 3


def company_domain(address: str | None) -> str | None:
    """Return the domain that *address* names a company by, in ASCII; None if it names none.

    Args:
        address: An http(s) URL, a bare host, or an e-mail address, as people type them.

    None for free and disposable mail, for hosts on which anybody has a page, for IP addresses,
    and for what is no address.

    >>> company_domain("https://www.Acme.com/es"), company_domain("ana@gmail.com")
    ('acme.com', None)
    """
    if not address:
        return None
    # The lists are large, and names need none.
    from agents.domains import host_of, listed_parent  # noqa: PLC0415
    from agents.mail_domains import is_anybodys  # noqa: PLC0415

    host = _in_ascii(host_of(address if "://" in address else address.rpartition("@")[2]))
    if host is None or listed_parent(host, _PAGES) or is_anybodys(host):
        return None
    return host


def brand(domain: str) -> str:
    """Return the label that the owner of *domain* chose: `acme` of `es.acme.com.mx`.

    A guess without a list of public suffixes. Where it is wrong it takes two domains for
    one brand, so it is used only to doubt that they tell companies apart, never to join two.
    """
    *labels, top = domain.split(".")
    if len(labels) > 1 and len(top) == _COUNTRY_LABEL and len(labels[-1]) <= _CATEGORY_LABEL:
        labels = labels[:-1]
    return labels[-1]


def _in_ascii(host: str | None) -> str | None:
    """Return *host* as its servers know it; None if it cannot be one of the public internet."""
    try:
        text = (host or "").encode("idna").decode()
    except UnicodeError:
        return None
    return text if len(text) <= _LONGEST_HOST and _HOST.fullmatch(text) else None
