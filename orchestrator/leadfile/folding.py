"""Texts as they are compared: without case, accents and punctuation."""

import unicodedata
from typing import Final

#: Many texts are in ASCII, and there may be a million rows of them.
_LETTERS_ONLY: Final = "".join(chr(c) if chr(c).isalnum() else " " for c in range(0x80))


def fold(text: str) -> str:
    """Return *text* without case, accents and punctuation, words separated by one space.

    >>> fold("  Correo_Electrónico: "), fold("EE.UU.")
    ('correo electronico', 'eeuu')
    """
    if text.isascii():
        return " ".join(text.replace(".", "").lower().translate(_LETTERS_ONLY).split())
    letters = unicodedata.normalize("NFKD", text.replace(".", "")).casefold()
    kept = (c for c in letters if not unicodedata.combining(c))
    return " ".join("".join(c if c.isalnum() else " " for c in kept).split())
