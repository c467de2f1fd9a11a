"""Says which hosts are never a company's own site, and what the registrable domain of a host is.

A list (`data/hosts.tsv`, which sales-ops can edit) and, for sites that no list has, rules over the
words of a host's labels (`data/host_rules.tsv`). Knows hosts only: whose site a host is, `website`
decides.
"""

import re
from enum import StrEnum
from functools import cache, lru_cache
from itertools import groupby
from operator import itemgetter
from typing import Final, NamedTuple
from urllib.parse import urlsplit

from publicsuffixlist import PublicSuffixList

from orchestrator.identity.writing import split_words

from .texts import rows_of

_ANY_SUFFIX: Final = ".*"
_LONGEST_HOST: Final = 253
_LONGEST_URL: Final = 2_048
_SCHEME: Final = re.compile(r"(?:[a-zA-Z][a-zA-Z0-9+.-]{0,20}:)?//")
_HOST: Final = re.compile(r"[a-z0-9_-]{1,63}(?:\.[a-z0-9_-]{1,63}){1,30}")
_LENGTH_OF_COUNTRY: Final = 2
_COUNTRY_OF: Final = {"uk": "GB"}
_SOLD_TO_ALL: Final = frozenset(
    ("ag", "ai", "am", "at", "bz", "cc", "co", "eu", "fm", "gg", "gl", "gs", "im", "io", "is", "la")
) | frozenset(
    ("li", "ly", "me", "ms", "mu", "nu", "pw", "sc", "sh", "st", "su", "tk", "tl", "to", "tv", "ws")
)
_GOVERNMENT: Final = re.compile(
    r"(?:^|\.)(?:gov|gob|gub|gouv|govt|mil|jus|leg|fed)(?:\.[a-z]{2})?$|\.(?:go|gc|gv)\.[a-z]{2}$"
)


class HostKind(StrEnum):
    """What a host is that is never a company's own; the values are the words of `hosts.tsv`."""

    SOCIAL = "social"
    DIRECTORY = "directory"
    REGISTRY = "registry"
    JOBS = "jobs"
    ENCYCLOPEDIA = "encyclopedia"
    MARKETPLACE = "marketplace"
    NEWS = "news"
    DATA_VENDOR = "data_vendor"
    REVIEWS = "reviews"
    MAPS = "maps"
    SEARCH = "search"
    GOVERNMENT = "government"
    LINKS = "link_shortener"
    FILES = "files"
    PARKING = "parking"
    PLATFORM = "platform"
    """The root of a site builder; a subdomain of it may be a company's only site."""


@cache
def _rules() -> tuple[tuple[HostKind, re.Pattern[str]], ...]:
    by_kind = groupby(rows_of("host_rules.tsv", 2), key=itemgetter(0))
    return tuple(
        (HostKind(kind), re.compile("|".join(name for _, name in rows))) for kind, rows in by_kind
    )


class _Hosts(NamedTuple):
    exact: dict[str, HostKind]
    brands: dict[str, HostKind]
    platforms: frozenset[str]


@cache
def _host_list() -> _Hosts:
    """Read the list; a line with another shape or kind is an error of the package."""
    exact: dict[str, HostKind] = {}
    brands: dict[str, HostKind] = {}
    for kind, hosts in rows_of("hosts.tsv", 2):
        for host in hosts.split():
            if host.endswith(_ANY_SUFFIX):
                brands[host.removesuffix(_ANY_SUFFIX)] = HostKind(kind)
            else:
                exact[host] = HostKind(kind)
    platforms = frozenset(host for host, kind in exact.items() if kind is HostKind.PLATFORM)
    return _Hosts(exact, brands, platforms)


@cache
def _suffixes() -> PublicSuffixList:
    return PublicSuffixList(only_icann=True)


def host_of(url: str) -> str | None:
    """Return the host of a URL or of a bare host, in ASCII and without `www.`; None if it has none.

    Accepts anything that a search result or a place has as its address.
    """
    text = url[:_LONGEST_URL].strip()
    if not _SCHEME.match(text):
        if "@" in text.partition("/")[0]:
            return None
        text = f"//{text}"
    try:
        host = urlsplit(text).hostname or ""
        host = host.rstrip(".").encode("idna").decode() if not host.isascii() else host.rstrip(".")
    except ValueError:  # UnicodeError of a label that is no label is one, too
        return None
    host = host.removeprefix("www.")
    return host if len(host) <= _LONGEST_HOST and _HOST.fullmatch(host) else None


@lru_cache(maxsize=4_096)
def registrable(host: str) -> str:
    """Return the domain that was registered for *host*; *host* itself where there is none.

    A subdomain of a site builder's root counts as registered: `acme.wixsite.com`.

    >>> registrable("tienda.acme.com.mx"), registrable("acme.wixsite.com")
    ('acme.com.mx', 'acme.wixsite.com')
    """
    host = host[-_LONGEST_HOST:]
    platform = _platform_of(host)
    if platform is not None and platform != host:
        return f"{host[: -len(platform) - 1].rpartition('.')[2]}.{platform}"
    return _suffixes().privatesuffix(host) or host


def label_of(domain: str) -> str:
    """Return the label of a registrable domain that its owner chose: `acme` of `acme.com.mx`."""
    return domain.partition(".")[0]


def folded_label(domain: str) -> str:
    """Return `label_of` as people read it, without accents: `munoz` of `xn--muoz-hqa.es`."""
    label = label_of(domain)
    if not label.startswith("xn--"):
        return label
    try:
        return "".join(split_words(label.encode().decode("idna")))
    except UnicodeError:
        return label


def country_of_suffix(domain: str) -> str | None:
    """Return the country of a domain's suffix, ISO 3166-1 alpha-2; None if it is of none.

    Suffixes that are sold in all countries (`.co`, `.io`) are of no country.
    """
    suffix = domain.rpartition(".")[2]
    if len(suffix) != _LENGTH_OF_COUNTRY or suffix in _SOLD_TO_ALL:
        return None
    return _COUNTRY_OF.get(suffix, suffix.upper())


@lru_cache(maxsize=4_096)
def kind_of(host: str) -> HostKind | None:
    """Return what *host* is if it's never a company's own site; None where it may be.

    Args:
        host: In lower case, with or without `www.`. A listed host stands for its subdomains, too.
    """
    host = host.lower().removeprefix("www.").rstrip(".")
    platform = _platform_of(host)
    if platform is not None:
        return HostKind.PLATFORM if platform == host else None
    listed = _host_list()
    for parent in _parents(host):
        if kind := listed.exact.get(parent):
            return kind
    label = label_of(registrable(host))
    return listed.brands.get(label) or _kind_by_rule(host, label)


def _kind_by_rule(host: str, label: str) -> HostKind | None:
    if _GOVERNMENT.search(host):
        return HostKind.GOVERNMENT
    squeezed = label.replace("-", "")
    return next((kind for kind, names in _rules() if names.search(squeezed)), None)


def _parents(host: str) -> list[str]:
    labels = host[-_LONGEST_HOST:].split(".")
    return [".".join(labels[i:]) for i in range(len(labels))]


def _platform_of(host: str) -> str | None:
    platforms = _host_list().platforms
    return next((parent for parent in _parents(host) if parent in platforms), None)
