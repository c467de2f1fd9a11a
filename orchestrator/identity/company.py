"""Turns a company's name, as people write it, into its company key; pure, linear in the name.

The steps: one writing (`writing`), no legal form (`stripping`), one wording (`wording`), joined
by underscores and bounded. A key is itself a name whose key it is.
"""

import hashlib
import re
import unicodedata
from typing import Final, NamedTuple

from .errors import InvalidCompanyName
from .forms import FORMS, Form
from .stripping import Removal, Stripped, strip
from .wording import join_letters, join_numbers, reword
from .writing import split_words, symbols, tidy

KEY_VERSION: Final = 1
"""Raised with every change that gives any name another key; what is stored under the old one is
then found no more, so a change ships with a migration."""

MAX_KEY_LENGTH: Final = 96
_DIGEST_BYTES: Final = 12
_BOUNDED: Final = re.compile(rf"\S*_x[0-9a-f]{{{2 * _DIGEST_BYTES}}}")
_HEAD_LENGTH: Final = MAX_KEY_LENGTH - 2 * _DIGEST_BYTES - len("_x")


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
    return _key(name, strip(FORMS.detach(words))) if words else _key_of_symbols(name)


def parse_name(name: str) -> ParsedName:
    """Return the company key of *name* with everything that explains it.

    Raises:
        InvalidCompanyName: If *name* is blank.
    """
    words = split_words(name)
    if not words:
        return ParsedName(_key_of_symbols(name), tidy(name), None, (), distinctive=False)
    stripped = strip(FORMS.detach(words))
    return ParsedName(
        _key(name, stripped),
        tidy(name),
        stripped.form and stripped.form.label,
        stripped.removed,
        _is_distinctive(stripped),
    )


def _key(name: str, stripped: Stripped) -> str:
    if name[-_DIGEST_BYTES * 2 - 2 :].startswith("_x") and _BOUNDED.fullmatch(name):
        return name
    words = reword(stripped.words, name)
    joined = join_letters(words)
    if joined is not words and strip(joined).words != joined:
        # Together, the initials of "Talleres A B" would be a Swedish company.
        joined = words
    if len(joined) == 1 == len(joined[0]):
        return _with_accent(joined[0], name)
    return _bounded(join_numbers("_".join(joined)))


def _with_accent(letter: str, name: str) -> str:
    """Return the only letter of a name as it is written: the companies Ñ and N are two."""
    written = unicodedata.normalize("NFC", name.casefold())
    return next((c for c in written if split_words(c) == [letter]), letter)


def _bounded(key: str) -> str:
    if len(key) <= MAX_KEY_LENGTH:
        return key
    head = key[:_HEAD_LENGTH]
    return f"{head.rpartition('_')[0] or head}_x{_digest(key)}"


def _digest(text: str) -> str:
    return hashlib.blake2b(text.encode(), digest_size=_DIGEST_BYTES).hexdigest()


def _key_of_symbols(name: str) -> str:
    text = symbols(name)
    if not text:
        raise InvalidCompanyName(name, "it is blank")
    return text if len(text) <= MAX_KEY_LENGTH else f"x{_digest(text)}"


def _is_distinctive(stripped: Stripped) -> bool:
    words = stripped.words
    return not FORMS.is_form(words) and any(c.isalnum() for word in words for c in word)
