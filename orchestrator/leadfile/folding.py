"""Texts as they are compared: without case, accents and punctuation."""

import unicodedata


def fold(text: str) -> str:
    """Return *text* without case, accents and punctuation, words separated by one space.

    >>> fold("  Correo_Electrónico: "), fold("EE.UU.")
    ('correo electronico', 'eeuu')
    """
    letters = unicodedata.normalize("NFKD", text.replace(".", "")).casefold()
    kept = (c for c in letters if not unicodedata.combining(c))
    return " ".join("".join(c if c.isalnum() else " " for c in kept).split())
