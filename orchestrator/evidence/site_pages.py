"""Which pages of a company's site tell more of it than its home page: about, legal notice, contact.

A page is known by the last part of its address. The words: `data/site_pages.toml`.
"""

from collections.abc import Container, Iterable, Sequence
from functools import cache
from typing import Final
from urllib.parse import unquote, urlsplit

from .hosts import host_of, registrable
from .model import Page
from .passages import skeleton
from .word_lists import WordFile, load

#: Addresses that are kept of one page.
MOST_LINKS: Final = 12
#: Characters of an address that is kept.
_LONGEST_URL: Final = 300


class _Words(WordFile):
    """What the addresses of each kind of page have; the most telling kind comes first."""

    about: tuple[str, ...]
    legal: tuple[str, ...]
    contact: tuple[str, ...]


#: In the order in which they are worth reading: about says the size, the legal notice whose site it
#: is and where it is registered, contact how to reach it.
KINDS: Final = ("about", "legal", "contact")
#: Fields of an answer, of which one makes a page superfluous. A legal notice never is: nothing else
#: is as sure of the country.
_KNOWN_BY: Final = {"about": ("headcount", "size_band"), "contact": ("emails",)}


def telling_links(page_url: str, links: Iterable[str]) -> tuple[str, ...]:
    """Return those of *links* that lead to a page worth reading of the same site, without repeats.

    >>> telling_links("https://acme.es/", ["https://acme.es/aviso-legal", "https://acme.es/blog/1"])
    ('https://acme.es/aviso-legal',)
    """
    own = registrable(host_of(page_url) or "")
    found: dict[str, None] = {}
    for link in links:
        url = link.partition("#")[0]
        if len(url) <= _LONGEST_URL and kind_of(url) and registrable(host_of(url) or "") == own:
            found[url] = None
        if len(found) == MOST_LINKS:
            break
    return tuple(found)


def kind_of(url: str) -> str | None:
    """Return which of `KINDS` a page is, by its address; None for any other page.

    >>> kind_of("https://acme.es/es/quienes-somos/"), kind_of("https://acme.es/contacto/mapa")
    ('about', None)
    """
    parts = urlsplit(url)
    last = skeleton(unquote(parts.path.rstrip("/").rpartition("/")[2]))
    if not last or parts.scheme not in {"http", "https"}:
        return None
    return next((kind for kind, words in _words() if any(word in last for word in words)), None)


def pages_to_read(crawled: Sequence[Page], known: Container[str]) -> tuple[str, ...]:
    """Return the pages that are still worth reading: of each kind the first that is linked.

    Args:
        crawled: The pages that were read.
        known: The fields of the assembled answer. What a page is read for is not paid again.
    """
    done = {kind_of(page.url) for page in crawled}
    done |= {kind for kind, fields in _KNOWN_BY.items() if any(map(known.__contains__, fields))}
    by_kind: dict[str, str] = {}
    for url in (link for page in crawled for link in page.links):
        kind = kind_of(url)
        if kind is not None and kind not in done:
            by_kind.setdefault(kind, url)
    return tuple(by_kind[kind] for kind in KINDS if kind in by_kind)


@cache
def _words() -> tuple[tuple[str, tuple[str, ...]], ...]:
    words = load(_Words, "site_pages.toml")
    return tuple((kind, getattr(words, kind)) for kind in KINDS)
