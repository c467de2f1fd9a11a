"""Turns a company's name, as people write it, into its company key; pure, linear in the name.

The steps: one writing (`writing`), no legal form (`stripping`), one wording (`wording`), joined
by underscores and bounded. A key is itself a name whose key it is.
"""

import hashlib
import re
import unicodedata
from typing import Final, NamedTuple

from .errors import InvalidCompanyName
from .forms import FORMS
from .stripping import ARTICLE, Removal, Stripped, strip
from .wording import join_letters, join_parts, reword
from .writing import split_words, symbols, tidy

KEY_VERSION: Final = 3
"""Raised with every change that gives any name another key. What is stored under a key that is no
longer made is not found, and ends with its time to live: that company is paid for once more."""

MAX_KEY_LENGTH: Final = 96
_DIGEST_BYTES: Final = 12
_TAIL_MARK: Final = "_x"
_TAIL_LENGTH: Final = len(_TAIL_MARK) + 2 * _DIGEST_BYTES
_BOUNDED: Final = re.compile(
    rf"\S{{1,{MAX_KEY_LENGTH - _TAIL_LENGTH}}}{_TAIL_MARK}[0-9a-f]{{{2 * _DIGEST_BYTES}}}"
)
_MOST_REREADINGS: Final = 4
_MOST_WORDS: Final = 200
"""Nothing longer is a company's name; its words are taken as they are, in linear time."""


class ParsedName(NamedTuple):
    """A name, understood: its key, and what was taken off on the way and why.

    `legal_form` is the table's label (`S.A. de C.V.`), None if the name has none. `distinctive`
    is False for a name that is only a legal form or a symbol: it has a key, but nothing may be
    bought for it without a domain.
    """

    key: str
    display_name: str
    legal_form: str | None
    removed: tuple[Removal, ...]
    distinctive: bool


def company_key(name: str) -> str:
    """Return the key that every writing of *name* shares: `delta_air_lines`.

    At most `MAX_KEY_LENGTH` characters: lower-case words of any script joined by underscores, the
    tail of a longer one replaced by its digest.

    Raises:
        InvalidCompanyName: If *name* is blank.
    """
    words = split_words(name)
    return _key(name, _reduce(words, name).words) if words else _key_of_symbols(name)


def parse_name(name: str) -> ParsedName:
    """Return the company key of *name* with everything that explains it.

    Raises:
        InvalidCompanyName: If *name* is blank.
    """
    words = split_words(name)
    if not words:
        return ParsedName(_key_of_symbols(name), tidy(name), None, (), distinctive=False)
    rest, removed, form = _reduce(words, name)
    return ParsedName(
        key=_key(name, rest),
        display_name=tidy(name),
        legal_form=form and form.label,
        removed=removed,
        distinctive=_is_distinctive(rest),
    )


def _is_distinctive(words: list[str]) -> bool:
    bare = words[words[0] == ARTICLE :]
    return bool(bare) and not FORMS.is_form(bare) and any(map(str.isalnum, "".join(bare)))


def _reduce(words: list[str], name: str) -> Stripped:
    """Strip and reword until nothing changes, since one can make room for the other."""
    if len(words) > _MOST_WORDS:
        return Stripped(words, (), None)
    stripped = strip(words, name)
    while True:
        reworded = _reword(stripped.words, name)
        is_same = reworded is stripped.words and reworded[0] is words[0]
        if is_same and len(reworded[-1]) > 1 and all(map(str.isascii, reworded[-2:])):
            return stripped
        again = strip(reworded)
        if again.words == stripped.words:
            return stripped
        removed = stripped.removed + again.removed
        words, stripped = reworded, Stripped(again.words, removed, stripped.form or again.form)


def _reword(words: list[str], name: str) -> list[str]:
    apart = join_parts(reword(words, name))
    joined = join_letters(apart)
    # Together, the initials of "Talleres A B" would be a Swedish company, so they stay apart.
    return joined if joined is apart or strip(joined).words == joined else apart


def _key(name: str, words: list[str], rereadings: int = _MOST_REREADINGS) -> str:
    if name[-_TAIL_LENGTH:].startswith(_TAIL_MARK) and _BOUNDED.fullmatch(name):
        return name
    if len(words) == 1 == len(words[0]):
        return _with_accent(words[0], name)
    key = "_".join(words)
    if len(key) > MAX_KEY_LENGTH:
        return _bounded(key)
    if min(map(len, words)) > 1 or not rereadings:
        return key
    # Letters lose their dots in a key: what they are read as then is what counts.
    again = _reduce(split_words(key), key).words
    return key if again == words else _key(key, again, rereadings - 1)


def _with_accent(letter: str, name: str) -> str:
    """Return the only letter of a name as it is written: the companies Ñ and N are two."""
    written = unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", name).casefold())
    return next((c for c in written if split_words(c) == [letter]), letter)


def _bounded(key: str) -> str:
    head = key[: MAX_KEY_LENGTH - _TAIL_LENGTH]
    return f"{head.rpartition('_')[0] or head}{_TAIL_MARK}{_digest(key)}"


def _digest(text: str) -> str:
    return hashlib.blake2b(text.encode(), digest_size=_DIGEST_BYTES).hexdigest()


def _key_of_symbols(name: str) -> str:
    text = symbols(name)
    if not text:
        raise InvalidCompanyName(name, "it is blank")
    return text if len(text) <= MAX_KEY_LENGTH else f"x{_digest(text)}"
