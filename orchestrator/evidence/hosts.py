"""Says which hosts are never a company's own site, and what the registrable domain of a host is.

A list (`data/hosts.tsv`, which sales-ops can edit) and, for sites that no list has, rules over the
words of a host's labels. Knows hosts only: whose site a host is, `website` decides.
"""

import re
from enum import StrEnum
from functools import cache, lru_cache
from pathlib import Path
from typing import Final, NamedTuple
from urllib.parse import urlsplit

from publicsuffixlist import PublicSuffixList

_HOSTS: Final = Path(__file__).with_name("data") / "hosts.tsv"
_ANY_SUFFIX: Final = ".*"
_LONGEST_HOST: Final = 253
_LONGEST_URL: Final = 2_048
_HOST: Final = re.compile(r"[a-z0-9_-]{1,63}(?:\.[a-z0-9_-]{1,63}){1,30}")


class HostKind(StrEnum):
    """What a host is that is nobody's own site; the values are the words of `hosts.tsv`."""

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


class _Hosts(NamedTuple):
    exact: dict[str, HostKind]
    brands: dict[str, HostKind]
    platforms: frozenset[str]


@cache
def _listed() -> _Hosts:
    """Read the list; a line with another shape or kind is an error of the package."""
    exact: dict[str, HostKind] = {}
    brands: dict[str, HostKind] = {}
    for line in _HOSTS.read_text(encoding="utf-8").splitlines():
        if not line or line.startswith("#"):
            continue
        kind, hosts = line.split("\t")
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
    try:
        host = urlsplit(text if "//" in text else f"//{text}").hostname or ""
        host = host.rstrip(".").encode("idna").decode() if not host.isascii() else host.rstrip(".")
    except ValueError:  # UnicodeError of a label that is no label is one, too
        return None
    host = host.removeprefix("www.")
    return host if len(host) <= _LONGEST_HOST and _HOST.fullmatch(host) else None


@lru_cache(maxsize=4_096)
def registrable(host: str) -> str:
    """Return the domain that somebody registered for *host*; *host* itself where there is none.

    A subdomain of a site builder's root counts as registered: `acme.wixsite.com`.

    >>> registrable("tienda.acme.com.mx"), registrable("acme.wixsite.com")
    ('acme.com.mx', 'acme.wixsite.com')
    """
    platform = _platform_of(host)
    if platform is not None and platform != host:
        return f"{host[: -len(platform) - 1].rpartition('.')[2]}.{platform}"
    return _suffixes().privatesuffix(host) or host


def label_of(domain: str) -> str:
    """Return the label of a registrable domain that its owner chose: `acme` of `acme.com.mx`."""
    return domain.partition(".")[0]


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
    listed = _listed()
    for parent in _parents(host):
        if kind := listed.exact.get(parent):
            return kind
    return listed.brands.get(label_of(registrable(host)))


def _parents(host: str) -> list[str]:
    labels = host.split(".")
    return [".".join(labels[i:]) for i in range(len(labels))]


def _platform_of(host: str) -> str | None:
    platforms = _listed().platforms
    return next((parent for parent in _parents(host) if parent in platforms), None)
